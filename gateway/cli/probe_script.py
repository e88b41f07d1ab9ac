"""The scripted client of `probe`: what is said in which order, and what is noted of it.

Nothing is ever deleted: marks are taken back with RSET, and where that cannot be seen to
have worked, the connection is dropped without QUIT (RFC 1939 §6: then nothing is removed).
"""

import base64
from collections.abc import Callable, Mapping

from gateway.cli import probe_bodies, probe_capa, probe_checks
from gateway.cli.conversation import Conversation, ConversationBroken, Reply, Tell
from gateway.cli.probe_checks import Check, Unreadable, Verdict, either, failed, warned
from gateway.cli.probe_target import Account, Server

WRONG_COMMANDS = (b"DELE 0", b"RETR 9999999", b"XYZZY")


_Session = Callable[[Conversation], None]


class _Enough(Exception):
    """What was noted last leaves no sense in going on."""


class Probe:
    """One examination of a server."""

    def __init__(
        self, server: Server, account: Account, tell: Tell, *, try_delete: bool = True
    ) -> None:
        self.checks: list[Check] = []
        self._server = server
        self._account = account
        self._tell = tell
        self._try_delete = try_delete
        self._stage = ""
        self._announced: dict[bytes, bytes] = {}
        self._unique_ids: dict[int, bytes] = {}

    def run(self) -> list[Check]:
        """Play all sessions; every one of them ends with its connection closed."""
        self._play("first session", self._first_session)
        if b"STLS" in self._announced and not (self._server.tls or self._server.starttls):
            self._play("STLS", self._stls_session)
        if self._logged_in:
            self._play("second session", self._second_session)
        return self.checks

    @property
    def _logged_in(self) -> bool:
        return any(c.name == "login" and c.verdict is Verdict.PASS for c in self.checks)

    def _play(self, title: str, session: _Session) -> None:
        self._tell(f"-- {title}")
        self._stage = title
        try:
            talk = self._server.connect(self._tell)
        except ConversationBroken as error:
            self._note(failed("connection", str(error)))
            return
        try:
            session(talk)
        except _Enough:
            self._note(warned(title, "broken off here; what comes after was not tried"))
        except (ConversationBroken, Unreadable) as error:
            self._note(failed(self._stage, str(error)))
        finally:
            talk.close()

    def _note(self, *checks: Check) -> None:
        # What both sessions show is said once.
        self.checks += [check for check in checks if check not in self.checks]

    def _require(self, check: Check) -> None:
        self._note(check)
        if check.verdict is Verdict.FAIL:
            raise _Enough

    # The sessions.

    def _first_session(self, talk: Conversation) -> None:
        self._open(talk)
        self._capabilities(talk)
        self._require(probe_checks.login(self._login(talk).line))
        self._stage = "CAPA after login"
        self._announced |= probe_capa.parse(talk.fetch(b"CAPA").lines)
        listed = self._listings(talk)
        bodies = self._bodies(talk, listed)
        self._again(talk, bodies)
        self._tops(talk, bodies)
        self._wrong_commands(talk)
        self._marks(talk, listed)
        self._leave(talk, listed)

    def _stls_session(self, talk: Conversation) -> None:
        talk.greeting()
        self._require(_stls(talk.ask(b"STLS")))
        try:
            talk.start_tls(self._server.context)
        except ConversationBroken as error:
            self._note(
                warned("STLS", f"offered, but this certificate is not believed: {error}")
            )
            return
        self._note(probe_capa.under_tls(probe_capa.parse(talk.fetch(b"CAPA").lines)))
        self._note(_quit(talk.ask(b"QUIT")))

    def _second_session(self, talk: Conversation) -> None:
        self._open(talk)
        answer = self._login(talk)
        if not answer.ok:
            self._note(warned("second session", f"refused: {answer.text}"))
            return
        self._stage = "UIDL"
        if self._unique_ids:
            again = probe_checks.unique_ids(talk.fetch(b"UIDL").lines)
            self._note(probe_checks.same_tomorrow(self._unique_ids, again))
        if self._pipelining(talk):
            self._note(_quit(talk.ask(b"QUIT")))

    # The steps.

    def _open(self, talk: Conversation) -> None:
        self._stage = "greeting"
        self._require(probe_checks.greeting(talk.greeting().line))
        if self._server.starttls:
            self._stage = "STLS"
            self._require(_stls(talk.ask(b"STLS")))
            talk.start_tls(self._server.context)

    def _capabilities(self, talk: Conversation) -> None:
        self._stage = "CAPA"
        capabilities = talk.fetch(b"CAPA")
        if not capabilities.ok:
            self._note(warned("CAPA", "not known (RFC 2449): clients have to guess"))
            return
        self._note(*probe_capa.announced(capabilities.lines))
        self._announced = probe_capa.parse(capabilities.lines)
        if self._server.tls or self._server.starttls:
            self._note(probe_capa.under_tls(self._announced))

    def _login(self, talk: Conversation) -> Reply:
        self._stage = "login"
        user, password = self._account.user, self._account.password
        mechanisms = self._announced.get(b"SASL", b"").upper().split()
        if self._announced and b"USER" not in self._announced and b"PLAIN" in mechanisms:
            token = base64.b64encode(b"\0" + user + b"\0" + password)
            return talk.ask(b"AUTH PLAIN " + token, "AUTH PLAIN ***", token)
        answer = talk.ask(b"USER " + user)
        return talk.ask(b"PASS " + password, "PASS ***", password) if answer.ok else answer

    def _listings(self, talk: Conversation) -> dict[int, int]:
        self._stage = "LIST"
        listing = talk.fetch(b"LIST")
        if not listing.ok:
            self._require(failed("LIST", f"refused: {listing.text}"))
        listed = probe_checks.sizes(listing.lines)
        self._note(probe_checks.numbers(listed))
        self._note(probe_checks.stat(talk.ask(b"STAT").line, listed))
        self._identities(talk, listed)
        self._stage = "LIST n"
        for number in sorted({*list(listed)[:1], *list(listed)[-1:]}):
            self._single(talk, "LIST", number, b"%d" % listed[number])
            if number in self._unique_ids:
                self._single(talk, "UIDL", number, self._unique_ids[number])
        return listed

    def _identities(self, talk: Conversation, listed: Mapping[int, int]) -> None:
        self._stage = "UIDL"
        listing = talk.fetch(b"UIDL")
        announced = b"UIDL" in self._announced
        self._note(probe_capa.optional_command("UIDL", announced, listing.ok))
        if listing.ok:
            self._unique_ids = probe_checks.unique_ids(listing.lines)
            self._note(*probe_checks.unique_ids_hold(self._unique_ids, listed))

    def _single(self, talk: Conversation, command: str, number: int, expected: bytes) -> None:
        answer = talk.ask(b"%b %d" % (command.encode(), number))
        self._note(probe_checks.single(command, number, answer.line, expected))

    def _bodies(self, talk: Conversation, listed: Mapping[int, int]) -> dict[int, bytes]:
        bodies = {}
        for number in probe_bodies.chosen(listed):
            self._stage = f"RETR {number}"
            message = talk.fetch(b"RETR %d" % number, limit=2 * listed[number] + 65536)
            if not message.ok:
                self._note(failed(self._stage, f"refused: {message.text}"))
                continue
            surplus = talk.surplus()
            octets = message.octets
            self._note(
                *probe_bodies.body(number, listed[number], message.wire, octets, surplus)
            )
            if surplus:
                raise _Enough
            bodies[number] = octets
        if not bodies:
            self._note(warned("RETR", "there is no message to try with"))
        return bodies

    def _again(self, talk: Conversation, bodies: Mapping[int, bytes]) -> None:
        for number, whole in list(bodies.items())[:1]:
            self._stage = f"RETR {number} again"
            message = talk.fetch(b"RETR %d" % number, limit=2 * len(whole) + 65536)
            self._note(probe_bodies.same_again(number, whole, message.octets))

    def _tops(self, talk: Conversation, bodies: Mapping[int, bytes]) -> None:
        for number, whole in list(bodies.items())[:2]:
            for count in (0, 5):
                self._stage = f"TOP {number} {count}"
                top = talk.fetch(b"TOP %d %d" % (number, count), limit=len(whole) + 65536)
                announced = b"TOP" in self._announced
                self._note(probe_capa.optional_command("TOP", announced, top.ok))
                if not top.ok:
                    return
                self._note(probe_bodies.top(number, count, top.octets, whole))

    def _wrong_commands(self, talk: Conversation) -> None:
        for command in WRONG_COMMANDS:
            self._stage = command.decode()
            answer = talk.ask(command)
            if answer.ok and command.startswith(b"RETR"):
                self._require(failed(self._stage, "a message that is not there was promised"))
            alive = talk.ask(b"NOOP")
            self._note(probe_checks.refused(self._stage, answer.line, alive.line))

    def _marks(self, talk: Conversation, listed: Mapping[int, int]) -> None:
        if not (listed and self._try_delete):
            self._note(warned("DELE", "not tried"))
            return
        number = next(iter(listed))
        self._stage = f"DELE {number}"
        answer = talk.ask(b"DELE %d" % number)
        if not answer.ok:
            self._note(failed(self._stage, f"refused: {answer.text}"))
            return
        after = probe_checks.sizes(talk.fetch(b"LIST").lines)
        self._note(*probe_checks.marked(number, listed, after))
        self._note(probe_checks.stat(talk.ask(b"STAT").line, after, "STAT after DELE"))
        again, alive = talk.ask(b"DELE %d" % number), talk.ask(b"NOOP")
        self._note(probe_checks.refused(f"DELE {number} again", again.line, alive.line))

    def _leave(self, talk: Conversation, listed: Mapping[int, int]) -> None:
        self._stage = "RSET"
        reset = talk.ask(b"RSET")
        check = probe_checks.unmarked(listed, probe_checks.sizes(talk.fetch(b"LIST").lines))
        self._require(check if reset.ok else failed("RSET", f"refused: {reset.text}"))
        self._stage = "QUIT"
        self._note(_quit(talk.ask(b"QUIT")))

    def _pipelining(self, talk: Conversation) -> bool:
        """Whether the conversation can go on."""
        announced, replies, problem = b"PIPELINING" in self._announced, [], ""
        if announced:
            try:
                replies = talk.ask_at_once([b"NOOP", b"STAT", b"NOOP"])
            except ConversationBroken as error:
                problem = str(error)
        lines = [reply.line for reply in replies]
        self._note(probe_checks.pipelined(announced, lines, problem))
        return not problem


def _stls(reply: Reply) -> Check:
    return either("STLS", reply.ok, "TLS may begin", f"refused: {reply.text}")


def _quit(reply: Reply) -> Check:
    return either("QUIT", reply.ok, "answered with +OK", f"answered with {reply.text}")
