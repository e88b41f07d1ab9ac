"""The console and the sign-in pages."""

from typing import Any

from twisted.web.resource import Resource

from gateway.admin.parts import OfficeParts


def resource(parts: OfficeParts) -> Any:  # noqa: ARG001 - the pages will use them
    """What is mounted at `/` (an `IResource`)."""
    make: Any = _Placeholder
    return make()


class _Placeholder(Resource):
    isLeaf = True  # noqa: N815 - Twisted's name

    def render_GET(self, request: Any) -> bytes:  # noqa: N802 - Twisted's name
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        return b"pop3-gateway: the console is not there yet.\n"
