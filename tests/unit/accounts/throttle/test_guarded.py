"""A door behind a throttle: what reaches the upstream, what is answered, and when."""

import sqlite3

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from pydantic import SecretBytes
from twisted.internet.defer import Deferred

from gateway.accounts.throttle import ThrottleSettings
from gateway.accounts.throttle.events import (
    GoodPasswordRefused,
    KnownBadPassword,
    LockedOut,
    ThrottleUnusable,
)
from gateway.errors import (
    BadCredentials,
    ConsentMissing,
    MaildropBusy,
    Misconfigured,
    Throttled,
    Unavailable,
)
from gateway.maildrop import BearerToken, Digest
from tests.unit.accounts.throttle.scene import ABROAD, DAY, HOME, SETTINGS

OTHERS = (MaildropBusy(), Misconfigured(), Throttled(), Unavailable(), ConsentMissing())


def digest(number=0):
    return Digest("apop", b"<%d@x>" % number, b"0" * 32)


def guess(scene, count, user=b"kim", peer=ABROAD, first=0):
    return [scene.login(b"guess %d" % n, user, peer) for n in range(first, first + count)]


def assert_refused(*failures):
    assert {type(failure) for failure in failures} == {BadCredentials}


def test_the_right_password_gets_in(scene):
    for _ in range(3):
        assert scene.login(b"right") is None
    assert scene.asked() == 3
    assert scene.world.ended[1] is None


def test_a_wrong_one_is_asked_once_and_never_again(scene):
    assert_refused(*[scene.login(b"stale") for _ in range(200)])
    assert scene.asked() == 1
    assert_refused(scene.login(b"stale", b"KIM", ABROAD))
    assert scene.asked() == 0
    assert scene.login(b"right") is None, "a stale password locks nothing"
    assert scene.login(b"right", peer=ABROAD) is None


def test_another_worker_and_a_new_start_know_it_too(make):
    first, second = make(), make()
    first.login(b"stale")
    assert_refused(second.login(b"stale"), make().login(b"stale"))
    assert first.asked() == 1


def test_it_is_forgotten_when_nobody_has_used_it_for_long(scene, world):
    scene.login(b"stale")
    for _ in range(10):
        world.now += 29 * DAY
        scene.login(b"stale")
    assert scene.asked() == 1
    world.now += 31 * DAY
    scene.login(b"stale")
    assert scene.asked() == 1


def test_one_that_is_forgotten_within_the_window_is_known_again_at_once(make, world):
    scene = make(ThrottleSettings(window=6 * DAY, remember_wrong=DAY))
    scene.login(b"stale")
    world.now += 2 * DAY
    scene.asked()
    assert_refused(*[scene.login(b"stale") for _ in range(5)])
    assert scene.asked() == 1


@pytest.mark.parametrize("failure", OTHERS, ids=lambda failure: type(failure).__name__)
def test_what_is_no_refusal_counts_for_nothing(scene, world, failure):
    world.failure = failure
    for number in range(30):
        assert scene.login(b"password %d" % number) is failure
    world.failure = None
    assert scene.login(b"right") is None
    world.failure = failure
    assert scene.login(b"right", peer=ABROAD) is failure
    assert scene.store.entries() == []


@pytest.mark.parametrize("failure", [Unavailable(), ValueError("a defect")])
def test_nor_if_the_door_itself_fails(scene, failure):
    scene.inner.failure = failure
    for number in range(30):
        broken = scene.begin(b"password %d" % number)
        if isinstance(failure, ValueError):
            broken.addErrback(lambda reason: reason.value)
        assert broken.result is failure
    scene.inner.failure = None
    assert scene.login(b"right") is None
    assert scene.store.entries() == []


