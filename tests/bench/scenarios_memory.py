"""What sessions hold: slow readers of a large message, and many that do nothing."""

import select
import time

from tests.bench import figures, fronts
from tests.bench.figures import Row, Sample, row
from tests.bench.fronts import GATEWAY
from tests.bench.meter import memory
from tests.bench.scenarios import BOXES

READERS = 8


def slow_readers(bench):
    """One message of 100 MiB to eight clients that hardly read."""
    box = bench.box("one of 100 MiB", BOXES["one of 100 MiB"])
    scenario = f"one message of 100 MiB to {READERS} slow readers"

    def sample(front):
        return _read_slowly(bench, front, box)

    found = bench.interleaved(scenario, bench.fronts(), sample, bench.scale.huge_repeat)
    bench.rows.append(
        row(scenario, figures.GROWTH, found, GATEWAY, 16 * 1.048576, absolute=True)
    )


def _read_slowly(bench, front, box):
    """Growth from eight logged-in sessions to the highest point, which is to the last octet."""
    message = bench.upstream.boxes[box][0]
    users = [bench.known(front, box, n) for n in range(READERS)]
    clients = [bench.client(front, receive_buffer=1 << 16) for _ in users]
    for client, user in zip(clients, users, strict=True):
        client.login(user)
    with bench.peak(front, 0.1) as peak:
        for client in clients:
            client.begin(1)
        end = time.monotonic() + bench.scale.slow
        while time.monotonic() < end:
            for client in select.select(clients, [], [], 0.05)[0]:
                client.take(1 << 14)
            time.sleep(0.05)
        for client in clients:
            client.finish(message)
    for client in clients:
        client.quit()
    return Sample(memory=peak.octets, growth=peak.growth)


def idle(bench):
    """What a session costs that has logged in and says nothing."""
    scale = bench.scale
    plain = {
        GATEWAY: _idle(bench, fronts.Gateway, "near", scale.idle),
        "imapc": _idle(bench, fronts.imapc_each, "near", scale.idle_peer),
        "imapc packed": _idle(bench, fronts.imapc_packed, "near", scale.idle_peer),
    }
    encrypted = {
        GATEWAY: _idle(bench, fronts.Gateway, "tls", scale.idle),
        "imapc": _idle(bench, fronts.imapc_each, "tls", scale.idle_peer_tls),
    }
    bench.samples["idle"], bench.samples["idle, TLS"] = plain, encrypted
    for title, samples, peer, limit in (
        ("idle session", plain, "imapc", 1 / 50),
        ("idle session", plain, "imapc packed", 1 / 15),
        ("idle session, TLS both sides", encrypted, "imapc", 1 / 20),
    ):
        bench.rows.append(_idle_row(title, samples[GATEWAY][0], peer, samples[peer][0], limit))


def _idle_row(title, ours, peer, theirs, limit):
    each = figures.IDLE.of
    return Row(
        title,
        figures.IDLE.name,
        figures.IDLE.unit,
        each(ours),
        peer,
        each(theirs),
        limit,
        note=f" of {ours.times:,}",
        peer_note=f" of {theirs.times:,}",
    )


def _idle(bench, make, where, count):
    box = bench.poll_box()
    with bench.alone(make, where) as front:
        bench.say(f"idle: {front.label}, {where}, {count} sessions")
        for _ in range(20):
            bench.poll(front, bench.upstream.user(box), box)
        time.sleep(0.5)
        before = memory(front.meter)
        clients = []
        try:
            for start in range(0, count, 10):
                clients += _logged_in(bench, front, box, min(10, count - start))
            front.cpu()
            grown = memory(front.meter) - before
            for client in (clients[0], clients[-1]):
                client.stat(bench.upstream.boxes[box])
        finally:
            for client in clients:
                client.close()
    return [Sample(times=count, growth=grown)]


def _logged_in(bench, front, box, count):
    users = [bench.upstream.user(box) for _ in range(count)]
    clients = [bench.client(front) for _ in users]
    for client in clients:
        client.greeting()
    for verb in (b"USER %s\r\n", b"PASS pw-%s\r\n"):
        for client, user in zip(clients, users, strict=True):
            client.send(verb % user.encode())
        for client in clients:
            client.replies()
    return clients
