"""Tokens that clients bring: whose they are, and for whom."""

import json
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr

from gateway.accounts.oauth.fetch import Answer
from gateway.accounts.oauth.introspection import Introspector
from gateway.accounts.oauth.settings import IntrospectionSettings
from gateway.errors import BadCredentials, Misconfigured, Unavailable
from tests.unit.accounts.oauth.desk import run

URL = "https://idp.example/introspect"
NOW = 1_800_000_000.0
GOOD = {"active": True, "username": "kim", "sub": "1"}


def ask(said, status=200, **settings):
    asked, made = asking(said, status, **settings)
    name = run(made.introspect(SecretStr("to ken")))
    [request] = asked
    assert request.url == URL
    assert parse_qs(request.body.decode())["token"] == ["to ken"]
    return name


def asking(said, status=200, **settings):
    asked = []

    async def fetch(request):
        asked.append(request)
        return Answer(status, json.dumps(said).encode())

    made = Introspector(
        IntrospectionSettings(endpoint=URL, client_id="me", **settings),
        SecretStr("s"),
        fetch,
        lambda: NOW,
    )
    return asked, made


@pytest.mark.parametrize(
    ("more", "settings", "name"),
    [
        ({}, {}, "kim"),
        ({}, {"name": "sub"}, "1"),
        ({"exp": NOW + 1}, {}, "kim"),
        ({"aud": "pop3"}, {"audience": "pop3"}, "kim"),
        ({"aud": ["x", "pop3"]}, {"audience": "pop3"}, "kim"),
        ({"scope": "a mail"}, {"scope": "mail"}, "kim"),
    ],
)
def test_a_good_token(more, settings, name):
    assert ask({**GOOD, **more}, **settings) == name


@pytest.mark.parametrize(
    ("more", "settings"),
    [
        ({"active": False}, {}),
        ({"active": "true"}, {}),
        ({"active": None}, {}),
        ({"exp": NOW - 31}, {}),
        ({"aud": "other"}, {"audience": "pop3"}),
        ({}, {"audience": "pop3"}),
        ({"scope": "mailbox"}, {"scope": "mail"}),
        ({}, {"scope": "mail"}),
    ],
)
def test_a_token_that_opens_nothing(more, settings):
    with pytest.raises(BadCredentials):
        ask({**GOOD, **more}, **settings)


@pytest.mark.parametrize(
    ("said", "status", "failure"),
    [
        (GOOD, 401, Misconfigured),
        (GOOD, 500, Unavailable),
        ([], 200, Unavailable),
        ({"active": True}, 200, Misconfigured),
        ({"active": True, "username": 7}, 200, Misconfigured),
    ],
)
def test_what_says_nothing_of_the_token(said, status, failure):
    with pytest.raises(failure):
        ask(said, status)


@pytest.mark.parametrize("url", [None, "http://idp.example/introspect"])
def test_an_endpoint_that_cannot_be(url):
    with pytest.raises(Misconfigured):
        Introspector(IntrospectionSettings(endpoint=url), None, None, None)
