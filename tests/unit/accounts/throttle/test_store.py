"""What is kept: bounded, shared by processes, visible and liftable."""

import subprocess
import sys

import pytest
from pydantic import SecretBytes

from gateway.accounts.throttle import ThrottleSettings
from gateway.accounts.throttle.events import KnownBadPassword, LockedOut, LockLifted
from gateway.accounts.throttle.rules import Verdict
from gateway.accounts.throttle.shown import shown
from gateway.errors import Unavailable
from gateway.maildrop import Attempt
from tests.unit.accounts.throttle.scene import ABROAD, DAY, HOME

TABLES = ("wrong", "good", "home")


def rows(scene, table):
    return scene.store._database.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()


def try_on(scene, user, password, peer):
    """Without the door: one try that the upstream refuses."""
    tried = shown(Attempt(user, SecretBytes(password), peer), b"k" * 32)
    ticket = scene.store.enter(tried)
    if ticket.verdict.value == "new":
        scene.store.refused(ticket, upstream=True)
    return ticket


class TestBounds:
    def test_a_flood_of_names_from_everywhere_fills_nothing(self, make):
        scene = make(ThrottleSettings(max_rows=1000))
        scene.login(b"right")
        for number in range(2500):
            try_on(scene, b"user%d" % number, b"x", f"203.0.{number % 250}.{number // 250}")
        kept = rows(scene, "wrong")
        assert len(kept) == 1000
        assert kept[-1][2] == "user2499"
        assert kept[0][2] == "user1500", "the oldest go first"
        assert scene.login(b"right") is None
        assert scene.store.glance(
            scene.throttle.glance(Attempt(b"kim", SecretBytes(b"right"), HOME)).shown
        )

    @pytest.mark.parametrize("each", [1, 4])
    def test_a_flood_from_everywhere_lifts_no_lock_of_a_name(self, make, world, each):
        scene = make(ThrottleSettings(max_rows=1000, account_limit=4))
        world.passwords[b"kim"] = b"right"
        assert scene.login(b"right") is None
        for number in range(4):
            try_on(scene, b"kim", b"guess %d" % number, ABROAD)
        for number in range(1500):  # with four passwords each, these names are locked too
            for guess in range(each):
                peer = f"203.0.{number % 250}.{number // 250 + guess * 10}"
                try_on(scene, b"user%d" % number, b"%d" % guess, peer)
        assert len(rows(scene, "wrong")) <= 1000
        for peer in ("198.51.100.1", ABROAD):
            assert try_on(scene, b"kim", b"one more", peer).verdict is Verdict.LOCKED

    def test_a_flood_lifts_no_lock_of_an_address(self, make):
        scene = make(ThrottleSettings(max_rows=1000, address_limit=4))
        for number in range(4):
            try_on(scene, b"name%d" % number, b"x", ABROAD)
        for number in range(1500):
            try_on(scene, b"user%d" % number, b"x", f"203.0.{number % 250}.{number // 250}")
        assert len(rows(scene, "wrong")) <= 1000
        assert try_on(scene, b"another", b"x", ABROAD).verdict is Verdict.LOCKED

    def test_one_in_use_is_not_old(self, make, world):
        scene = make(ThrottleSettings(max_rows=1000))
        scene.login(b"stale")
        for number in range(1500):
            try_on(scene, b"user%d" % number, b"x", f"203.0.{number % 250}.{number // 250}")
            if number % 700 == 0:
                world.now += 3601
                scene.login(b"stale")
        assert scene.asked() == 1

    def test_good_ones_are_bounded_by_name_and_in_all(self, make, world):
        scene = make(ThrottleSettings(max_rows=1000))
        for number in range(40):
            world.passwords[b"kim"] = b"password %d" % number
            assert scene.login(b"password %d" % number, peer=f"192.0.2.{number}") is None
        assert len(rows(scene, "good")) == len(rows(scene, "home")) == 32
        for number in range(1200):
            world.passwords[b"user%d" % number] = b"right"
            assert scene.login(b"right", b"user%d" % number) is None
        assert len(rows(scene, "good")) == len(rows(scene, "home")) == 1000

    def test_what_is_old_goes_by_itself(self, scene, world):
        for number in range(20):
            try_on(scene, b"user%d" % number, b"x", ABROAD)
        world.now += 31 * DAY
        for number in range(20):
            try_on(scene, b"late%d" % number, b"x", ABROAD)
        assert {row[2][:4] for row in rows(scene, "wrong")} == {"late"}

    def test_a_locked_name_or_address_writes_no_more(self, scene):
        for number in range(100):
            try_on(scene, b"kim", b"%d" % number, f"203.0.113.{number}")
            try_on(scene, b"user%d" % number, b"x", ABROAD)
        assert len(rows(scene, "wrong")) == 4 + 20

    def test_a_poll_writes_once_a_day(self, scene, world):
        scene.login(b"right")
        before = [rows(scene, table) for table in TABLES]
        for _ in range(23):
            world.now += 3600
            assert scene.login(b"right") is None
        assert [rows(scene, table) for table in TABLES] == before
        world.now += 3601
        assert scene.login(b"right") is None
        assert [rows(scene, table) for table in TABLES] != before

    def test_what_was_good_long_ago_is_a_new_try(self, scene, world):
        scene.login(b"right")
        world.now += 31 * DAY
        assert scene.throttle.glance(Attempt(b"kim", SecretBytes(b"right"), HOME)).name == "kim"
        assert scene.login(b"right") is None


