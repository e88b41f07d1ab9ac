"""What a refusal of Graph means. Knows no I/O."""

from gateway.backend.graph.batch import error_code
from gateway.backend.graph.settings import GraphSettings
from gateway.backend.http.response import Answer
from gateway.errors import BadCredentials, Failure, Misconfigured, Unavailable
from gateway.maildrop import Login
from gateway.telemetry import printable

# There is no such user, or he has no mailbox there.
_NO_USER = frozenset({"errorinvaliduser", "request_resourcenotfound", "resourcenotfound"})
_NO_MAILBOX = frozenset({"mailboxnotenabledforrestapi", "mailboxnotsupportedforrestapi"})


def refused(answer: Answer, login: Login, settings: GraphSettings) -> Failure:
    """The failure for an answer to a request about the inbox that is no success."""
    try:
        code = error_code(answer.json())
    except Unavailable:
        code = ""
    shown = printable(code.encode("utf-8", "surrogatepass"))
    told = f"Graph answers {answer.status} {shown}".rstrip()
    if answer.status == 404 and code.lower() in _NO_USER and settings.mailbox == "name":
        return BadCredentials(f"{told}: there is no user {printable(login.user)}")
    if answer.status == 410:
        return Unavailable(told)
    if code.lower() in _NO_MAILBOX:
        return Misconfigured(f"{told}: the user has no mailbox that Graph can open")
    if answer.status == 403:
        return Misconfigured(f"{told}: the token needs Mail.ReadWrite for this mailbox")
    if answer.status == 400 and settings.mailbox == "me":
        return Misconfigured(f"{told}: {_NO_OWNER}")
    return Misconfigured(told)


_NO_OWNER = (
    "a token of an application has no mailbox of its own; give one of a user, or set "
    'mailbox = "name" in [upstream.graph] after reading what that opens'
)
