from twisted.internet.task import Clock

from gateway.server.timers import Timer


def timer_of_ten():
    clock, ran = Clock(), []
    return Timer(clock, 10, lambda: ran.append(clock.seconds())), clock, ran


def test_it_runs_out_once():
    timer, clock, ran = timer_of_ten()
    timer.restart()
    clock.advance(10)
    clock.advance(100)
    assert ran == [10]


def test_it_does_not_run_before_it_is_started():
    _, clock, ran = timer_of_ten()
    clock.advance(100)
    assert ran == []


def test_a_restart_begins_anew():
    timer, clock, ran = timer_of_ten()
    timer.restart()
    clock.advance(9)
    timer.restart()
    clock.advance(9)
    assert ran == []
    clock.advance(1)
    assert ran == [19]


def test_stopped_it_leaves_nothing_behind_and_can_run_again():
    timer, clock, ran = timer_of_ten()
    timer.restart()
    timer.stop()
    timer.stop()
    assert clock.getDelayedCalls() == []
    timer.restart()
    clock.advance(10)
    assert ran == [10]


def test_it_can_be_stopped_after_it_ran_out():
    timer, clock, ran = timer_of_ten()
    timer.restart()
    clock.advance(10)
    timer.stop()
    assert ran == [10]


def test_restarts_cost_no_call_of_their_own():
    timer, clock, ran = timer_of_ten()
    for _ in range(50):
        timer.restart()
        clock.advance(1)
        assert len(clock.getDelayedCalls()) == 1
    clock.advance(9)
    assert ran == [59]


def test_it_can_get_longer_and_shorter():
    timer, clock, ran = timer_of_ten()
    timer.restart()
    clock.advance(9)
    timer.restart_with(100)
    clock.advance(99)
    assert ran == []
    timer.restart_with(3)
    clock.advance(2)
    assert ran == []
    clock.advance(1)
    assert ran == [111]
    assert clock.getDelayedCalls() == []
