"""The gateway, a proxy that makes things wrong, and the reference server behind it."""

import pytest

from tests.faults.rest.scene import QUICK, RestScene
from tests.faults.scene import bounded
from tests.support.gateway import RunningGateway
from tests.support.mailbox_server import MailboxServer
from tests.support.rest_proxy import RestProxy


@pytest.fixture(scope="module")
def server():
    with MailboxServer("--page", "2") as running:
        yield running


@pytest.fixture(scope="module")
def proxy(server):
    with RestProxy(server) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(proxy):
    with RunningGateway(f"rest+{proxy.url}", settings=QUICK, workers=1) as running:
        yield running
        assert running.running
        log = running.log_text()
    assert "internal_error" not in log, log
    assert "Traceback" not in log, log
    assert MailboxServer.password not in log


@pytest.fixture
def scene(server, proxy, gateway):
    scene = RestScene(server, proxy, gateway)
    with bounded():
        yield scene
        scene.close()
