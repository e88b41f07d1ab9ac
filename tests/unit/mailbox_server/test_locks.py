"""The lock, and answers that are given twice."""

import pytest

from gateway.mailbox_server.answers import Answers
from gateway.mailbox_server.locks import Lock
from gateway.mailbox_server.problems import Problem


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def status(call, *args):
    with pytest.raises(Problem) as raised:
        call(*args)
    return raised.value.status


def test_one_at_a_time_until_given_back_or_run_out():
    clock = Clock()
    lock = Lock(clock)
    token = lock.take(60)
    assert status(lock.take, 60) == 423
    lock.release(token)
    other = lock.take(60)
    assert other != token
    assert status(lock.release, token) == 404
    clock.now = 59
    lock.keep(other, 60)
    clock.now = 118
    assert status(lock.take, 60) == 423
    clock.now = 119
    third = lock.take(60)
    assert status(lock.keep, other, 60) == 404
    lock.release(third)
    assert status(lock.release, third) == 404
    assert status(lock.release, "") == 404


def test_an_answer_is_given_again_to_the_same_request():
    answers = Answers()
    assert answers.find("k", b"one") is None
    answers.keep("k", b"one", {"destroyed": ["a"]})
    assert answers.find("k", b"one") == {"destroyed": ["a"]}
    assert status(answers.find, "k", b"two") == 422


def test_the_oldest_answers_are_forgotten():
    answers = Answers()
    for number in range(1000):
        answers.keep(f"k{number}", b"", number)
    assert answers.find("k0", b"") is None
    assert answers.find("k999", b"") == 999
