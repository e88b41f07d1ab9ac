"""Real POP3 clients, each told to fetch everything and to change as little as it can.

``drain(account, directory, delete=…)`` returns what the client delivered, in order and as
it wrote it. The directory is the client's home and is empty before.
"""

import contextlib
import os
import poplib
import pty
import re
import select
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

CRLF = b"\r\n"
PATIENCE = 60.0


@dataclass(frozen=True)
class Account:
    """Where a client shall fetch.

    Attributes:
        tls: ``none``, ``stls`` or ``implicit``.
        authority: PEM file of the CA to trust, and no other.
    """

    host: str
    port: int
    user: str
    password: str
    tls: str = "none"
    authority: Path | None = None

    def choose(self, none, stls, implicit):
        return {"none": none, "stls": stls, "implicit": implicit}[self.tls]


class Failed(Exception):
    """The client ended with an error; the text is what it said."""


def drain_poplib(account, directory, *, delete):
    """Python's own. Lines are its unit; it takes none over 2048 octets unless told to."""
    context = ssl.create_default_context(cafile=account.authority)
    place = (account.host, account.port)
    if account.tls == "implicit":
        client = poplib.POP3_SSL(*place, timeout=PATIENCE, context=context)
    else:
        client = poplib.POP3(*place, timeout=PATIENCE)
    try:
        if account.tls == "stls":
            client.stls(context)
        client.user(account.user)
        client.pass_(account.password)
        numbers = range(1, client.stat()[0] + 1)
        delivered = [_poplib_message(client, number) for number in numbers]
        for number in numbers if delete else ():
            client.dele(number)
        client.quit()
    except poplib.error_proto as error:
        raise Failed(repr(error)) from error
    finally:
        client.close()
    return delivered


def _poplib_message(client, number):
    return b"".join(line + CRLF for line in client.retr(number)[1])


def drain_curl(account, directory, *, delete):
    """One process, one session: what is marked is removed when it says QUIT at the end."""
    delivered = directory / "delivered"
    delivered.mkdir()
    url = f"{account.choose('pop3', 'pop3', 'pop3s')}://{account.host}:{account.port}/"
    common = [
        *("-sS", "--user", f"{account.user}:{account.password}"),
        *account.choose([], ["--ssl-reqd"], []),
        *(["--cacert", account.authority] if account.authority else []),
    ]
    count = len(_run(["curl", *common, url], directory).split()) // 2
    if not count:
        return []
    # --list-only: DELE has an answer of one line.
    remove = ["--next", *common, "--request", "DELE", "--list-only", f"{url}[1-{count}]"]
    fetch = [*common, f"{url}[1-{count}]", "--output", f"{delivered}/#1"]
    _run(["curl", *fetch, *(remove if delete else [])], directory)
    return [(delivered / str(number)).read_bytes() for number in range(1, count + 1)]


def drain_fetchmail(account, directory, *, delete, only_new=False, batch=False):
    """Hands each message to a program. All that it does to messages by itself is off.

    With ``only_new`` a further call in the same directory fetches what was not there; with
    ``batch`` all go into one file as they would go to an SMTP server, which is much quicker.
    """
    tls = account.choose(
        "sslproto ''", "sslproto 'TLS1.2+' sslcertck", "ssl sslproto 'TLS1.2+' sslcertck"
    )
    # It knows neither addresses in certificates nor certificates without a common name.
    trust = (
        f"sslcommonname localhost sslcertfile '{account.authority}'"
        if account.authority
        else ""
    )
    rc = _private(
        directory / "fetchmailrc",
        f"""\
set invisible
set no bouncemail
poll {account.host} proto pop3 port {account.port} uidl
  bad-header accept
  user "{account.user}" password "{account.password}" is "reader" here
  {tls} {trust}
  {"no fetchall" if only_new else "fetchall"} {"no keep" if delete else "keep"}
  no rewrite no stripcr no forcecr pass8bits no mimedecode no dropstatus
  {f'bsmtp "{directory}/batch"' if batch else f'mda "sh {_deliverer(directory)}"'}
""",
    )
    files = ["--idfile", directory / "ids", "--pidfile", directory / "pid"]
    _run(["fetchmail", "-f", rc, *files, "--nosyslog", "--nodetach"], directory, (0, 1))
    return _from_batch(directory / "batch") if batch else _delivered(directory)


def _from_batch(file):
    """The messages of a batched SMTP session, without the dots that SMTP adds."""
    begin = rb"^MAIL FROM:[^\r\n]*\r\nRCPT TO:[^\r\n]*\r\nDATA\r\n"
    parts = re.split(begin, file.read_bytes(), flags=re.MULTILINE)[1:]
    assert all(part.endswith(b"\r\n.\r\n") for part in parts)
    return [re.sub(rb"^\.", b"", part[:-3], flags=re.MULTILINE) for part in parts]


