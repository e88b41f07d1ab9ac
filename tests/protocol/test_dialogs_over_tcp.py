"""The dialog files once more: the whole program over TCP, Dovecot behind it."""

import pytest

from tests.protocol.dialog import FOLDER, Player, read
from tests.protocol.tcp_runner import TcpRunner
from tests.support.gateway import RunningGateway

FILES = [path for path in sorted(FOLDER.glob("*.pop3")) if read(path).over_tcp]
SETTINGS = {"pop3": {"max_failed_logins": 3}}


@pytest.fixture(scope="module")
def upstream(dovecot):
    return f"imap://{dovecot.host}:{dovecot.port}"


@pytest.fixture(scope="module")
def without_tls(upstream):
    with RunningGateway(upstream, settings=SETTINGS) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def with_tls(upstream, certificates):
    with RunningGateway(upstream, settings=SETTINGS, certificates=certificates) as gateway:
        yield gateway


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_dialog_over_tcp(path, request, dovecot, certificates):
    dialog = read(path)
    name = "without_tls" if dialog.tls == "none" else "with_tls"
    gateway = request.getfixturevalue(name)
    runner = TcpRunner(dialog, gateway, dovecot, certificates.client_context())
    try:
        Player(dialog, runner).play()
    finally:
        runner.close()
    assert "internal_error" not in gateway.log_text()
    assert "Traceback" not in gateway.log_text()
