"""A REST mailbox behind TLS and below a path, for the gateway and for the checker."""

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.errors import Misconfigured
from gateway.pop3 import replies
from tests.support.gateway import RunningGateway
from tests.support.mailbox_server import MailboxServer
from tests.support.pop3_client import Refused
from tests.support.rest_proxy import RestProxy

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def server():
    with MailboxServer() as running:
        for number in range(5):
            running.mail.deliver(b"Subject: %d\n\n.\n" % number)
        yield running


def without_lock(exchange):
    """A gateway that is killed at the end of its test would keep the others' out."""
    if exchange.path == "/session" and exchange.status == 200:
        session = exchange.json
        session["features"].remove("lock")
        exchange.json = session


def below(path):
    def before(exchange):
        if exchange.target.startswith(f"{path}/"):
            exchange.target = exchange.target.removeprefix(path)
        else:
            exchange.problem(404)

    return before


@pytest.mark.parametrize("path", ["", "/mail/api%20v1"])
def test_a_certificate_that_is_right(path, server, certificates):
    with RestProxy(server, certificates.server) as proxy:
        proxy.before, proxy.twist = below(path), without_lock
        flags = ["--upstream-ca", str(certificates.authority)]
        with (
            RunningGateway(f"rest+{proxy.url}{path}", flags=flags, workers=1) as gateway,
            gateway.login(server.user, server.password) as client,
        ):
            assert client.ok("STAT").split()[1] == b"5"
            assert client.text("RETR 5") == b"Subject: 4\r\n\r\n.\r\n"
        words = ["check-mailbox", f"{proxy.url}{path}", "--ca", str(certificates.authority)]
        words += ["--token-file", str(server.directory / "tokens")]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output


@pytest.mark.parametrize("kind", ["wrong_name", "stranger"])
def test_a_certificate_that_is_wrong(kind, server, certificates):
    with RestProxy(server, getattr(certificates, kind)) as proxy:
        flags = ["--upstream-ca", str(certificates.authority)]
        with RunningGateway(f"rest+{proxy.url}", flags=flags, workers=1) as gateway:
            with pytest.raises(Refused) as refused:
                gateway.login(server.user, server.password)
            assert refused.value.args[0] == replies.FAILURES[Misconfigured].reply
        words = ["check-mailbox", proxy.url, "--ca", str(certificates.authority)]
        words += ["--token-file", str(server.directory / "tokens")]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 1
        assert "certificate" in done.output
        assert proxy.heard == []
