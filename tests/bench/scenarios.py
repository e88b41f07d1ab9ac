"""Polls, drains and deletions: what takes time."""

from dataclasses import replace

from tests.bench import figures, messages
from tests.bench.figures import row
from tests.bench.fronts import GATEWAY


def poll(bench):
    """Nothing new: CPU without and with a connection upstream that may be left over."""
    _poll(bench, "near", "poll of 200", {"cold": 1 / 2, "warm": 1 / 4})


def tls_poll(bench):
    """The same with TLS on both sides."""
    _poll(bench, "tls", "TLS both sides, poll of 200", {"cold": 0.7, "warm": 0.4})


def _poll(bench, where, title, limits):
    box, count = bench.poll_box(), bench.scale.polls
    compared = bench.fronts(where)

    def cold(front):
        users = [bench.known(front, box, n) for n in range(count)]
        bench.restart(front)
        work = lambda: [bench.poll(front, user, box) for user in users]  # noqa: E731
        return bench.measured(front, work, times=count)

    def warm(front):
        user = bench.known(front, box)
        bench.poll(front, user, box)
        work = lambda: [bench.poll(front, user, box) for _ in range(count)]  # noqa: E731
        return bench.measured(front, work, times=count)

    for state, sample in (("cold", cold), ("warm", warm)):
        scenario = f"{title}, nothing new, {state}"
        found = bench.interleaved(scenario, compared, sample)
        bench.rows.append(row(scenario, figures.CPU, found, GATEWAY, limits[state]))
        bench.rows.append(row(scenario, figures.WALL, found, GATEWAY))


def far_poll(bench):
    """One poll over a long line: first ever, again, and again with what is left over."""
    size = bench.scale.far
    box = bench.box(f"far {size}", lambda: messages.tiny(size))

    def first(front):
        user = bench.upstream.user(box)
        return bench.measured(front, lambda: bench.poll(front, user, box))

    def repeated(front):
        user = bench.known(front, box)
        bench.restart(front)
        return bench.measured(front, lambda: bench.poll(front, user, box))

    def warm(front):
        user = bench.known(front, box)
        bench.poll(front, user, box)
        return bench.measured(front, lambda: bench.poll(front, user, box))

    states = (
        ("first ever", first, 1 / 40),
        ("repeated", repeated, 1 / 2),
        ("warm", warm, 1 / 5),
    )
    repeat = min(3, bench.scale.repeat)
    for state, sample, limit in states:
        scenario = f"poll of {size} at 50 ms round trip, {state}"
        found = bench.interleaved(scenario, bench.fronts("far"), sample, repeat)
        bench.rows.append(row(scenario, figures.WALL, found, GATEWAY, limit))


BOXES = {
    "200 x 4 KiB": lambda: messages.alike(200, 4 << 10),
    "200 x 64 KiB": lambda: messages.alike(200, 64 << 10),
    "200 of a realistic mix": lambda: messages.mixed(200),
    "one of 100 MiB": lambda: messages.alike(1, 100 << 20),
}


def drains(bench):
    """All messages of a mailbox; against the peers, and against no gateway at all."""
    limits = dict(zip(BOXES, (0.6, 0.7, 0.6, 0.4), strict=True))
    compared = [*bench.fronts(), bench.direct()]
    beyond = []
    for box, limit in limits.items():
        scenario = f"drain of {box}"
        found = _drain(bench, scenario, box, compared)
        peers = {label: runs for label, runs in found.items() if label != "direct POP3"}
        bench.rows.append(row(scenario, figures.CPU_PER_MB, peers, GATEWAY, limit))
        bench.rows.append(row(scenario, figures.DRAIN_WALL, peers, GATEWAY, 1))
        two = {label: found[label] for label in (GATEWAY, "direct POP3")}
        beyond.append(row(f"{scenario}, no gateway", figures.CPU_PER_MB, two, GATEWAY, 1))
    bench.rows.extend(beyond)


def tls_drains(bench):
    """TLS towards the client and towards the upstream."""
    for box, limit in (("200 x 64 KiB", 0.7), ("one of 100 MiB", 0.6)):
        scenario = f"TLS both sides, drain of {box}"
        found = _drain(bench, scenario, box, bench.fronts("tls"))
        bench.rows.append(row(scenario, figures.CPU_PER_MB, found, GATEWAY, limit))
        bench.rows.append(row(scenario, figures.DRAIN_WALL, found, GATEWAY))