class TestProcesses:
    PROGRAM = """
import sys, time
from pathlib import Path
from pydantic import SecretBytes
from gateway.accounts.throttle import ThrottleSettings, ThrottleStore
from gateway.accounts.throttle.rules import Verdict
from gateway.accounts.throttle.shown import shown
from gateway.maildrop import Attempt
from gateway.telemetry import Emitter
events = []
store = ThrottleStore(
    Path(sys.argv[1]), ThrottleSettings(account_limit=10),
    lambda: 1_800_000_000.0, Emitter(lambda event, _: events.append(event)))
print("ready", flush=True)
sys.stdin.readline()
asked = 0
for number in range(int(sys.argv[2]), 400, 4):
    attempt = Attempt(b"kim", SecretBytes(b"%d" % number), "203.0.113.9")
    ticket = store.enter(shown(attempt, b"k" * 32))
    if ticket.verdict.value == "new":
        asked += 1
        store.refused(ticket, upstream=True)
print(asked, sum(type(each).__name__ == "LockedOut" for each in events))
"""

    def test_guess_no_more_together_than_alone_and_tell_it_once(self, tmp_path):
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", self.PROGRAM, tmp_path / "throttle.sqlite", str(number)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(4)
        ]
        assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 4
        results = [worker.communicate("go\n")[0].split() for worker in workers]
        assert sum(int(asked) for asked, _ in results) == 10
        assert sum(int(told) for _, told in results) == 1


