import pytest

from tests.faults.profile_scene import LETTERS
from tests.faults.scene import QUICK, Scene
from tests.support.fake_imap import FakeImap
from tests.support.gateway import RunningGateway
from tests.support.profile_bench import PASSWORD, Bench


@pytest.fixture(scope="session")
def fake_imap():
    with FakeImap() as server:
        yield server


@pytest.fixture(scope="session")
def gateway_before_fake(fake_imap):
    with RunningGateway(f"imap://127.0.0.1:{fake_imap.port}", settings=QUICK) as gateway:
        yield gateway
        assert gateway.running
        log = gateway.log_text()
    assert "internal_error" not in log, log
    assert "Traceback" not in log, log
    assert "open sesame" not in log


@pytest.fixture
def scene(fake_imap, gateway_before_fake):
    scene = Scene(fake_imap, gateway_before_fake)
    yield scene
    scene.close()


@pytest.fixture(scope="session")
def profiles():
    """Gateways before a mail API, one for each profile."""
    with Bench() as bench:
        yield bench
        bench.check_logs()


@pytest.fixture
def mail_api(profiles):
    """The API, in good health and with its three letters."""
    profiles.api.reset()
    profiles.api.password = PASSWORD.encode()
    profiles.api.fill(LETTERS)
    yield profiles.api
    profiles.api.heal()
