"""The header fields of every answer."""

from http import HTTPStatus

from gateway.admin.console.site import Site
from gateway.admin.console.web import Answer, Cookie, Request

# Nothing comes from elsewhere, nothing is in the page itself, nobody frames it. Forms go to
# us alone: the way to a provider is a link, as a provider may send people on to others.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# Other sites never learn from where somebody came. Not `no-referrer`: with that, browsers
# send no Origin with our own forms.
_REFERRER = "same-origin"
_FIXED = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)


def send(site: Site, request: Request, answer: Answer) -> bytes:
    """Fill in an answer; gives its body."""
    # Twisted does not know all of them by name.
    request.setResponseCode(answer.status, HTTPStatus(answer.status).phrase.encode())
    for name, value in _FIXED:
        request.setHeader(name, value)
    request.setHeader("Content-Type", answer.kind)
    request.setHeader("Content-Length", str(len(answer.body)))
    kept = f"private, max-age={answer.kept}" if answer.kept else "no-store"
    request.setHeader("Cache-Control", kept)
    if answer.location:
        request.setHeader("Location", answer.location)
    # The URL that is left here may hold a token.
    request.setHeader("Referrer-Policy", "no-referrer" if answer.location else _REFERRER)
    if answer.refresh:
        request.setHeader("Refresh", str(answer.refresh))
    if answer.wait:
        request.setHeader("Retry-After", str(answer.wait))
    for cookie in answer.cookies:
        request.responseHeaders.addRawHeader("Set-Cookie", _cookie(site, cookie))
    return answer.body


def _cookie(site: Site, cookie: Cookie) -> str:
    parts = [f"{cookie.name}={cookie.value}", "Path=/", "HttpOnly"]
    parts.append(f"SameSite={cookie.same_site}")
    if site.secure:
        parts.append("Secure")
    if cookie.lasts or not cookie.value:
        parts.append(f"Max-Age={cookie.lasts if cookie.value else 0}")
    return "; ".join(parts)
