"""What can be wrong with a wish of an administrator; `Failure`s are for everything else."""


class StoreRefusal(Exception):
    """It cannot be done as it was asked for. The text is for whoever asked."""


class AlreadyThere(StoreRefusal):
    """The name is taken."""


class NotThere(StoreRefusal):
    """There is nothing of this name."""
