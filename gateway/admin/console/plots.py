"""Bars as SVG, made here: no script, no image from elsewhere, colours from the style sheet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

_WIDTH, _HEIGHT = 480, 132
_LEFT, _TOP, _BOTTOM = 56, 8, 22
_EVERY = 6


@dataclass(frozen=True, slots=True)
class Bars:
    """One plot.

    Attributes:
        title: What is counted.
        values: From left to right.
        labels: Of the same number.
        say: How a value is written.
        base: 1000, or 1024 of octets: the ends of axes are round in it.
        tone: Name of its colour in the style sheet.
    """

    title: str
    values: Sequence[float]
    labels: Sequence[str]
    say: Callable[[float], str]
    base: int = 1000
    tone: str = "calm"

    @property
    def summary(self) -> str:
        """The plot in a sentence, for those who do not see it."""
        total = max(self.values, default=0)
        if not total:
            return "nothing in 24 hours"
        at = self.labels[list(self.values).index(total)]
        return f"most at {at}: {self.say(total)}"

    def svg(self) -> Markup:
        """The drawing."""
        top = nice(max(self.values, default=0), self.base)
        return Markup(
            '<svg class="plot {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>'
        ).format(
            self.tone,
            _WIDTH,
            _HEIGHT,
            f"{self.title}, the last 24 hours: {self.summary}",
            self._grid(top),
            self._bars(top),
            self._labels(),
        )

    def _grid(self, top: float) -> Markup:
        # Of things there is no half.
        shares = (0, 0.5, 1) if top % 2 == 0 else (0, 1)
        return Markup().join(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{y}" y2="{y}"/>'
                '<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>'
            ).format(
                _LEFT,
                _WIDTH,
                _LEFT - 8,
                round(_y(share) + 4, 1),
                self.say(top * share),
                y=round(_y(share), 1),
            )
            for share in shares
        )

    def _bars(self, top: float) -> Markup:
        step = (_WIDTH - _LEFT) / max(1, len(self.values))
        return Markup().join(
            Markup(
                '<rect class="bar" x="{}" y="{}" width="{}" height="{}" rx="1.5">'
                "<title>{}</title></rect>"
            ).format(
                round(_LEFT + number * step + step * 0.12, 1),
                round(_y(value / top), 1),
                round(step * 0.76, 1),
                round(_y(0) - _y(value / top), 1),
                f"{self.labels[number]}: {self.say(value)}",
            )
            for number, value in enumerate(self.values)
            if value
        )

    def _labels(self) -> Markup:
        step = (_WIDTH - _LEFT) / max(1, len(self.values))
        return Markup().join(
            Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                round(_LEFT + (number + 0.5) * step, 1), _HEIGHT - 5, label
            )
            for number, label in enumerate(self.labels)
            if number % _EVERY == _EVERY // 2
        )


def nice(most: float, base: int = 1000) -> float:
    """The end of an axis: 1, 2 or 5, perhaps with zeros, times a power of the base."""
    unit = 1.0
    while unit * base < most:
        unit *= base
    for end in (1, 2, 5, 10, 20, 50, 100, 200, 500):
        if unit * end >= most:
            return unit * end
    return unit * base


def _y(share: float) -> float:
    return _TOP + (1 - share) * (_HEIGHT - _TOP - _BOTTOM)
