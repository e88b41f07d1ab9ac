"""Cyrus as upstream IMAP and JMAP server, with POP3 as an oracle and LMTP for delivery."""

import os
import pwd
import shutil
import smtplib
import subprocess
from pathlib import Path

from tests.support.oracle import open_imap
from tests.support.ports import free_port, wait_for_port
from tests.support.server import Server, mail_owner, octets

INSTALLED = Path("/usr/lib/cyrus/bin")
# imapd and pop3d conflict with Dovecot as packages; install-servers unpacks them here.
UNPACKED = Path(__file__).parents[2] / ".servers" / "cyrus" / "usr" / "lib" / "cyrus" / "bin"

IMAPD = """\
configdirectory: {base}/conf
defaultpartition: default
partition-default: {base}/spool
sievedir: {base}/sieve
proc_path: {base}/run/proc
mboxname_lockpath: {base}/run/lock
temp_path: {base}/tmp
lmtpsocket: {base}/run/lmtp
idlesocket: {base}/run/idle
notifysocket: {base}/run/notify
cyrus_user: {owner}
servername: localhost
admins: {admin}
altnamespace: yes
unixhierarchysep: yes
virtdomains: off
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {base}/conf/sasldb2
sasl_mech_list: PLAIN LOGIN
popminpoll: 0
httpmodules: jmap
httpallowcompress: no
conversations: yes
conversations_db: twoskip
jmap_nonstandard_extensions: no
jmap_max_size_upload: 51200
expunge_mode: delayed
delete_mode: delayed
deletedprefix: DELETED
maxmessagesize: 0
{extra}
"""

SERVICES = """\
START {{
  recover cmd="{installed}/ctl_cyrusdb -C {conf} -r"
}}
SERVICES {{
  imap cmd="{bin}/imapd -C {conf} -U 30" listen="{host}:{port}" proto="tcp4" prefork=1 maxchild=100
  pop3 cmd="{bin}/pop3d -C {conf} -U 30" listen="{host}:{pop3_port}" proto="tcp4" maxchild=50
  http cmd="{installed}/httpd -C {conf} -U 30" listen="{host}:{http_port}" proto="tcp4" prefork=1 maxchild=50
  lmtp cmd="{installed}/lmtpd -C {conf} -a -U 30" listen="{host}:{lmtp_port}" proto="tcp4" maxchild=20
}}
EVENTS {{
  checkpoint cmd="{installed}/ctl_cyrusdb -C {conf} -c" period=30
}}
"""


class Cyrus(Server):
    """Cyrus 3.6 on loopback: IMAP, POP3, HTTP (JMAP below ``url``) and LMTP.

    Args:
        extra: lines for imapd.conf that are added at the end.
    """

    name = "cyrus"
    programs = (
        INSTALLED / "master",
        INSTALLED / "httpd",
        UNPACKED / "imapd",
        UNPACKED / "pop3d",
    )
    # Its master at times waits for good for a child that was only starting.
    grace = 1.0
    admin = "admin"

    def __init__(self, *, extra=""):
        super().__init__()
        self.port, self.pop3_port = free_port(), free_port()
        self.http_port, self.lmtp_port = free_port(), free_port()
        self._extra = extra

    @property
    def url(self):
        return f"http://{self.host}:{self.http_port}"

    def prepare(self):
        base, owner = self.directory, self._owner()
        for name in ("bin", "conf", "spool", "sieve", "run/proc", "run/lock", "tmp"):
            (base / name).mkdir(parents=True)
        for program in ("imapd", "pop3d"):
            # Copied, as the server's account need not be able to look into our checkout.
            shutil.copy(UNPACKED / program, base / "bin")
        (base / "imapd.conf").write_text(
            IMAPD.format(base=base, owner=owner.pw_name, admin=self.admin, extra=self._extra)
        )
        (base / "cyrus.conf").write_text(
            SERVICES.format(
                bin=base / "bin",
                conf=base / "imapd.conf",
                host=self.host,
                installed=INSTALLED,
                port=self.port,
                pop3_port=self.pop3_port,
                http_port=self.http_port,
                lmtp_port=self.lmtp_port,
            )
        )
        self._set_password(self.admin.encode(), b"admin")
        for path in (base, *base.rglob("*")):
            os.chown(path, owner.pw_uid, owner.pw_gid)

    @staticmethod
    def _owner():
        return pwd.getpwnam("cyrus") if os.geteuid() == 0 else mail_owner()

    def command(self):
        return [
            *(str(INSTALLED / "master"), "-C", str(self.directory / "imapd.conf")),
            *("-M", str(self.directory / "cyrus.conf")),
            *("-p", str(self.directory / "run" / "master.pid")),
        ]

    def environment(self):
        return {**super().environment(), "CYRUS_VERBOSE": "1"}

    def wait_until_ready(self):
        def alive():
            return self.running

        wait_for_port(self.port, self.host, self.patience, b"* OK", alive)
        for port in (self.pop3_port, self.http_port, self.lmtp_port):
            wait_for_port(port, self.host, self.patience, alive=alive)

    # Users and their mail.

    def _set_password(self, name, password):
        database = self.directory / "conf" / "sasldb2"
        command = ["saslpasswd2", "-p", "-c", "-f", str(database), "-u", "localhost", name]
        subprocess.run(command, input=password, check=True, capture_output=True)
        self.passwords[name] = password

    def add_user(self, name, password):
        """A user with an empty INBOX."""
        self._set_password(octets(name), octets(password))
        with self.imap(self.admin) as client:
            client.create_folder(f"user/{octets(name).decode()}")

    def deliver(self, user, message):
        """APPEND the octets; Cyrus takes no NUL, and no bare LF or CR in the header."""
        self.deliver_many(user, [message])

    def deliver_many(self, user, messages):
        with self.imap(user) as client:
            for message in messages:
                client.append("INBOX", message)

    def deliver_by_lmtp(self, user, message, sender="sender@example.org"):
        """As from a mail transfer agent; adds Return-Path and Received."""
        with smtplib.LMTP(self.host, self.lmtp_port, timeout=10) as lmtp:
            lmtp.sendmail(sender, [octets(user).decode()], message)

    def imap(self, user, password=None):
        """A logged-in IMAPClient (a context manager), as the oracle."""
        name = octets(user)
        secret = self.passwords[name] if password is None else octets(password)
        return open_imap(self.host, self.port, name, secret)
