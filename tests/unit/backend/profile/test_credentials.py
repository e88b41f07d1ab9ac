"""What is sent for a name and password, and what a refusal of it means."""

from types import SimpleNamespace

import pytest
from pydantic import SecretBytes

from gateway.backend.http.settings import HttpSettings
from gateway.backend.profile.credentials import Gate, ProfileAuthorization
from gateway.backend.profile.driver import ProfileDriver
from gateway.backend.profile.login import names_of
from gateway.backend.profile.rules import takes_token
from gateway.errors import BadCredentials, ConsentMissing, Misconfigured, Unavailable
from gateway.maildrop import Login
from tests.unit.backend.profile.samples import profile

LOGIN = Login(b"kim", SecretBytes(b"open sesame"))
TAKES = [{"url": "/login", "take": {"token": "/token"}}]


class Tokens:
    """A token that is another after `renew`, if there is another."""

    def __init__(self, *tokens):
        self.tokens = list(tokens)

    async def token(self):
        return self.tokens[0]

    async def renew(self, refused):
        if len(self.tokens) > 1:
            del self.tokens[0]
        return self.tokens[0]


def run(coroutine):
    """The result of a coroutine that waits for nothing."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    return stopped.value.value


def made(values=(), service=None, **tables):
    return ProfileAuthorization(profile(**tables), service, dict(values))


def header(text):
    return {"auth": {"form": "header", "header": "X-Key", "value": text}}


@pytest.mark.parametrize(
    ("tables", "values", "name", "value"),
    [
        ({}, {}, "Authorization", b""),
        ({"auth": {"form": "basic"}}, {}, "Authorization", b"Basic a2ltOm9wZW4gc2VzYW1l"),
        (header("{password}"), {"password": "p \u00e9"}, "X-Key", "p \u00e9".encode()),
        (header("id {user}"), {"user": "kim"}, "X-Key", b"id kim"),
        ({**header("{token}"), "login": TAKES}, {}, "X-Key", b""),
        ({**header("{token}"), "login": TAKES}, {"token": "t"}, "X-Key", b"t"),
        (header("{service}"), {}, "X-Key", b"s1"),
        ({"auth": {"form": "bearer", "value": "{service}"}}, {}, "Authorization", b"Bearer s1"),
    ],
)
def test_what_is_sent(tables, values, name, value):
    authorization = made(values, Tokens(b"s1"), **tables)
    assert authorization.header == name
    assert run(authorization.value(LOGIN)) == value


def test_a_service_token_that_nobody_gave_is_not_sent():
    assert run(made(**header("{service}")).value(LOGIN)) == b""


@pytest.mark.parametrize("value", ["a\r\nX: y", "\0", "a\x7f"])
def test_nothing_that_would_end_the_line_is_sent(value):
    with pytest.raises(BadCredentials):
        run(made({"password": value}, **header("{password}")).value(LOGIN))
    tables = {**header("{token}"), "login": TAKES}
    with pytest.raises(Unavailable):
        run(made({"token": value}, **tables).value(LOGIN))


def test_a_refused_service_token_is_renewed_once():
    authorization = made(service=Tokens(b"s1", b"s2"), **header("{service}"))
    assert run(authorization.refused(b"s1"))
    assert run(authorization.value(LOGIN)) == b"s2"
    assert not run(authorization.refused(b"s2"))


@pytest.mark.parametrize("form", ["none", "basic"])
def test_a_refused_password_stays_refused(form):
    assert not run(made(auth={"form": form}).refused(b""))


@pytest.mark.parametrize(
    ("tables", "failure"),
    [
        ({"auth": {"form": "basic"}}, BadCredentials),
        (header("{password}"), BadCredentials),
        (header("{service}"), ConsentMissing),
        ({}, ConsentMissing),
        ({**header("{token}"), "login": TAKES}, ConsentMissing),
    ],
)
def test_whose_fault_a_refusal_is(tables, failure):
    assert type(made(**tables).failure()) is failure


def test_the_statuses_of_a_refusal_are_those_of_the_profile():
    assert made(auth={"refused": [403, 401]}).refusals == {401, 403}


class TestGate:
    @pytest.fixture
    def file(self, tmp_path):
        file = tmp_path / "password"
        file.write_text("open sesame\nmore\n")
        return file

    def test_checks_a_password_that_the_server_does_not_see(self, file):
        gate = Gate(profile(), None, file)
        gate.check(LOGIN)
        with pytest.raises(BadCredentials):
            gate.check(Login(b"kim", SecretBytes(b"open")))

    def test_leaves_others_to_the_server(self, file):
        Gate(profile(auth={"form": "basic"}), None, file).check(
            Login(b"kim", SecretBytes(b"another"))
        )

    def test_lets_no_name_through_that_basic_would_cut(self):
        with pytest.raises(BadCredentials):
            Gate(profile(auth={"form": "basic"}), None, None).check(
                Login(b"kim:x", SecretBytes(b"y"))
            )


class TestNames:
    def test_are_texts(self):
        login = Login("k\u00efm".encode(), SecretBytes("p\u00e4ss".encode()))
        assert names_of(login, basic=False) == {"user": "k\u00efm", "password": "p\u00e4ss"}

    def test_a_password_of_basic_need_not_be_text(self):
        login = Login(b"kim", SecretBytes(b"\xff"))
        assert names_of(login, basic=True) == {"user": "kim"}
        with pytest.raises(BadCredentials):
            names_of(login, basic=False)

    @pytest.mark.parametrize("user", [b"\xff", b".", b".."])
    def test_that_cannot_be_sent(self, user):
        with pytest.raises(BadCredentials):
            names_of(Login(user, SecretBytes(b"p")), basic=True)


@pytest.mark.parametrize(
    ("tables", "takes"),
    [
        ({}, False),
        ({"auth": {"form": "basic"}}, False),
        (header("{password}"), False),
        (header("id {service}"), True),
        ({"auth": {"form": "bearer", "value": "{service}"}}, True),
        ({**header("{token}"), "login": TAKES}, False),
        (
            {
                **header("{token}"),
                "login": [{**TAKES[0], "headers": {"Authorization": "Bearer {service}"}}],
            },
            True,
        ),
        (
            {
                **header("{token}"),
                "login": [{**TAKES[0], "method": "POST", "body": {"t": "{service}"}}],
            },
            True,
        ),
    ],
)
def test_whether_there_is_a_place_for_a_token(tables, takes):
    assert takes_token(profile(**tables)) == takes


@pytest.mark.parametrize("takes", [False, True])
def test_a_login_brings_its_own_token(takes):
    driver = ProfileDriver(
        profile(**(header("{service}") if takes else header("{password}"))),
        HttpSettings(),
        None,
    )
    login = Login(b"kim", SecretBytes(b""), "", Tokens(b"own"))
    caller = SimpleNamespace(login=login, slots=SimpleNamespace(limit=9))
    if takes:
        run(driver.connect(caller))
        assert run(caller.authorization.value(login)) == b"own"
    else:
        with pytest.raises(Misconfigured, match="no place"):
            driver.connect(caller).send(None)