class TestGuesser:
    def test_is_locked_out_after_so_many_and_asks_no_more(self, scene, world):
        assert_refused(*guess(scene, 50))
        assert scene.asked() == 4
        assert_refused(
            scene.login(b"right", peer=ABROAD), scene.login(b"right", peer="198.51.100.1")
        )
        assert scene.asked() == 0
        (told,) = world.told(LockedOut)
        assert (told.kind, told.locked, told.where, told.count) == ("account", "kim", "", 4)
        assert told.seconds == 3600

    def test_and_the_lock_ends(self, scene, world):
        guess(scene, 4)
        world.now += 3599
        assert_refused(scene.login(b"right", peer=ABROAD))
        world.now += 2
        assert scene.login(b"right", peer=ABROAD) is None

    def test_a_clock_that_goes_back_locks_nobody_for_long(self, scene, world):
        guess(scene, 4)
        world.now -= 10 * DAY
        assert scene.login(b"right", peer=ABROAD) is None

    def test_does_not_lock_out_the_address_that_is_known(self, scene, world):
        assert scene.login(b"right", peer=HOME) is None
        guess(scene, 50)
        for _ in range(10):
            assert scene.login(b"right", peer=HOME) is None
            guess(scene, 1, first=60)
        world.passwords[b"kim"] = b"changed"
        assert scene.login(b"changed", peer=HOME) is None

    def test_gets_no_more_tries_by_the_polls_of_the_device(self, scene):
        scene.login(b"right", peer=HOME)
        scene.asked()
        for number in range(30):
            guess(scene, 1, peer=ABROAD, first=number)
            guess(scene, 1, peer=HOME, first=100 + number)
            assert scene.login(b"right", peer=HOME) is None
        assert scene.asked() - 30 == 4 + 4

    def test_beside_the_device_is_shut_out_in_the_end(self, scene, world):
        """Though the known password gets in there, nobody may guess it for ever."""
        scene.login(b"right")
        guess(scene, 39, peer=HOME)
        assert scene.login(b"right") is None
        guess(scene, 1, peer=HOME, first=39)
        assert_refused(scene.login(b"right"))
        rows = len(scene.store._database.execute("SELECT 1 FROM wrong").fetchall())
        guess(scene, 100, peer=HOME, first=40)
        assert len(scene.store._database.execute("SELECT 1 FROM wrong").fetchall()) == rows
        world.now += 3601
        assert scene.login(b"right") is None

    def test_of_many_names_locks_his_address_and_no_device_there(self, scene, world):
        scene.login(b"right", peer=HOME)
        scene.asked()
        for number in range(60):
            guess(scene, 1, b"user%d" % number, HOME)
        assert scene.asked() == 20
        assert [each.kind for each in world.told(LockedOut)] == ["address"]
        assert scene.login(b"right", peer=HOME) is None
        world.passwords[b"lee"] = b"right"
        assert_refused(scene.login(b"right", b"lee", HOME))
        assert scene.login(b"right", b"lee", ABROAD) is None

    def test_with_many_connections_at_once_is_one_guesser(self, scene):
        scene.inner.held = gate = Deferred()
        tries = [scene.begin(b"guess %d" % n, peer=ABROAD) for n in range(300)]
        assert not any(each.called for each in tries)
        scene.inner.held = None
        gate.callback(None)
        assert_refused(*[each.result for each in tries])
        assert scene.asked() == 4

    def test_at_many_workers_at_once_too(self, make, world):
        workers = [make() for _ in range(12)]
        gate = Deferred()
        for worker in workers:
            worker.inner.held = gate
        tries = [w.begin(b"guess %d" % n, peer=ABROAD) for n, w in enumerate(workers)]
        refused = [each.result for each in tries if each.called]
        assert {type(each) for each in refused} == {Throttled}
        assert len(refused) == 12 - 4
        gate.callback(None)
        assert len(world.asked) == 4

    def test_who_waited_behind_somebody_who_left_is_still_served(self, scene):
        scene.inner.held = gate = Deferred()
        first, second, third = (scene.begin(b"right") for _ in range(3))
        second.addErrback(lambda reason: "gone")
        second.cancel()
        scene.inner.held = None
        gate.callback(None)
        assert (first.result, second.result, third.result) == (None, "gone", None)

    def test_a_login_that_was_never_decided_counts_for_minutes_only(self, make, world):
        hung = Deferred()
        for number in range(4):
            worker = make()
            worker.inner.held = hung
            worker.begin(b"guess %d" % number, peer=ABROAD)
        assert isinstance(make().login(b"right", peer=ABROAD), Throttled)
        world.now += 301
        assert make().login(b"right", peer=ABROAD) is None
        hung.callback(None)


class TestGoodPasswordRefused:
    def test_is_asked_thrice_a_quarter_of_an_hour_apart(self, scene, world):
        scene.login(b"right")
        world.passwords[b"kim"] = b"changed"
        scene.asked()
        asked = []
        for _ in range(80):
            assert_refused(scene.login(b"right"))
            asked.append(scene.asked())
            world.now += 60
        assert [minute for minute, count in enumerate(asked) if count] == [0, 15, 30]
        assert [each.refusals for each in world.told(GoodPasswordRefused)] == [1, 2, 3]
        assert scene.login(b"changed") is None

    def test_in_a_bad_moment_works_afterwards(self, scene, world):
        scene.login(b"right")
        world.passwords[b"kim"] = b"nobody can log in"
        for _ in range(2):
            assert_refused(scene.login(b"right"))
            world.now += 900
        world.passwords[b"kim"] = b"right"
        assert scene.login(b"right") is None
        world.passwords[b"kim"] = b"nobody can log in"
        for _ in range(2):
            assert_refused(scene.login(b"right"))
            world.now += 900
        world.passwords[b"kim"] = b"right"
        assert scene.login(b"right") is None, "they are counted anew after a success"

    def test_on_many_connections_at_once_is_one_refusal(self, scene, world):
        scene.login(b"right")
        world.passwords[b"kim"] = b"changed"
        scene.inner.held = gate = Deferred()
        tries = [scene.begin(b"right") for _ in range(5)]
        gate.callback(None)
        assert_refused(*[each.result for each in tries])
        assert [each.refusals for each in world.told(GoodPasswordRefused)] == [1]

    def test_locks_nobody(self, scene, world):
        scene.login(b"right")
        world.passwords[b"kim"] = b"changed"
        for _ in range(300):
            scene.login(b"right")
            world.now += 7
        assert world.told(LockedOut) == []
        assert scene.login(b"changed") is None


