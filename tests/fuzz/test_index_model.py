r"""Whatever happens to a mailbox and to its index: a login shows what is there, no more, no less.

The driver's listing runs against a pure mailbox, while others add and remove messages, the
mailbox is replaced by one of another epoch, and the index is lost, damaged or an old copy.
"""

import json
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from twisted.internet.defer import Deferred

from gateway.backend.imap import snapshot
from gateway.backend.imap.mailbox import Mailbox
from gateway.backend.imap.responses import Count, Fetch, Status, Vanished
from gateway.errors import Unavailable
from gateway.index.store import _check, _checksum, _pack, _record
from gateway.telemetry import Emitter

RESYNCS = st.sampled_from(["no", "exact", "all", "lacking", "refused"])
SIZES = st.integers(0, 1 << 33) | st.integers(0, 100)


class Inbox:
    """What the server has: UIDs and sizes, and what it will promise about the next."""

    def __init__(self):
        self.epoch = 1000
        self.uidnext = 1
        self.messages = {}
        self.modseq = 1
        self._gone = []
        self._seen = set()

    def count_changes(self):
        """What has gone since this was called last gets a number (RFC 7162 §3.1)."""
        there = set(self.messages)
        for uid in self._seen - there:
            self.modseq += 1
            self._gone.append((self.modseq, uid))
        self.modseq += bool(there - self._seen)
        self._seen = there

    def gone_since(self, modseq):
        return [uid for number, uid in self._gone if number > modseq]

    def add(self, size, gap=0):
        uid = self.uidnext + gap
        self.messages[uid] = size
        self.uidnext = uid + 1
        return uid

    def replace(self):
        """Deleted and made anew: UIDs begin again and mean other messages."""
        self.epoch += 1
        self.uidnext = 1
        self.messages = {}
        self._gone, self._seen = [], set()


class Connection:
    """Answers what the listing asks, and lets others act in the middle of it."""

    def __init__(
        self,
        inbox,
        capabilities=frozenset(),
        meanwhile=None,
        rows_in_bulk=True,
        resync="no",
    ):
        if resync != "no":
            capabilities |= {b"UNSELECT", b"ENABLE", b"QRESYNC"}
        self._resync = resync
        self.inbox = inbox
        self.mailbox = Mailbox()
        self.capabilities = capabilities
        self.asked = []
        self._meanwhile = meanwhile  # (before or after the data, deed)
        self._in_bulk = rows_in_bulk
        self._rows = None
        self._known = []

    def shown(self, octets):
        return octets.decode()

    def collect_rows(self, rows):
        self._rows = rows

    def was_sent_ahead(self, *words):
        return False

    async def ask(self, *words):
        return await self.command(*words)

    def command(self, *words, receiver=None, found=None):
        return Deferred.fromCoroutine(self._command(*words, receiver=receiver, found=found))

    async def _command(self, *words, receiver, found):
        self.asked.append(b" ".join(words))
        if words[0] in {b"UNSELECT", b"ENABLE"}:
            self._known = []
        elif words[0] == b"SELECT":
            self._act("before select" if len(words) == 2 else "before resync")
            if len(words) > 2 and self._resync == "refused":
                return Status(b"G1", "NO")
            self._select(*words[2:])
        elif words[0] == b"NOOP":
            self._tell()
        else:
            self._act("before")
            if words[1] == b"FETCH":
                self._fetch(words[2], receiver)
            else:
                found |= set(self.inbox.messages)
            self._act("after")
        return Status(b"G1", "OK")

    def _select(self, parameter=None):
        inbox = self.inbox
        inbox.count_changes()
        self._known = list(inbox.messages)
        self.mailbox.note(Count(b"EXISTS", len(inbox.messages)))
        self.mailbox.note(Status(b"*", "OK", b"UIDVALIDITY", b"%d" % inbox.epoch))
        self.mailbox.note(Status(b"*", "OK", b"UIDNEXT", b"%d" % inbox.uidnext))
        if self._resync != "no":
            self.mailbox.note(Status(b"*", "OK", b"HIGHESTMODSEQ", b"%d" % inbox.modseq))
        if parameter is not None:
            numbers = parameter.removeprefix(b"(QRESYNC (").removesuffix(b"))").split()
            epoch, modseq = map(int, numbers)
            if epoch == inbox.epoch:
                self._vanished(modseq)

    def _vanished(self, modseq):
        """Exactly, or all that is not there as a server may that has forgotten, or a lie."""
        uids = self.inbox.gone_since(modseq)
        if self._resync == "all":
            uids = [uid for uid in range(1, 30) if uid not in self.inbox.messages]
        if self._resync == "lacking":
            uids = uids[1:]
        spans = tuple((uid, uid) for uid in reversed(uids))
        self.mailbox.note(Vanished(spans, earlier=True))

    def _fetch(self, uid_set, receiver):
        first = int(uid_set.split(b":")[0])
        uids = [uid for uid in self.inbox.messages if uid >= first]
        uids = uids or list(self.inbox.messages)[-1:]  # n:* names the last one
        for uid in uids:
            if self._in_bulk:
                self._rows.add(uid, self.inbox.messages[uid])
            else:
                fetch = Fetch(uid=uid, octets=self.inbox.messages[uid], body=False)
                receiver.fetched(fetch, None)

    def _act(self, moment):
        if self._meanwhile is not None and self._meanwhile[0] == moment:
            _, deed = self._meanwhile
            self._meanwhile = None
            deed()
            if self.inbox.epoch != self.mailbox.uidvalidity:
                epoch = b"%d" % self.inbox.epoch
                self.mailbox.note(Status(b"*", "OK", b"UIDVALIDITY", epoch))
        self._tell()

    def _tell(self):
        """EXPUNGE and EXISTS, as a server sends them with the answer to a UID command."""
        for number in range(len(self._known), 0, -1):
            if self._known[number - 1] not in self.inbox.messages:
                del self._known[number - 1]
                self.mailbox.note(Count(b"EXPUNGE", number))
        if len(self._known) != len(self.inbox.messages):
            self._known = list(self.inbox.messages)
            self.mailbox.note(Count(b"EXISTS", len(self._known)))


