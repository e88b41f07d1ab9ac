"""TLS with the upstream: whoever is not the one that was named gets no password."""

import datetime as dt
import gc
import ssl

import pytest
import trustme

from tests.faults.scene import QUICK, SYS_PERM, SYS_TEMP, Scene
from tests.support.certificates import LOOPBACK
from tests.support.fake_imap import FakeImap, answer, change, hang, raw
from tests.support.gateway import RunningGateway

UPGRADABLE = "IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR"


def context(pair):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pair.certificate, pair.key)
    return made


@pytest.fixture(scope="session")
def expired(tmp_path_factory):
    """(CA file, server context) of a certificate that was good until yesterday."""
    directory = tmp_path_factory.mktemp("expired")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    issued = authority.issue_cert(*LOOPBACK, not_after=yesterday)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(made)
    return directory / "ca.pem", made


class Place:
    """A gateway in front of a fake IMAP server of its own."""

    def __init__(self, kind, ca, tls, **options):
        self.imap = FakeImap([b"Subject: a\r\n\r\n"], tls=tls, **options)
        url = f"{kind}://127.0.0.1:{self.imap.port}"
        flags = ["--upstream-ca", str(ca)] if ca else []
        self.gateway = RunningGateway(url, flags=flags, settings=QUICK)

    def __enter__(self):
        self.imap.__enter__()
        try:
            self.gateway.__enter__()
        except BaseException:
            self.imap.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.gateway.close()
        self.imap.__exit__()

    def login(self, user="user"):
        with self.gateway.client() as client:
            client.ok(f"USER {user}")
            return client.command("PASS open sesame")


def test_the_good_certificate_is_good(certificates):
    tls = context(certificates.server)
    with Place("imaps", certificates.authority, tls, implicit=True) as place:
        assert place.login().startswith(b"+OK")
        # A server that says nothing to the handshake may do so for a time-out, and no longer.
        place.imap.fault("CONNECT", hang, times=1)
        assert place.login() == SYS_TEMP
        assert place.login().startswith(b"+OK")


@pytest.mark.parametrize("who", ["wrong_name", "stranger", "expired", "not asked for"])
def test_a_certificate_that_does_not_fit_is_sys_perm_and_gets_no_password(
    certificates, expired, who
):
    ca, tls = certificates.authority, context(certificates.server)
    if who == "expired":
        ca, tls = expired
    elif who == "not asked for":
        ca = None
    else:
        tls = context(getattr(certificates, who))
    with Place("imaps", ca, tls, implicit=True) as place:
        assert place.login() == SYS_PERM
        assert place.login() == SYS_PERM  # and no lease is left behind
        assert place.imap.logins == []


def test_a_wrong_name_behind_starttls_gets_no_password(certificates):
    tls = context(certificates.wrong_name)
    capabilities = UPGRADABLE
    with Place(
        "imap+starttls", certificates.authority, tls, capabilities=capabilities
    ) as place:
        assert place.login() == SYS_PERM
        assert place.imap.logins == []


@pytest.fixture(scope="module")
def upgrading(certificates):
    tls = context(certificates.server)
    with Place(
        "imap+starttls",
        certificates.authority,
        tls,
        capabilities=UPGRADABLE,
    ) as place:
        yield place


def test_the_good_certificate_is_good_behind_starttls(upgrading):
    upgrading.imap.capabilities = UPGRADABLE
    assert upgrading.login().startswith(b"+OK")


STRIPPED = {
    "the word is hidden and the command refused": (answer("BAD unknown"), SYS_PERM),
    "the command is refused": (answer("NO not today"), SYS_PERM),
    "a command is injected behind the answer": (
        change(lambda octets: octets + b"* OK [CAPABILITY IMAP4rev1] injected\r\n"),
        SYS_TEMP,
    ),
    "half a line is injected": (change(lambda octets: octets + b"* CAPA"), SYS_TEMP),
    "the answer never comes": (hang, SYS_TEMP),
    "the handshake is no handshake": (raw(b"G1 OK begin\r\nnot TLS at all\r\n"), SYS_TEMP),
}


# Where the gateway hangs up before the handshake, Python's own ssl forgets to close a socket.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("fault", STRIPPED)
def test_starttls_stripped_or_injected_gets_no_password(upgrading, fault):
    action, reply = STRIPPED[fault]
    scene = Scene(upgrading.imap, upgrading.gateway)
    upgrading.imap.capabilities = UPGRADABLE
    if "hidden" in fault:
        upgrading.imap.capabilities = "IMAP4rev1 AUTH=PLAIN"
    upgrading.imap.fault("STARTTLS", action, times=1)
    kept = upgrading.imap.open_connections  # of earlier users, for their next login
    assert scene.try_login() == reply
    assert upgrading.imap.logins == []
    upgrading.imap.wait_for(lambda: upgrading.imap.open_connections <= kept)
    gc.collect()
    scene.close()


def test_a_server_without_tls_on_the_port_for_tls_is_sys_perm():
    with Place("imaps", None, None) as place:
        assert place.login() == SYS_PERM
        assert place.imap.logins == []