class TestDirectory:
    """Our own: a refusal there is counted, but asked again, as a fence may be mended."""

    @pytest.fixture
    def own(self, make):
        return make(own=True)

    def test_counts_different_passwords(self, own):
        assert_refused(*guess(own, 20))
        assert own.asked() == 4
        assert_refused(own.login(b"right", peer=ABROAD))

    def test_a_stale_one_is_asked_again_and_locks_nothing(self, own, world):
        assert_refused(*[own.login(b"stale") for _ in range(50)])
        assert own.asked() == 50
        world.passwords[b"kim"] = b"stale"
        assert own.login(b"stale") is None

    def test_a_client_that_is_proven_is_not_to_blame_for_the_upstream(self, own, world):
        world.failure = BadCredentials("the kept password is wrong")
        for _ in range(20):
            assert own.login(b"right") is world.failure
        assert world.failure.wait == 0
        world.failure = None
        assert own.login(b"right") is None
        assert own.store.entries() == []

    def test_digests_cannot_be_told_apart_and_ten_count_as_one(self, own, world):
        assert_refused(*[own.login(digest(n)) for n in range(60)])
        assert own.asked() == 40
        (told,) = world.told(LockedOut)
        assert (told.locked, told.count) == ("kim", 4)
        assert_refused(own.login(b"right", peer=ABROAD))
        world.now += 3601
        assert_refused(own.login(digest()))
        assert own.asked() == 1

    def test_a_digest_that_is_right_is_no_fault(self, own, world):
        world.passwords[b"kim"] = None
        own.inner._is_wrong = lambda attempt: False
        assert [own.login(digest(n)) for n in range(100)] == [None] * 100
        assert own.store.entries() == []


class TestToken:
    def test_a_refused_one_is_not_asked_again(self, scene, world):
        world.failure = BadCredentials("the token was refused")
        token = BearerToken(SecretBytes(b"token"))
        assert_refused(scene.login(token), scene.login(token))
        assert scene.asked() == 1

    def test_one_that_works_gets_in(self, scene, world):
        world.passwords[b"kim"] = b"x"
        scene.inner._is_wrong = lambda attempt: False
        assert scene.login(BearerToken(SecretBytes(b"token"))) is None


class TestAnswer:
    """Same failure and same time, whatever the reason."""

    def answers(self, scene, user, count=8):
        return [(type(f), f.wait) for f in guess(scene, count, user)]

    def test_known_and_unknown_names_wait_alike_before_and_after_the_lock(self, make):
        scene = make(ThrottleSettings(account_limit=4, address_limit=1000))
        known = self.answers(scene, b"kim")
        unknown = self.answers(scene, b"nobody")
        assert known == unknown
        assert [wait for _, wait in known] == [2, 4, 8, 16, 16, 16, 16, 16]

    def test_the_right_password_of_a_locked_name_waits_as_long_as_a_wrong_one(self, scene):
        guess(scene, 4)
        wrong, right = guess(scene, 1, first=9)[0], scene.login(b"right", peer=ABROAD)
        assert (type(right), right.wait) == (type(wrong), wrong.wait)

    def test_a_known_bad_one_waits_as_it_did_at_first(self, scene, world):
        waits = [scene.login(b"stale").wait for _ in range(5)]
        assert waits == [2] * 5
        world.now += DAY
        assert scene.login(b"stale").wait == 2

    def test_a_longer_wait_of_the_door_stays(self, make):
        own = make(own=True)
        own.inner.failure = BadCredentials("slow", wait=20)
        assert own.login(b"wrong").wait == 20

    def test_a_right_one_does_not_wait(self, scene):
        guess(scene, 3, peer=HOME)
        assert scene.login(b"right") is None

    def test_no_secret_shows(self, scene, world):
        failures = [scene.login(b"hunter2") for _ in range(2)]
        guess(scene, 5, peer=HOME)
        told = f"{failures!r} {world.events!r} {scene.store.entries()!r}"
        told += "".join(failure.detail for failure in failures)
        assert "hunter2" not in told
        assert "guess" not in told

    def test_no_password_is_in_the_files(self, scene, tmp_path):
        scene.login(b"hunter2")
        scene.login(b"right")
        files = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
        assert b"kim" in files
        assert b"hunter2" not in files
        assert b"right" not in files
        modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()}
        assert modes == {0o600}


