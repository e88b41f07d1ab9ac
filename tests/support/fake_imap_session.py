"""One connection to the fake IMAP server: a small, correct IMAP4rev1."""

import base64
import re
import select
import socket
import struct

from tests.support.fake_imap_actions import End, Reply, lines_of

# What is told of a refused token, and how that must be answered.
REFUSALS = {
    b"XOAUTH2": (b'{"status":"400","schemes":"Bearer","scope":"https://mail.example/"}', b""),
    b"OAUTHBEARER": (b'{"status":"invalid_token","scope":"mail"}', b"AQ=="),
}
SHOWN = {
    b"XOAUTH2": re.compile(rb"user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01"),
    b"OAUTHBEARER": re.compile(
        rb"n,a=([^,]*),\x01host=127\.0\.0\.1\x01port=\d+\x01auth=Bearer ([^\x01]*)\x01\x01"
    ),
}


class Session:
    def __init__(self, server, connection):
        self.server = server
        self.era = server.era
        self.refused = False
        self.connection = connection
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.files = connection.makefile("rb")
        self.folder = None
        self.shown = []  # the UIDs that the client knows of, one a sequence number
        self.epoch = None
        self.read_only = False

    @property
    def counts(self):
        """Whether it belongs to the test that runs; see `FakeImap.begin_era`."""
        return self.era == self.server.era

    def is_early(self, stage):
        """Sent behind a password that was refused: no fault laid since then is for that."""
        return self.refused and stage not in {"LOGIN", "AUTHENTICATE", "CAPABILITY", "LOGOUT"}

    # Wire.

    def send(self, octets):
        self.connection.sendall(octets)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def end(self):
        self.files.close()
        with self.server.lock:
            self.server._sockets.discard(self.connection)
        self.connection.close()

    def gone(self):
        """Whether the client has hung up."""
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLRDHUP)
        return bool(poll.poll(0))

    def secure(self):
        self.files.close()
        plain = self.connection
        # The handshake comes last, so that a stopping server can end it.
        self.connection = self.server.tls.wrap_socket(
            plain, server_side=True, do_handshake_on_connect=False
        )
        with self.server.lock:
            self.server._sockets.discard(plain)
            self.server._sockets.add(self.connection)
        if self.server.stopping.is_set():
            raise End
        self.files = self.connection.makefile("rb")
        self.connection.do_handshake()

    def line(self):
        line = self.files.readline()
        if not line.endswith(b"\r\n"):
            raise End
        return line[:-2]

    def command(self):
        """One command with its literals put in as quoted strings, as (tag, text, strings)."""
        text, strings = b"", []
        while True:
            piece = self.line()
            found = re.search(rb"\{(\d+)(\+?)\}\Z", piece)
            quoted = piece[: found.start()] if found else piece
            text += re.sub(rb'"([^"]*)"', lambda m: strings.append(m[1]) or b"\0", quoted)
            if not found:
                tag, _, rest = text.partition(b" ")
                return tag, rest, strings
            if not found[2]:
                self.send(b"+ go on\r\n")
            strings.append(self.files.read(int(found[1])))
            text += b"\0"

    # Dialog.

    def run(self):
        self.perform("CONNECT", Reply(b"*", sent_raw=b""), lambda: None)
        if self.server.implicit:
            self.secure()
        greeting = self.server.greeting
        if greeting is None:
            greeting = f"* OK [CAPABILITY {self.server.capabilities}] ready"
        self.perform("GREETING", Reply(b"*", sent_raw=lines_of([greeting])), lambda: None)
        while True:
            tag, text, strings = self.command()
            if self.counts:
                with self.server.lock:
                    self.server.heard.append(text.replace(b"\0", b'"..."'))
            self.obey(tag, text, strings)

    def perform(self, stage, reply, carry_out):
        stages = [stage, *([] if stage in {"CONNECT", "GREETING"} else "*")]
        meant = self.counts and not self.is_early(stage)
        action = self.server.action(*stages) if meant else None
        if self.is_early(stage):
            reply.status, carry_out = b"BAD log in first", lambda: None
        if action is None:
            carry_out()
        else:
            action(self, reply, carry_out)
        if stage in {"LOGIN", "AUTHENTICATE"}:
            self.refused = not reply.status.startswith(b"OK")
        if octets := reply.octets():
            self.send(octets)

    def obey(self, tag, text, strings):
        words = text.split(b" ")
        verb = words.pop(0).upper()
        by_uid = verb == b"UID"
        if by_uid:
            verb = words.pop(0).upper()
        stage = verb.decode()
        if verb == b"FETCH":
            stage = "BODY" if b"BODY" in text.upper() else "LIST"
        reply = Reply(tag)
        method = getattr(self, f"do_{verb.decode().lower()}", None)

        def carry_out():
            if method is None:
                reply.status = b"BAD unknown command"
                return
            with self.server.lock:
                method(reply, words, strings)

        self.perform(stage, reply, carry_out)
        if verb == b"LOGOUT":
            raise End
        if verb == b"STARTTLS" and reply.status.startswith(b"OK"):
            self.secure()

    def can(self, name):
        return name in self.server.capabilities.split()

    def do_capability(self, reply, words, strings):
        reply.data = lines_of([f"* CAPABILITY {self.server.capabilities}"])

    def do_noop(self, reply, words, strings):
        """Tells what others did since it was told last."""
        if self.folder is None:
            return
        if self.server.inbox.uidvalidity != self.epoch:
            self.epoch = self.server.inbox.uidvalidity
            reply.data += lines_of([f"* OK [UIDVALIDITY {self.epoch}] moved"])
        uids = self.folder.uids
        for number in range(len(self.shown), 0, -1):
            if self.shown[number - 1] not in uids:
                del self.shown[number - 1]
                reply.data += b"* %d EXPUNGE\r\n" % number
        if uids != self.shown:
            self.shown = uids
            reply.data += b"* %d EXISTS\r\n" % len(uids)

    def do_id(self, reply, words, strings):
        reply.data = lines_of(['* ID ("name" "fake")'])

    def do_starttls(self, reply, words, strings):
        if self.server.tls is None or not self.can("STARTTLS"):
            reply.status = b"BAD no TLS here"

    def do_logout(self, reply, words, strings):
        reply.data = lines_of(["* BYE until next time"])

    def do_login(self, reply, words, strings):
        if len(strings) == 2:
            self._log_in(reply, *strings)
        else:
            reply.status = b"BAD two strings, please"

    def do_authenticate(self, reply, words, strings):
        if words[0].upper() in REFUSALS and self.can(f"AUTH={words[0].decode()}"):
            self._take_token(reply, words)
            return
        if words[0].upper() != b"PLAIN" or not self.can("AUTH=PLAIN"):
            reply.status = b"NO [CANNOT] not that one"
            return
        if len(words) == 1:
            self.send(b"+ \r\n")
            words.append(self.line())
        _, name, password = base64.b64decode(words[1]).split(b"\0")
        self._log_in(reply, name, password)

    def _take_token(self, reply, words):
        """RFC 7628 and XOAUTH2: a refusal is a challenge, an answer to that, and NO."""
        if len(words) == 1:
            self.send(b"+ \r\n")
            words.append(self.line())
        challenge, expected = REFUSALS[words[0].upper()]
        name, token = SHOWN[words[0].upper()].fullmatch(base64.b64decode(words[1])).groups()
        self.server.logins.append((name, token))
        if self.server.tokens.get(name) == token:
            reply.status = f"OK [CAPABILITY {self.server.capabilities}] welcome".encode()
            return
        self.send(b"+ %b\r\n" % base64.b64encode(challenge))
        said = self.line()
        reply.status = b"NO [AUTHENTICATIONFAILED] wrong" if said == expected else b"BAD form"

    def _log_in(self, reply, name, password):
        known = self.server.passwords
        self.server.logins.append((name, password))
        if known is not None and known.get(name) != password:
            reply.status = b"NO [AUTHENTICATIONFAILED] wrong"
        else:
            reply.status = f"OK [CAPABILITY {self.server.capabilities}] welcome".encode()

    def do_select(self, reply, words, strings):
        self.folder = self.server.inbox
        self.shown, self.epoch = self.folder.uids, self.folder.uidvalidity
        self.read_only = self.server.read_only
        access = "READ-ONLY" if self.read_only else "READ-WRITE"
        lines = [
            r"* FLAGS (\Answered \Flagged \Deleted \Seen \Draft)",
            f"* {len(self.folder.messages)} EXISTS",
            "* 0 RECENT",
            f"* OK [UIDVALIDITY {self.folder.uidvalidity}] UIDs valid",
            f"* OK [UIDNEXT {self.folder.uidnext}] next",
        ]
        reply.data = lines_of(lines)
        reply.status = f"OK [{access}] selected".encode()

    def _named(self, uid_set):
        """(sequence number, message) of all messages that a UID set names."""
        uids = self.folder.uids
        last = max(uids, default=0)
        wanted = set()
        for text in uid_set.decode().split(","):
            first, _, end = text.partition(":")
            low, high = sorted(last if n == "*" else int(n) for n in (first, end or first))
            if high - low > len(uids):
                wanted.update(uid for uid in uids if low <= uid <= high)
            else:
                wanted.update(range(low, high + 1))
        return [each for each in enumerate(self.folder.messages, 1) if each[1].uid in wanted]

    def do_fetch(self, reply, words, strings):
        items = b" ".join(words[1:])
        part = re.search(rb"BODY(?:\.PEEK)?\[\](?:<(\d+)\.(\d+)>)?", items, re.IGNORECASE)
        named = self._named(words[0])
        if part is None:
            row = b"* %d FETCH (UID %d RFC822.SIZE %d)\r\n"
            reply.data = b"".join(row % (n, m.uid, m.announced) for n, m in named)
            return
        for number, message in named:
            if self.counts:
                self.server.bodies.append(message.uid)
            octets, origin = message.octets, b""
            if part[1] is not None:
                origin = b"<%b>" % part[1]
                octets = octets[int(part[1]) : int(part[1]) + int(part[2])]
            head = b"* %d FETCH (UID %d BODY[]%b {%d}\r\n"
            head %= (number, message.uid, origin, len(octets))
            reply.data += head + octets + b")\r\n"

    def do_search(self, reply, words, strings):
        found = list(enumerate(self.folder.messages, 1))
        while words:
            key = words.pop(0).upper()
            if key == b"UID":
                named = {message.uid for _, message in self._named(words.pop(0))}
                found = [each for each in found if each[1].uid in named]
            elif key in {b"DELETED", b"UNDELETED"}:
                wanted = key == b"DELETED"
                found = [each for each in found if ("\\Deleted" in each[1].flags) == wanted]
        uids = b"".join(b" %d" % message.uid for _, message in found)
        reply.data = b"* SEARCH%b\r\n" % uids

    def do_store(self, reply, words, strings):
        if self.read_only:
            reply.status = b"NO [READ-ONLY] no"
            return
        flags = set(b" ".join(words[2:]).decode().strip("()").split())
        for _, message in self._named(words[0]):
            if words[1].startswith(b"+"):
                message.flags |= flags
            else:
                message.flags -= flags

    def _expunge(self, reply, chosen):
        gone = []
        for number, message in enumerate(self.folder.messages, 1):
            if chosen(message):
                reply.data += b"* %d EXPUNGE\r\n" % (number - len(gone))
                gone.append(message.uid)
        self.shown = [uid for uid in self.shown if uid not in gone]
        self.folder.messages = [m for m in self.folder.messages if m.uid not in gone]

    def do_expunge(self, reply, words, strings):
        if words and not self.can("UIDPLUS"):
            reply.status = b"BAD no UIDPLUS here"
            return
        named = [message.uid for _, message in self._named(words[0])] if words else None
        self._expunge(
            reply,
            lambda m: "\\Deleted" in m.flags and (named is None or m.uid in named),
        )

    def do_create(self, reply, words, strings):
        self.server.create(strings[0].decode())

    def _copy(self, reply, words, strings):
        folder = self.server.folders.get(strings[0].decode())
        if folder is None:
            reply.status = b"NO [TRYCREATE] no such folder"
            return None
        named = self._named(words[0])
        for _, message in named:
            folder.add(message.octets, *message.flags)
        return [message.uid for _, message in named]

    def do_copy(self, reply, words, strings):
        self._copy(reply, words, strings)

    def do_move(self, reply, words, strings):
        if not self.can("MOVE"):
            reply.status = b"BAD no MOVE here"
            return
        copied = self._copy(reply, words, strings)
        if copied is not None:
            self._expunge(reply, lambda m: m.uid in copied)