def drain_mpop(account, directory, *, delete, only_new=False):
    """Writes a maildir, with LF for CRLF; pipelines when CAPA says that it may."""
    delivered = _maildir(directory)
    trust = f"tls_trust_file {account.authority}\n" if account.authority else ""
    rc = _private(
        directory / "mpoprc",
        f"""\
account only
host {account.host}
port {account.port}
user {account.user}
password "{account.password}"
auth user
{account.choose("tls off", "tls on", "tls on")}
{account.choose("", "tls_starttls on", "tls_starttls off")}
{trust}keep {"off" if delete else "on"}
only_new {"on" if only_new else "off"}
received_header off
uidls_file {directory}/uidls
delivery maildir {delivered}
""",
    )
    _run(["mpop", "-C", rc, "-q", "-a"], directory)
    return [path.read_bytes() for path in sorted((delivered / "new").iterdir(), key=_number)]


def _number(path):
    """By the numbers in a maildir's file names."""
    return [int(part) for part in re.findall(r"\d+", path.name)]


def drain_getmail(account, directory, *, delete):
    """getmail6: hands each message to a program, as it writes no maildir under root."""
    kind = account.choose("", "", "SSL")
    trust = f"ca_certs = {account.authority}\n" if account.authority else ""
    rc = _private(
        directory / "getmailrc",
        f"""\
[retriever]
type = SimplePOP3{kind}Retriever
server = {account.host}
port = {account.port}
username = {account.user}
password = {account.password}
{trust}
[destination]
type = MDA_external
path = /bin/sh
arguments = ("{_deliverer(directory, linger="sleep 0.05")}",)
allow_root_commands = true
unixfrom = false

[options]
read_all = true
delete = {"true" if delete else "false"}
delivered_to = false
received = false
verbose = 1
""",
    )
    _run(["getmail", "--getmaildir", directory, "--rcfile", rc], directory)
    return _delivered(directory)


def drain_mutt(account, directory, *, delete):
    """At a terminal of its own: fetches into a maildir, with LF for CRLF."""
    delivered = _maildir(directory)
    authority = account.authority
    trust = f'set ssl_ca_certificates_file="{authority}"\n' if authority else ""
    scheme = account.choose("pop", "pop", "pops")
    rc = _private(
        directory / "muttrc",
        f"""\
set spoolfile="{delivered}" mbox_type=Maildir folder="{directory}" sort=mailbox-order
set pop_host="{scheme}://{account.user}@localhost:{account.port}"
set pop_pass="{account.password}" pop_authenticators="user" pop_last=no
set pop_delete={"yes" if delete else "no"} quit=yes move=no ssl_force_tls=no
set ssl_starttls={account.choose("no", "yes", "no")}
{trust}push "<fetch-mail><quit>"
""",
    )
    _run_at_terminal(["mutt", "-n", "-F", rc], directory)
    found = [*(delivered / "new").iterdir(), *(delivered / "cur").iterdir()]
    return [path.read_bytes() for path in sorted(found, key=_number)]


READERS = {
    "poplib": drain_poplib,
    "curl": drain_curl,
    "fetchmail": drain_fetchmail,
    "mpop": drain_mpop,
    "getmail": drain_getmail,
    "mutt": drain_mutt,
}


# How they are run and where they deliver.


def _environment(directory):
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "LC_ALL": "C.UTF-8",
        "TERM": "xterm",
    }


def _run(command, directory, accepted=(0,)):
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=directory,
        env=_environment(directory),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    said = (done.stdout + done.stderr).decode(errors="replace")
    if done.returncode not in accepted:
        raise Failed(f"{words[0]} ended with {done.returncode}:\n{said[-4000:]}")
    return said


def _run_at_terminal(command, directory):
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [str(word) for word in command],
        cwd=directory,
        env=_environment(directory),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown, deadline = b"", time.monotonic() + PATIENCE
    try:
        while process.poll() is None:
            if time.monotonic() > deadline:
                raise Failed(f"{command[0]} does not end:\n{shown[-2000:]!r}")
            if select.select([master], [], [], 0.05)[0]:
                with contextlib.suppress(OSError):  # it has closed its side
                    shown += os.read(master, 65536)
        if process.returncode:
            raise Failed(f"{command[0]} ended with {process.returncode}:\n{shown[-2000:]!r}")
    finally:
        process.kill()
        process.wait()
        os.close(master)


def _private(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


def _maildir(directory):
    for part in ("cur", "new", "tmp"):
        (directory / "delivered" / part).mkdir(parents=True, exist_ok=True)
    return directory / "delivered"


def _deliverer(directory, linger=""):
    """A shell script that stores its input as the next file; deliveries come one by one.

    getmail looks for the end of its child only after the fork: one that ends sooner is
    waited for without end, so that its children have to `linger`.
    """
    (directory / "delivered").mkdir(exist_ok=True)
    if not (directory / "count").exists():
        (directory / "count").write_text("100000\n")
    return _private(
        directory / "deliver",
        f"read n <{directory}/count\n"
        f"echo $((n + 1)) >{directory}/count\n"
        f"cat >{directory}/delivered/$n\n{linger}\n",
    )


def _delivered(directory):
    return [path.read_bytes() for path in sorted((directory / "delivered").iterdir())]