class TestEntries:
    def test_nothing_is_held_against_anybody(self, scene):
        scene.login(b"right")
        assert scene.store.entries() == []
        assert scene.store.lift("kim") == 0
        assert scene.world.told(LockLifted) == []

    def test_locks_counts_and_passwords_are_shown(self, scene, world):
        start = world.now
        scene.login(b"right", peer=HOME)
        scene.login(b"typo", peer=HOME)
        world.now += 10
        for number in range(6):
            scene.login(b"guess %d" % number, peer=ABROAD)
        locked, *rest = scene.store.entries()
        assert (locked.kind, locked.name, locked.where, locked.count) == (
            "account",
            "kim",
            "",
            4,
        )
        assert (locked.since, locked.until, locked.last_seen) == (
            start + 10,
            start + 3610,
            start + 10,
        )
        counted = {(e.kind, e.name, e.where, e.count, e.until is None) for e in rest}
        assert ("account", "kim", HOME, 1, True) in counted
        assert ("address", ABROAD, "", 4, True) in counted
        assert ("address", HOME, "", 1, True) in counted
        passwords = [each for each in rest if each.kind == "password"]
        assert [each.name for each in passwords] == ["kim"] * 5
        assert passwords[0].until == start + 10 + 30 * DAY

    def test_a_good_password_that_is_known_to_be_wrong_now_is_one(self, scene, world):
        scene.login(b"right")
        world.passwords[b"kim"] = b"changed"
        for _ in range(3):
            scene.login(b"right")
            world.now += 901
        (entry,) = [each for each in scene.store.entries() if each.kind == "password"]
        assert (entry.name, entry.count) == ("kim", 3)
        world.passwords[b"kim"] = b"right"
        assert scene.store.lift("kim") == 2
        assert scene.login(b"right") is None

    def test_an_address_that_is_locked(self, scene):
        for number in range(20):
            scene.login(b"x", b"user%d" % number, f"2001:db8::{number}")
        entry = scene.store.entries()[0]
        assert (entry.kind, entry.name, entry.count) == ("address", "2001:db8::/64", 20)
        assert entry.until is not None

    def test_those_without_an_address_are_names_only(self, scene):
        scene.login(b"x", peer="")
        assert {each.kind for each in scene.store.entries()} == {"account", "password"}

    def test_are_not_to_be_had_of_a_broken_file(self, scene):
        scene.store.close()
        with pytest.raises(Unavailable):
            scene.store.entries()


class TestLift:
    @pytest.mark.parametrize("key", ["kim", "KIM", "203.0.113.9", None])
    def test_lets_everybody_try_again(self, make, key):
        scene, other = make(), make()
        for number in range(6):
            scene.login(b"guess %d" % number, peer=ABROAD)
        assert scene.login(b"right", peer=ABROAD) is not None
        assert other.store.lift(key) == 4
        assert scene.login(b"right", peer=ABROAD) is None
        (told,) = scene.world.told(LockLifted)
        assert (told.lifted, told.entries) == (key or "*", 4)

    def test_lets_a_password_be_asked_again(self, scene, world):
        scene.login(b"new one")
        world.passwords[b"kim"] = b"new one"
        assert scene.login(b"new one") is not None
        scene.store.lift("kim")
        assert scene.login(b"new one") is None

    def test_is_for_the_devices_of_a_name_and_for_nobody_else(self, scene):
        for user in (b"kim", b"kim/scanner", b"kim0", b"kimberly", b"kim-x"):
            scene.login(b"x", user)
        assert scene.store.lift("kim") == 2
        assert {row[2] for row in rows(scene, "wrong")} == {"kim0", "kimberly", "kim-x"}

    def test_opens_a_known_address_that_was_shut(self, scene):
        scene.login(b"right")
        for number in range(40):
            scene.login(b"guess %d" % number)
        assert scene.login(b"right") is not None
        scene.store.lift("kim")
        assert scene.login(b"right") is None
        glanced = scene.throttle.glance(Attempt(b"kim", SecretBytes(b"right"), HOME))
        assert hasattr(glanced, "verdict"), "the short way again"

    def test_of_an_address_of_ipv6_takes_any_of_its_64(self, scene):
        scene.login(b"x", peer="2001:db8::1")
        assert scene.store.lift("2001:db8::2") == 1


def test_who_finds_the_right_one_after_wrong_ones_starts_anew(scene, world):
    for number in range(3):
        scene.login(b"typo %d" % number)
    assert scene.login(b"right") is None
    assert scene.login(b"typo 9").wait == 2
    assert world.told(LockedOut) == []


def test_a_lock_at_home_is_told_with_its_place(scene, world):
    scene.login(b"right")
    for number in range(5):
        scene.login(b"guess %d" % number)
    (told,) = world.told(LockedOut)
    assert (told.locked, told.where, told.count) == ("kim", HOME, 4)
    assert world.told(KnownBadPassword) == []
