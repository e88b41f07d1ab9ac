"""What the real HTTP mail servers of the tests have in common: asking them as anybody may."""

import json
import smtplib
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.mail import crlf_form
from tests.support.ports import free_port, wait_for_port
from tests.support.server import Server

SERVERS = Path(__file__).parents[2] / ".servers"
PATIENCE = 20.0


class HttpServer(Server):
    """A server with a REST API on ``url``."""

    patience = 40.0

    def __init__(self):
        super().__init__()
        self.http_port = free_port()

    @property
    def url(self):
        return f"http://{self.host}:{self.http_port}"

    def wait_until_ready(self):
        wait_for_port(self.http_port, self.host, self.patience, alive=lambda: self.running)

    def request(self, method, path, body=None, headers=()):
        """The status and the octets of an answer, whatever the status."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **dict(headers)}
        request = urllib.request.Request(
            self.url + path, data=data, headers=headers, method=method
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def json(self, method, path, body=None, headers=()):
        """The value of an answer that must be one of success."""
        status, octets = self.request(method, path, body, headers)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {octets[:300]!r}")
        return json.loads(octets) if octets else None


def send(host, port, message, recipient="alice@example.org", *, lmtp=False):
    """Deliver one message by SMTP or LMTP, with CRLF as those want it."""
    kind = smtplib.LMTP if lmtp else smtplib.SMTP
    with kind(host, port, timeout=PATIENCE) as client:
        client.sendmail("sender@example.org", [recipient], crlf_form(message))
