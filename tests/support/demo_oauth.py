"""``make demo-oauth``: an identity provider, a mail server that asks it, and the gateway.

All run on loopback until Ctrl-C, in directories that are gone afterwards. What an office's
administrator does on his first evening is left to whoever looks on, in a browser.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from gateway.cli.demo_child import free_address
from gateway.config import ListenAddress
from tests.support.gateway import PROGRAM
from tests.support.nanoidp import CLIENT, CLIENT_SECRET, PASSWORD, NanoIdp
from tests.support.token_dovecot import TokenDovecot

SAMPLES = Path(__file__).parents[2] / "gateway" / "backend" / "embedded" / "samples"
OWNER, ACCOUNT = "alice", "scanner"
POP3, CONSOLE = 1110, 8080

TOLD = """
An identity provider and a mail server that takes its tokens are running, with mail for {owner}.
The gateway serves POP3 at {pop3}, and its console at {console}/

1. Open this link, which works once, and choose a name and a password for yourself:

       {link}

2. Provider: choose "Another provider", and enter

       Name here             office
       Issuer                {issuer}
       Client ID             {client}
       Client secret         {client_secret}
       Where its mail is     {mailboxes}

3. Account: its name is {account}, its provider office, the name of the mailbox {owner}.

4. Make a link for the owner with a device, open it in another window, and sign in
   at the provider as {owner} with the password "{password}". The device's password is shown.

5. Fetch mail with it, and look at the overview again:

       curl --user {account}:THE-PASSWORD pop3://{pop3}/1

Ctrl-C ends everything.
"""


@dataclass(frozen=True)
class Place:
    """Where everything of one demo is.

    Attributes:
        state: The gateway's directory.
        pop3: HOST:PORT of POP3.
        console: The same of the console.
    """

    state: Path
    pop3: str
    console: str

    @property
    def options(self):
        return ["--accounts", "embedded", "--state-dir", str(self.state)]

    def command(self):
        listening = ["--listen", self.pop3, "--console", self.console]
        quiet = ["--log-level", "warning"]
        return [str(PROGRAM), "serve", *listening, *self.options, *quiet]

    def first_link(self):
        """What lets the first administrator in."""
        asked = [str(PROGRAM), "console-link", *self.options]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def free(port):
    """The port if nobody has it, else another one."""
    return str(free_address(ListenAddress("127.0.0.1", port), any_port=True))


def deliver(mail):
    for sample in sorted(SAMPLES.glob("*.eml")):
        mail.deliver(OWNER, sample.read_bytes())


def told(place, idp, mail):
    """All that the evening needs."""
    return TOLD.format(
        pop3=place.pop3,
        console=f"http://{place.console}",
        link=place.first_link(),
        issuer=idp.url,
        client=CLIENT,
        client_secret=CLIENT_SECRET,
        mailboxes=f"imap://{mail.host}:{mail.port}",
        account=ACCOUNT,
        owner=OWNER,
        password=PASSWORD,
    )


def serve(place, idp, mail):
    """The gateway until Ctrl-C; returns its status."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    process = subprocess.Popen(
        place.command(), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        if process.stdout.readline() and not stop.is_set():
            print(told(place, idp, mail), flush=True)
        while process.poll() is None and not stop.wait(0.2):
            pass
    finally:
        process.terminate()
        status = process.wait(30)
    return status


def main():
    state = Path(tempfile.mkdtemp(prefix="demo-oauth-"))
    try:
        with NanoIdp(OWNER, rotates=True) as idp, TokenDovecot(idp) as mail:
            deliver(mail)
            return serve(Place(state, free(POP3), free(CONSOLE)), idp, mail)
    finally:
        shutil.rmtree(state)


if __name__ == "__main__":
    sys.exit(main())
