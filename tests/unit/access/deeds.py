"""Runs a coroutine that waits for nothing, or tells how it ended later."""

from twisted.internet.defer import Deferred


class Running:
    """`result` is a one-item list once it ended: a value or the exception."""

    def __init__(self, coroutine):
        self.result = []
        deferred = Deferred.fromCoroutine(coroutine)
        deferred.addCallbacks(
            self.result.append, lambda reason: self.result.append(reason.value)
        )


def run(coroutine):
    """The value, at once; an exception is raised."""
    (result,) = Running(coroutine).result
    if isinstance(result, BaseException):
        raise result
    return result
