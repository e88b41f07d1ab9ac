"""The gateway in front of the real servers of the run."""

import itertools

import pytest

from tests.support.gateway import GUARDED, RunningGateway

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def gateway(dovecot, certificates):
    """In front of the session's Dovecot, without TLS between the two."""
    with RunningGateway(
        f"imap://{dovecot.host}:{dovecot.port}", certificates=certificates, settings=GUARDED
    ) as running:
        yield running


@pytest.fixture(scope="module")
def gateway_imap4d(imap4d):
    with RunningGateway(f"imap://{imap4d.host}:{imap4d.port}") as running:
        yield running


@pytest.fixture(scope="module")
def gateway_cyrus(cyrus):
    with RunningGateway(f"imap://{cyrus.host}:{cyrus.port}") as running:
        yield running


@pytest.fixture
def make_user(dovecot):
    """Makes users of the session's Dovecot with these messages in their INBOX."""

    def make(messages=()):
        name = f"reader{next(_numbers)}"
        dovecot.add_user(name, f"secret of {name}")
        dovecot.deliver_many(name, messages)
        return name, f"secret of {name}"

    return make


@pytest.fixture(scope="session")
def client_context(certificates):
    """Trusts the tests' CA and nothing else."""
    return certificates.client_context()
