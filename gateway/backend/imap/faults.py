"""Says which failure it is when a connection cannot be made or ends."""

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet import error
from twisted.python.failure import Failure as Reason

from gateway.errors import Failure, Misconfigured, Unavailable

# What OpenSSL says when the peer does not speak TLS at all on this port.
_NOT_TLS = ("wrong version number", "packet length too long", "record layer failure")


def again(failure: Failure) -> Failure:
    """The same failure as a new exception: a raised one carries its traceback."""
    return type(failure)(failure.detail)


def lost(reason: Reason) -> Failure:
    """Why an established connection ended."""
    cause = reason.value
    if isinstance(cause, VerificationError):
        return Misconfigured(
            "the upstream's certificate is for another name: "
            "set the upstream's host to a name that the certificate carries"
        )
    if isinstance(cause, SSL.Error):
        return _tls(cause)
    if isinstance(cause, error.ConnectionDone):
        return Unavailable("the upstream closed the connection")
    return Unavailable(f"the connection to the upstream was lost: {type(cause).__name__}")


def _tls(cause: SSL.Error) -> Failure:
    entries = cause.args[0] if cause.args and isinstance(cause.args[0], list) else []
    said = "; ".join(str(entry[-1]) for entry in entries) or type(cause).__name__
    if "certificate verify failed" in said:
        return Misconfigured(
            "the upstream's certificate was not issued by a trusted authority, or is out of "
            "date: renew it, or name the authority's file in the upstream's ca"
        )
    if any(text in said for text in _NOT_TLS):
        return Misconfigured(
            "the upstream does not speak TLS from the start on this port: "
            "use STARTTLS, or the port for TLS"
        )
    return Unavailable(f"TLS with the upstream failed: {said}")


def not_connected(cause: Exception) -> Failure:
    """Why a connection could not be made."""
    if isinstance(cause, error.DNSLookupError):
        return Unavailable("the upstream's name has no address in the DNS")
    if isinstance(cause, error.TimeoutError):
        return Unavailable("the upstream did not take the connection in time")
    if isinstance(cause, error.ConnectionRefusedError):
        return Unavailable("the upstream refused the connection")
    return Unavailable(f"no connection to the upstream: {type(cause).__name__}")
