import json

import pytest

from gateway.backend.profile.call import filled_headers, request
from gateway.backend.profile.schema import Call
from gateway.errors import BadCredentials, Unavailable


def test_a_call_becomes_a_request():
    call = Call(
        method="POST",
        url="/a/{id}?x={user}",
        headers={"X-Key": "{service}", "X-Fixed": "yes"},
        body={"password": "{password}", "list": "{ids}", "n": 1},
    )
    values = {"id": "1/2", "user": "k m", "service": "", "password": '"', "ids": ""}
    made = request(call, values, {"ids": ["a", "b"]})
    assert (made.method, made.path) == ("POST", "/a/1%2F2?x=k%20m")
    assert made.headers == {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "X-Fixed": "yes",
    }
    assert json.loads(made.body) == {"password": '"', "list": ["a", "b"], "n": 1}
    assert '"' not in repr(made)


def test_a_call_without_a_body_has_none():
    assert request(Call(url="/a"), {}).body is None


def test_a_value_that_would_make_another_path_is_a_failure():
    with pytest.raises(Unavailable):
        request(Call(url="/a/{id}"), {"id": ".."})


def test_a_value_that_cannot_be_in_a_header_is_a_failure():
    with pytest.raises(BadCredentials):
        filled_headers({"X": "{password}"}, {"password": "a\nb"})
