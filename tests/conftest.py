"""Real servers for the whole run, and users of their own for each test.

A test that kills, stops or suspends a server starts one of its own, e.g. ``with Dovecot()``.
"""

import itertools
from dataclasses import dataclass

import pytest

from tests.support.certificates import make_certificates
from tests.support.cyrus import Cyrus
from tests.support.dovecot import Dovecot
from tests.support.imap4d import Imap4d
from tests.support.maildev import MailDev
from tests.support.maildump import MailDump
from tests.support.sendria import Sendria
from tests.support.wildduck import WildDuck

SERVERS = {
    *("dovecot", "imap4d", "cyrus", "fresh_user"),
    *("maildev", "maildump", "sendria", "wildduck"),
}
_numbers = itertools.count(1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """A test that asks for a real server is one with a real server, without saying so."""
    for item in items:
        if SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker("servers")


@dataclass(frozen=True)
class User:
    """Somebody with an empty INBOX on the session's Dovecot."""

    name: str
    password: str


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def dovecot(certificates):
    with Dovecot(certificates=certificates) as server:
        yield server


@pytest.fixture(scope="session")
def imap4d():
    with Imap4d() as server:
        yield server


@pytest.fixture(scope="session")
def cyrus():
    with Cyrus() as server:
        yield server


@pytest.fixture(scope="session")
def maildev():
    with MailDev() as server:
        yield server


@pytest.fixture(scope="session")
def maildump():
    with MailDump() as server:
        yield server


@pytest.fixture(scope="session")
def sendria():
    with Sendria() as server:
        yield server


@pytest.fixture(scope="session")
def wildduck():
    with WildDuck() as server:
        yield server


@pytest.fixture
def fresh_user(dovecot):
    number = next(_numbers)
    user = User(f"user{number}", f"password {number}")
    dovecot.add_user(user.name, user.password)
    return user
