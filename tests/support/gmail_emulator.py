"""The npm package emulate: a stateful Gmail API of somebody else's making, for the data path.

Its faults are not Gmail's: any bearer token is somebody, no quota, history never expires
(see `fake_gmail` for these). ``insert`` puts a message into the INBOX.
"""

import base64
import json
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.ports import free_port
from tests.support.server import Server

SERVERS = Path(__file__).resolve().parents[2] / ".servers"
_LOOPBACK_ONLY = Path(__file__).with_name("loopback_only.cjs")
_SEED = """\
tokens:
  {token}:
    login: {user}
    scopes: [https://mail.google.com/]
google:
  users:
    - email: {user}
      name: Alice
"""


class GmailEmulator(Server):
    """See the module's docstring."""

    name = "emulate"
    programs = (
        "/usr/bin/node",
        str(SERVERS / "emulate/node_modules/emulate/dist/index.js"),
    )
    user, token = "alice@example.org", "token-of-alice"

    def prepare(self):
        self.port = free_port()
        self.url = f"http://{self.host}:{self.port}"
        seed = _SEED.format(user=self.user, token=self.token)
        (self.directory / "seed.yaml").write_text(seed)

    def command(self):
        node, program = self.programs
        seed = self.directory / "seed.yaml"
        return [
            *(node, "--require", str(_LOOPBACK_ONLY), program, "--service", "google"),
            *("--port", str(self.port), "--seed", str(seed)),
        ]

    def wait_until_ready(self):
        deadline = time.monotonic() + self.patience
        while True:
            try:
                self.inbox()
            except OSError as error:
                if time.monotonic() > deadline or not self.running:
                    raise RuntimeError(f"nothing on port {self.port}: {error}") from error
                time.sleep(0.05)
            else:
                return

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.url}/gmail/v1/users/me/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def insert(self, octets):
        raw = base64.urlsafe_b64encode(octets).decode()
        return self.call("POST", "messages", {"raw": raw, "labelIds": ["INBOX"]})["id"]

    def inbox(self):
        """Ids, newest first."""
        found = self.call("GET", "messages?labelIds=INBOX&maxResults=500")
        return [each["id"] for each in found.get("messages", [])]

    def octets(self, key):
        raw = self.call("GET", f"messages/{key}?format=raw")["raw"]
        return base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))

    def empty(self):
        """Remove everything, also what the emulator comes with."""
        for key in self.inbox():
            self.call("DELETE", f"messages/{key}")
