"""The console on a port of loopback, with a made-up provider beside it; for real browsers.

``python -m tests.support.console_server DIRECTORY`` prints one line of JSON: where both are,
and the link of the first run. It ends when its standard input does.
"""

import json
import sys
import threading
import time
from html import escape
from pathlib import Path

from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.support.console import Office, some_day


class Consent(Resource):
    """Asks as providers do: yes or no."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def render_GET(self, request):
        asked = {name: values[0].decode() for name, values in request.args.items()}
        target, state = asked.get(b"redirect_uri", ""), asked.get(b"state", "")
        yes = escape(f"{target}?code=abc&state={state}")
        no = escape(f"{target}?error=access_denied&state={state}")
        request.setHeader("Content-Type", "text/html; charset=utf-8")
        page = "<html lang=en><title>Provider</title><h1>May it read your mail?</h1>"
        page += f'<p><a href="{yes}">Yes</a> <a href="{no}">No</a></p>'
        return page.encode()


def main(directory):
    provider = reactor.listenTCP(0, Site(Consent()), interface="127.0.0.1")
    console = reactor.listenTCP(0, Site(Resource()), interface="127.0.0.1")
    url = f"http://127.0.0.1:{console.getHost().port}"
    office = Office(Path(directory), url, clock=time.time)
    office.oauth.url = f"http://127.0.0.1:{provider.getHost().port}/authorize"
    console.factory.resource = office.resource
    some_day(office)
    told = {"url": url, "setup": f"{url}/setup?token={office.token()}"}
    print(json.dumps(told), flush=True)
    threading.Thread(target=_end_with_input, daemon=True).start()
    reactor.run()


def _end_with_input():
    sys.stdin.read()
    reactor.callFromThread(reactor.stop)


if __name__ == "__main__":
    main(sys.argv[1])
