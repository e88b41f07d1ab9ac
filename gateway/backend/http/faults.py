"""From what can happen to a request to the closed set of failures."""

from collections.abc import Awaitable, Iterator
from typing import TypeVar

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet import error
from twisted.internet.defer import CancelledError
from twisted.web.client import ResponseFailed, ResponseNeverReceived
from twisted.web.http import PotentialDataLoss

from gateway import errors
from gateway.errors import Failure, Misconfigured, Throttled, Unavailable

Result = TypeVar("Result")
# What OpenSSL says when the peer does not speak TLS at all on this port.
_NOT_TLS = ("wrong version number", "packet length too long", "record layer failure")
# Statuses that say: not now (RFC 9110 §15.5.9, RFC 6585 §4, RFC 8470 §5.2).
_PASSING = frozenset({408, 423, 425})


def of_status(status: int, shown: str) -> Failure:
    """What a status means that the caller had no use for; 401 is not decided here.

    Args:
        status: Of the response.
        shown: The request and what the response said, for the log.
    """
    detail = f"the upstream answers {shown}"
    if status == 429:
        return Throttled(detail)
    if status >= 500 or status in _PASSING:
        return Unavailable(detail)
    if status == 407:  # a proxy's (RFC 9110 §15.5.8), whose words could quote our credentials
        return Misconfigured(
            "the proxy wants a name and password, or others than it got (407): write "
            "HTTP_PROXY=http://name:password@host:port"
        )
    if 300 <= status < 400:
        return Misconfigured(f"{detail}: give the URL to which it points")
    return Misconfigured(detail)


def of_error(cause: BaseException) -> Failure:
    """Why there is no response, or no more of it."""
    if isinstance(cause, Failure):
        return cause
    for each in _causes(cause):
        failure = _known(each)
        if failure is not None:
            return failure
    return Unavailable(f"the request to the upstream failed: {type(cause).__name__}")


def plain(failure: Failure) -> Failure:
    """The failure as one of the closed set itself, which is all that others know.

    Inside, finer kinds of it tell what may be tried.
    """
    for kind in type(failure).__mro__:
        if kind.__module__ == errors.__name__:
            return failure if kind is type(failure) else kind(failure.detail)
    raise AssertionError("a failure of no kind")


async def of_the_closed_set(deed: Awaitable[Result]) -> Result:
    """The deed's result; what it raises is plain."""
    try:
        return await deed
    except Failure as failure:
        raise plain(failure) from None


def never_received(cause: BaseException) -> bool:
    """Whether the server may have closed a kept connection before it saw the request."""
    return isinstance(cause, ResponseNeverReceived) and not any(
        isinstance(each, VerificationError | SSL.Error | CancelledError)
        for each in _causes(cause)
    )


def _causes(cause: BaseException) -> Iterator[BaseException]:
    """It and what is wrapped in it, the innermost first."""
    for reason in getattr(cause, "reasons", ()) or ():
        value = getattr(reason, "value", None)
        if isinstance(value, BaseException):
            yield from _causes(value)
    yield cause


def _known(cause: BaseException) -> Failure | None:
    if isinstance(cause, VerificationError):
        return Misconfigured(
            "the upstream's certificate is for another name: use a name that it carries"
        )
    if isinstance(cause, SSL.Error):
        return _tls(cause)
    for kinds, text in _TEXTS:
        if isinstance(cause, kinds):
            return Unavailable(text)
    return None


_TEXTS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((CancelledError,), "the upstream did not answer in time"),
    ((error.DNSLookupError,), "the upstream's name has no address in the DNS"),
    ((error.TimeoutError, error.TCPTimedOutError), "the upstream took no connection in time"),
    ((error.ConnectionRefusedError,), "the upstream refused the connection"),
    ((PotentialDataLoss,), "the upstream does not say where its answer ends"),
    ((error.ConnectionLost,), "the connection to the upstream was lost"),
    ((error.ConnectionDone,), "the upstream closed the connection in the middle"),
    ((error.ConnectError,), "no connection to the upstream"),
    ((ResponseFailed,), "the upstream's answer is damaged or incomplete"),
)


def _tls(cause: SSL.Error) -> Failure:
    entries = cause.args[0] if cause.args and isinstance(cause.args[0], list) else []
    said = "; ".join(str(entry[-1]) for entry in entries) or type(cause).__name__
    if "certificate verify failed" in said:
        return Misconfigured(
            "the upstream's certificate was not issued by a trusted authority, or is out of "
            "date: renew it, or name the authority's file in the upstream's ca"
        )
    if any(text in said for text in _NOT_TLS):
        return Misconfigured("the upstream does not speak TLS on this port")
    return Unavailable(f"TLS with the upstream failed: {said}")