def run(coroutine):
    """The result of a coroutine that waits for nothing outside."""
    found = []
    Deferred.fromCoroutine(coroutine).addBoth(found.append)
    (result,) = found
    if hasattr(result, "raiseException"):
        result.raiseException()
    return result


class IndexModel(RuleBasedStateMachine):
    """One account's life."""

    def __init__(self):
        super().__init__()
        self.inbox = Inbox()
        self.row = None
        self.copies = []
        self.unchanged = None
        self.ever_shown = {}
        self.events = []

    @initialize(sizes=st.lists(SIZES, max_size=8))
    def begin(self, sizes):
        for size in sizes:
            self.inbox.add(size)

    # What others do.

    @rule(size=SIZES, gap=st.integers(0, 3) | st.just(1_000_000))
    def new_mail(self, size, gap):
        if self.inbox.uidnext + gap < 0xFFFF_FFFF:
            self.inbox.add(size, gap)

    @rule(gap=st.integers(1, 5))
    def mail_that_came_and_went(self, gap):
        self.inbox.uidnext = min(self.inbox.uidnext + gap, 0xFFFF_FFF0)

    @rule(data=st.data())
    def expunged_by_others(self, data):
        uids = list(self.inbox.messages)
        for uid in data.draw(st.lists(st.sampled_from(uids), max_size=4)) if uids else []:
            self.inbox.messages.pop(uid, None)

    @rule()
    def replaced_by_another_mailbox(self):
        self.inbox.replace()

    # What becomes of the index.

    @rule()
    def lost(self):
        self.row = self.unchanged = None

    @rule()
    def copied(self):
        if self.row is not None:
            self.copies.append(self.row)

    @rule(data=st.data())
    def an_old_copy_is_put_back(self, data):
        if self.copies:
            self.row = data.draw(st.sampled_from(self.copies))
            self.unchanged = None

    @rule(data=st.data())
    def damaged(self, data):
        if self.row is not None:
            epoch, state, columns, checksum = self.row
            bit = data.draw(st.integers(0, len(columns) * 8 - 1))
            octets = bytearray(columns)
            octets[bit // 8] ^= 1 << bit % 8
            self.row = (epoch, state, bytes(octets), checksum)
            self.unchanged = None

    @rule(data=st.data())
    def it_lacks_a_message(self, data):
        """Whatever may have gone wrong at an earlier login: the number tells.

        As long as no other message is gone that would make the number right again; no
        login leaves such a record behind.
        """
        known = self._load()
        if known is None or not known.refs or not set(known.refs) <= set(self.inbox.messages):
            return
        self._save(snapshot.forget(known, {data.draw(st.sampled_from(known.refs))}))
        self.unchanged = None
        maildrop = self._login(Connection(self.inbox))
        assert list(maildrop.refs) == sorted(self.inbox.messages)

    # Logins.

    def _load(self):
        if self.row is None:
            return None
        try:
            _check("account", *self.row)
            return _record(*self.row[:3])
        except (ValueError, TypeError):
            return None

    def _save(self, record):
        state, columns = json.dumps(dict(record.state)), _pack(record)
        checksum = _checksum("account", record.epoch, state, columns)
        self.row = (record.epoch, state, columns, checksum)

    def _login(self, connection):
        known = self._load()
        run(snapshot.select(connection))
        with mock.patch.object(snapshot, "_MANY", 0):
            record = run(snapshot.take(connection, self._emitter(), known))
        if record is not known:
            self._save(record)
        return snapshot.freeze(record)

    def _emitter(self):
        return Emitter(lambda event, context: self.events.append(event))

    def _check_ids(self, maildrop):
        """A unique-id, once shown, means the same message for ever."""
        for uid, octets, shown in zip(
            maildrop.refs, maildrop.octets, maildrop.unique_ids, strict=True
        ):
            meaning = (maildrop.epoch, uid, octets)
            assert self.ever_shown.setdefault(shown, meaning) == meaning
        ids = list(maildrop.unique_ids)
        assert len(set(ids)) == len(ids)

    @rule(esearch=st.booleans(), in_bulk=st.booleans(), resync=RESYNCS)
    def login(self, esearch, in_bulk, resync):
        capabilities = frozenset({b"ESEARCH"} if esearch else ())
        connection = Connection(self.inbox, capabilities, rows_in_bulk=in_bulk, resync=resync)
        before = (self.inbox.epoch, self.inbox.uidnext, dict(self.inbox.messages))
        maildrop = self._login(connection)
        assert maildrop.epoch == str(self.inbox.epoch)
        shown = dict(zip(maildrop.refs, maildrop.octets, strict=True))
        assert shown == self.inbox.messages
        assert list(maildrop.refs) == sorted(self.inbox.messages)
        assert maildrop.total == sum(self.inbox.messages.values())
        self._check_ids(maildrop)
        if before == self.unchanged:
            assert connection.asked == [b"SELECT INBOX"]
        self._again(before)

    def _again(self, before):
        """At once again: nothing is listed."""
        self.unchanged = before
        connection = Connection(self.inbox)
        maildrop = self._login(connection)
        assert connection.asked == [b"SELECT INBOX"]
        assert list(maildrop.refs) == sorted(self.inbox.messages)

    @rule(
        moment=st.sampled_from(["before", "after", "before select", "before resync"]),
        resync=RESYNCS,
        deed=st.sampled_from(["add", "remove", "both", "replace"]),
        size=SIZES,
        data=st.data(),
    )
    def login_while_others_act(self, moment, resync, deed, size, data):
        """Shows what was there at one moment of the login, give or take what changed in it."""
        inbox = self.inbox
        before = dict(inbox.messages)

        def act():
            if deed == "replace":
                inbox.replace()
            if deed in {"remove", "both"} and inbox.messages:
                inbox.messages.pop(data.draw(st.sampled_from(list(inbox.messages))))
            if deed in {"add", "both"} and inbox.uidnext < 0xFFFF_FF00:
                inbox.add(size)

        connection = Connection(inbox, meanwhile=(moment, act), resync=resync)
        epoch = inbox.epoch
        try:
            maildrop = self._login(connection)
        except Unavailable:
            assert deed == "replace"
            return
        if inbox.epoch != epoch and maildrop.epoch == str(inbox.epoch):
            before, epoch = {}, inbox.epoch  # it was replaced before a SELECT
        assert maildrop.epoch == str(epoch)
        shown = dict(zip(maildrop.refs, maildrop.octets, strict=True))
        either = {**before, **(inbox.messages if inbox.epoch == epoch else {})}
        assert shown.items() <= either.items()
        both = before.items() & inbox.messages.items() if inbox.epoch == epoch else set()
        assert both <= shown.items()
        self._check_ids(maildrop)
        self.unchanged = None

    @rule(data=st.data())
    def removed_by_us(self, data):
        connection = Connection(self.inbox)
        maildrop = self._login(connection)
        uids = list(maildrop.refs)
        if not uids:
            return
        removed = set(data.draw(st.lists(st.sampled_from(uids), min_size=1, max_size=4)))
        for uid in removed:
            del self.inbox.messages[uid]
        self._save(snapshot.forget(self._load(), removed))
        self.unchanged = None
        again = Connection(self.inbox)
        assert sorted(self._login(again).refs) == sorted(self.inbox.messages)
        assert again.asked == [b"SELECT INBOX"]

    @invariant()
    def nothing_is_wrong_with_the_server(self):
        assert self.events == []


IndexModel.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestIndexModel = IndexModel.TestCase


def test_new_mail_during_the_listing_does_not_stand_in_for_a_message_that_is_gone():
    """Found by the model: 1 is gone, 4 arrives behind the listing, and EXISTS fits again."""
    inbox, model = Inbox(), IndexModel()
    for _ in range(2):
        inbox.add(7)
    model.inbox = inbox
    model._login(Connection(inbox))
    del inbox.messages[1]
    inbox.add(8)
    meanwhile = Connection(inbox, meanwhile=("after", lambda: inbox.add(9)))
    assert list(model._login(meanwhile).refs) == [2, 3]
    assert list(model._login(Connection(inbox)).refs) == [2, 3, 4]
