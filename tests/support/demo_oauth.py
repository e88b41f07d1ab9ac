"""``make demo-oauth``: an identity provider, a mail server that asks it, and the gateway.

All run on loopback until Ctrl-C, in directories that are gone afterwards.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from tests.support.gateway import PROGRAM
from tests.support.nanoidp import CLIENT, CLIENT_SECRET, PASSWORD, NanoIdp
from tests.support.token_dovecot import TokenDovecot

SAMPLES = Path(__file__).parents[2] / "gateway" / "backend" / "embedded" / "samples"
LISTEN = "127.0.0.1:1110"
OWNER, ACCOUNT = "alice", "scanner"

TOLD = """
The identity provider   {idp}   (any mailbox: {owner}, password: {password})
The mail server         {mail}   (takes access tokens, and asks the provider)
POP3                    pop3://{listen}

1. Sign in as the owner of the mailbox:

   {program} account sign-in {account} {options}

2. Give a device its password:

   {program} device add {account} printer {options}

3. Fetch mail with it:

   curl --user {account}:THE-PASSWORD pop3://{listen}/1

Ctrl-C ends everything.
"""


def options(state):
    return ["--accounts", "embedded", "--state-dir", str(state)]


def command(state, *arguments, secret=""):
    """A command on the demo's directory of accounts."""
    subprocess.run(
        [str(PROGRAM), *arguments, *options(state)],
        input=f"{secret}\n",
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def prepare(state, idp, mail):
    """A provider and an account; the rest is for whoever looks on."""
    for sample in sorted(SAMPLES.glob("*.eml")):
        mail.deliver(OWNER, sample.read_bytes())
    command(
        state,
        *("provider", "add", "demo", "--preset", "oidc", "--issuer", idp.url),
        *("--upstream", f"imap://{mail.host}:{mail.port}"),
        *("--client-id", CLIENT, "--client-secret-file", "-"),
        secret=CLIENT_SECRET,
    )
    command(state, "account", "add", ACCOUNT, "--provider", "demo", "--mailbox", OWNER)


def serve(state):
    """The gateway until Ctrl-C."""
    arguments = ["serve", "--listen", LISTEN, *options(state)]
    process = subprocess.Popen([str(PROGRAM), *arguments], start_new_session=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while process.poll() is None and not stop.wait(0.2):
        pass
    process.terminate()
    return process.wait(30)


def main():
    state = Path(tempfile.mkdtemp(prefix="demo-oauth-"))
    try:
        with NanoIdp(OWNER, rotates=True) as idp, TokenDovecot(idp) as mail:
            prepare(state, idp, mail)
            names = {"program": PROGRAM, "options": " ".join(options(state))}
            names |= {"owner": OWNER, "password": PASSWORD, "account": ACCOUNT}
            where = f"imap://{mail.host}:{mail.port}"
            print(TOLD.format(idp=idp.url, mail=where, listen=LISTEN, **names), flush=True)
            return serve(state)
    finally:
        shutil.rmtree(state)


if __name__ == "__main__":
    sys.exit(main())