def test_a_known_bad_one_is_told_at_first_and_then_once_an_hour(scene, world):
    for _ in range(150):
        scene.login(b"stale")
        world.now += 60
    told = world.told(KnownBadPassword)
    assert len(told) == 3
    assert (told[0].account, told[0].address) == ("kim", HOME)


class TestFile:
    @pytest.fixture
    def locked(self, tmp_path, monkeypatch):
        monkeypatch.setattr("gateway.accounts.throttle.tables.BUSY_SECONDS", 0.01)

        def lock():
            holder = sqlite3.connect(
                tmp_path / "state" / "throttle.sqlite", isolation_level=None
            )
            holder.execute("BEGIN IMMEDIATE")
            return holder

        return lock

    def test_that_is_busy_lets_nobody_in_but_those_who_are_known(self, locked, make):
        scene = make()
        scene.login(b"right")
        scene.asked()
        holder = locked()
        assert scene.login(b"right") is None
        assert isinstance(scene.login(b"new"), Unavailable)
        assert isinstance(scene.login(b"right", peer=ABROAD), Unavailable)
        assert scene.asked() == 1
        holder.close()
        assert scene.login(b"right", peer=ABROAD) is None

    def test_that_is_busy_when_a_login_is_decided_breaks_nothing(self, locked, make, world):
        scene = make()
        for password in (b"right", b"wrong"):
            scene.inner.held = gate = Deferred()
            trying = scene.begin(password)
            holder = locked()
            gate.callback(None)
            holder.close()
            assert trying.called
            assert isinstance(world.events[-1], ThrottleUnusable)
        scene.inner.held = None
        assert scene.login(b"right") is None

    def test_that_fails_in_the_middle_is_as_it_was(self, scene, monkeypatch):
        def full(*_):
            raise sqlite3.OperationalError("database or disk is full")

        with monkeypatch.context() as patch:
            patch.setattr("gateway.accounts.throttle.ledger.Ledger.mark", full)
            assert isinstance(scene.login(b"right"), Unavailable)
        assert scene.login(b"right") is None

    def test_that_cannot_be_read_lets_nobody_in(self, scene):
        scene.login(b"right")
        scene.store.close()
        assert isinstance(scene.login(b"right"), Unavailable)

    @pytest.mark.parametrize("damage", ["directory", "no database", "version"])
    def test_that_cannot_be_used_is_told(self, make, tmp_path, damage):
        path = tmp_path / "state" / "throttle.sqlite"
        path.parent.mkdir()
        if damage == "directory":
            path.mkdir()
        elif damage == "version":
            database = sqlite3.connect(path)
            database.execute("PRAGMA user_version = 99")
            database.close()
        else:
            path.write_text("no database at all" * 100)
        with pytest.raises(Misconfigured, match="--state-dir"):
            make()


def test_scram_asks_the_door_behind(scene):
    done = []
    Deferred.fromCoroutine(scene.door.verifier(b"kim")).addCallback(done.append)
    assert done == [b"kim"]


def test_the_end_of_an_attempt_that_it_never_saw_is_passed_on(scene, world):
    admission = object()
    Deferred.fromCoroutine(scene.door.ended("attempt", admission, None))
    assert world.ended == ("attempt", None)


ACTION = st.tuples(
    st.sampled_from([HOME, ABROAD, "198.51.100.1"]),
    st.sampled_from([b"kim", b"KIM", b"lee", b"nobody"]),
    st.sampled_from([b"right", b"stale", *[b"guess %d" % n for n in range(12)]]),
    st.sampled_from([0, 0, 0, 1, 60, 1000]),
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(st.lists(ACTION, max_size=60))
def test_whatever_happens(tmp_path_factory, actions):
    """No wrong password reaches the upstream twice; who is at home always gets in."""
    from tests.unit.accounts.throttle.scene import Scene, World

    world = World()
    world.passwords = {b"kim": b"right", b"lee": b"right"}
    scene = Scene(world, tmp_path_factory.mktemp("state"), SETTINGS)
    try:
        assert scene.login(b"right", peer="192.0.2.99") is None
        for peer, user, password, seconds in actions:
            scene.login(password, user, peer)
            world.now += seconds
            assert scene.login(b"right", peer="192.0.2.99") is None
        wrong = [
            (each.user.lower(), each.proof)
            for each in world.asked
            if scene.inner._is_wrong(each)
        ]
        assert len(wrong) == len(set(wrong))
    finally:
        scene.throttle.close()