def far_drain(bench):
    """Small messages over a long line: one round trip each, or fewer."""
    size = bench.scale.far
    name = f"{size} x 4 KiB"
    bench.box(name, lambda: messages.alike(size, 4 << 10))
    scenario = f"drain of {name} at 50 ms round trip"
    repeat = min(2, bench.scale.repeat)
    found = _drain(bench, scenario, name, bench.fronts("far"), repeat=repeat, times=1)
    bench.rows.append(row(scenario, figures.DRAIN_WALL, found, GATEWAY, 1 / 20))


def _drain(bench, scenario, box, compared, *, repeat=None, times=None):
    bench.box(box, BOXES.get(box))
    held = bench.upstream.boxes[box]
    size = sum(message.octets for message in held)
    times = times or max(1, min(10, bench.scale.drained // size))
    for front in compared if len(held) < 1000 else ():
        # The one run that looks at every octet; the front-end knows the mailbox then.
        bench.drain(front, bench.known(front, box), box, whole=True)

    def sample(front):
        user = bench.known(front, box)

        def work():
            for _ in range(times):
                bench.drain(front, user, box)

        return bench.measured(
            front, work, times=times, octets=times * size, messages=times * len(held)
        )

    return bench.interleaved(scenario, compared, sample, repeat)


def deletions(bench):
    """DELE of everything, a hundred at a time, and QUIT, which does it."""
    for size, repeat in (
        (200, bench.scale.repeat),
        (bench.scale.dele, bench.scale.huge_repeat),
    ):
        scenario = f"DELE all + QUIT of {size:,}"
        template = bench.box(f"delete {size}", lambda size=size: messages.tiny(size))

        def sample(front, template=template):
            return _delete_all(bench, front, template)

        found = bench.interleaved(scenario, bench.fronts(), sample, repeat)
        bench.rows.append(row(scenario, figures.WALL, found, GATEWAY, 1 / 2))
        bench.rows.append(row(scenario, figures.CPU, found, GATEWAY))


def _delete_all(bench, front, template):
    box = bench.upstream.clone(template, f"{template} copy")
    user, held = bench.upstream.user(box), list(bench.upstream.boxes[box])
    bench.poll(front, user, box)
    with bench.client(front) as client:
        client.login(user)
        client.stat(held)

        def work():
            for start in range(1, len(held) + 1, 100):
                numbers = range(start, min(start + 100, len(held) + 1))
                client.send(b"".join(b"DELE %d\r\n" % number for number in numbers))
                client.replies(len(numbers))
            client.quit()

        sample = bench.measured(front, work, messages=len(held))
    bench.upstream.remove_emptied(box)
    return sample


def huge(bench):
    """A large mailbox from login to the end of UIDL."""
    size = bench.scale.huge
    box = bench.box(f"huge {size}", lambda: messages.tiny(size))
    latest = {}

    def opened(front, user):
        def work():
            client.login(user)
            client.listing(b"UIDL", size)

        with bench.client(front) as client:
            sample = bench.measured(front, work)
            client.quit()
        return sample

    def cold(front):
        latest[front.label] = bench.upstream.user(box)
        with bench.peak(front, 0.05) as peak:
            sample = opened(front, latest[front.label])
        return replace(sample, memory=peak.octets, growth=peak.growth)

    def unchanged(front):
        bench.restart(front)
        return opened(front, latest[front.label])

    def changed(front):
        opened(front, latest[front.label])
        bench.restart(front)
        bench.upstream.change(box, messages.tiny(50))
        return opened(front, latest[front.label])

    states = (
        ("cold", cold, 1 / 50, bench.scale.huge_repeat),
        ("unchanged", unchanged, 1 / 15, 2 * bench.scale.huge_repeat - 1),
        ("after 100 changes", changed, 1 / 8, 2 * bench.scale.huge_repeat - 1),
    )
    for state, sample, limit, repeat in states:
        scenario = f"{size:,} messages, login to end of UIDL, {state}"
        found = bench.interleaved(scenario, bench.fronts(), sample, repeat)
        bench.rows.append(row(scenario, figures.WALL, found, GATEWAY, limit))
        if state == "cold":
            grown = figures.GROWTH.medians(found)[GATEWAY]
            note = f", {figures.short(grown)} of them for this"
            bench.rows.append(row(scenario, figures.PEAK, found, GATEWAY, 1, note=note))
