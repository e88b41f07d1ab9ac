"""Alarms go out once, are tried again where they could not, and never end."""

import pytest
import pytest_twisted
from twisted.internet.task import Clock

from gateway.admin.alarms.events import AlarmNotSent, AlarmSent
from gateway.admin.alarms.rounds import Alarms
from gateway.admin.alarms.worries import Worry
from gateway.errors import Unavailable

ONE, OTHER = (Worry(key, key, "", "do") for key in ("one", "other"))


class World:
    """Around the alarms."""

    def __init__(self):
        self.worries, self.told, self.notes, self.events = [], [], {}, []
        self.broken = {}
        self.fault = None
        self.clock = Clock()
        self.alarms = Alarms(
            self.look,
            {"mail": self.carrier("mail"), "webhook": self.carrier("webhook")},
            self.recall,
            self.remember,
            console="http://console",
            clock=self.clock,
            now=lambda: 1000.0 + self.clock.seconds(),
            emit=self.events.append,
        )

    async def look(self):
        if self.fault:
            raise self.fault
        return list(self.worries)

    def carrier(self, name):
        async def carry(letter):
            if name in self.broken:
                raise self.broken[name]
            self.told.append((name, [each.key for each in letter.worries]))
            return ""

        return carry

    async def recall(self, key):
        return self.notes.get(key)

    async def remember(self, key, text):
        self.notes[key] = text


@pytest.fixture
def world():
    return World()


@pytest_twisted.ensureDeferred
async def test_each_way_tells_once(world):
    world.worries = [ONE]
    await world.alarms.look()
    await world.alarms.look()
    assert world.told == [("mail", ["one"]), ("webhook", ["one"])]
    assert world.events == [AlarmSent("mail", 1), AlarmSent("webhook", 1)]
    world.worries.append(OTHER)
    await world.alarms.look()
    assert world.told[2:] == [("mail", ["other", "one"]), ("webhook", ["other", "one"])]


@pytest_twisted.ensureDeferred
async def test_what_could_not_be_told_is_tried_again_by_that_way_alone(world):
    world.worries = [ONE]
    world.broken["mail"] = Unavailable("no server")
    await world.alarms.look()
    assert AlarmNotSent("mail", "no server") in world.events
    world.broken.clear()
    await world.alarms.look()
    assert world.told == [("webhook", ["one"]), ("mail", ["one"])]


@pytest_twisted.ensureDeferred
async def test_nothing_is_told_when_all_is_well(world):
    await world.alarms.look()
    assert world.told == []
    assert world.events == []


@pytest.mark.parametrize("fault", [Unavailable("gone"), RuntimeError("a mistake")])
def test_rounds_go_on_whatever_happens(world, fault):
    world.worries, world.fault = [ONE], fault
    world.alarms.start()
    world.clock.advance(20)
    assert world.told == []
    world.fault = None
    world.clock.advance(600)
    assert ("mail", ["one"]) in world.told
    world.alarms.stop()
    assert world.clock.getDelayedCalls() == []


def test_it_is_stopped_before_it_began(world):
    world.alarms.start()
    world.alarms.stop()
    assert world.clock.getDelayedCalls() == []
