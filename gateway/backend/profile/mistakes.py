"""What can be wrong with a profile, in the two halves of which messages are made."""

from collections.abc import Iterable


class Mistake(ValueError):
    """A value that does not do.

    Args:
        wrong: What is wrong with it.
        right: What would be right.
        key: Where it stands, dotted; empty if that is known otherwise.
    """

    def __init__(self, wrong: str, right: str, key: str = "") -> None:
        super().__init__(f"{wrong}; {right}")
        self.wrong = wrong
        self.right = right
        self.key = key


class Mistakes(ValueError):
    """Several of them."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))
