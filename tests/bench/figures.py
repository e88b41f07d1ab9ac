"""From samples to the table: medians, ratios, verdicts. Pure."""

from dataclasses import asdict, dataclass
from statistics import median

HEADINGS = ("scenario", "measure", "gateway", "peer", "ratio", "target", "met?")


@dataclass(frozen=True)
class Sample:
    """One measured run of one front-end.

    Attributes:
        cpu: Seconds of its whole process tree.
        wall: Seconds, as the client saw it.
        times: Sessions in it.
        octets: Mail in it, in CRLF form.
        messages: How many.
        memory: Octets at the highest, where the run was about memory.
        growth: How much that was above what it was before.
    """

    cpu: float = 0.0
    wall: float = 0.0
    times: int = 1
    octets: int = 0
    messages: int = 0
    memory: int = 0
    growth: int = 0


@dataclass(frozen=True)
class Measure:
    """What of a sample a row is about, and how it is written."""

    name: str
    unit: str
    of: object

    def medians(self, samples):
        """{front-end: median} of {front-end: samples}."""
        return {label: median(map(self.of, runs)) for label, runs in samples.items() if runs}


CPU = Measure("CPU", "ms", lambda s: s.cpu * 1000 / s.times)
CPU_PER_MB = Measure("CPU per MB", "ms", lambda s: s.cpu * 1e9 / s.octets)
WALL = Measure("wall", "ms", lambda s: s.wall * 1000 / s.times)
DRAIN_WALL = Measure("wall", "ms", lambda s: s.wall * 1000 / s.times)
PEAK = Measure("peak memory", "MB", lambda s: s.memory / 1e6)
GROWTH = Measure("growth of memory", "MB", lambda s: s.growth / 1e6)
IDLE = Measure("memory of a session", "KB", lambda s: s.growth / 1000 / s.times)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        scenario: What was done.
        measure: What was looked at.
        unit: Of both figures.
        ours: The gateway's median.
        peer: The best of the peers, "" when there is none.
        theirs: Its median.
        limit: What the ratio must not exceed; of ``ours`` itself when ``absolute``.
        absolute: Whether the target is a figure and no ratio.
        note: Stands behind the gateway's figure.
        peer_note: Stands behind the peer's.
    """

    scenario: str
    measure: str
    unit: str
    ours: float
    peer: str = ""
    theirs: float = 0.0
    limit: float | None = None
    absolute: bool = False
    note: str = ""
    peer_note: str = ""

    @property
    def ratio(self):
        return self.ours / self.theirs if self.theirs else None

    @property
    def met(self):
        """Whether the target is reached; None without one, or with nothing to compare to."""
        figure = self.ours if self.absolute else self.ratio
        return None if self.limit is None or figure is None else figure <= self.limit

    def cells(self):
        target = "" if self.limit is None else f"≤ {short(self.limit)}"
        return (
            self.scenario,
            self.measure,
            f"{short(self.ours)} {self.unit}{self.note}",
            f"{short(self.theirs)} {self.unit}{self.peer_note} ({self.peer})"
            if self.peer
            else "",
            "" if self.ratio is None else short(self.ratio),
            f"{target} {self.unit}" if target and self.absolute else target,
            {True: "yes", False: "**no**", None: ""}[self.met],
        )

    def as_dict(self):
        return {**asdict(self), "ratio": self.ratio, "met": self.met}


def row(scenario, measure, samples, ours, limit=None, **more):
    """Compare ``ours`` with the best of all others by the medians of one measure."""
    medians = measure.medians(samples)
    own = medians.pop(ours)
    peer = min(medians, key=medians.get, default="")
    notes = {}
    if measure is DRAIN_WALL:
        notes["note"] = rates(samples[ours])
        notes["peer_note"] = rates(samples[peer]) if peer else ""
    theirs = medians.get(peer, 0.0)
    return Row(
        scenario, measure.name, measure.unit, own, peer, theirs, limit, **{**notes, **more}
    )


def rates(runs):
    """What the wall time of drains means."""
    megabytes = median(run.octets / run.wall for run in runs) / 1e6
    messages = median(run.messages / run.wall for run in runs)
    return f", {short(megabytes)} MB/s, {short(messages)} messages/s"


def short(figure):
    """Three digits that count, without an exponent."""
    if figure == 0:
        return "0"
    if abs(figure) >= 100:
        return f"{figure:,.0f}"
    places = 2 if abs(figure) >= 1 else 3
    text = f"{figure:.{places if abs(figure) >= 0.1 else 4}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def table(rows):
    """Markdown."""
    lines = [HEADINGS, ("---", "---", "--:", "--:", "--:", "--:", "---")]
    lines += [row.cells() for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
