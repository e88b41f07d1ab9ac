"""Fenced listeners and old TLS with real clients; passwords in clear from another machine."""

import shutil
import signal
import socket
import ssl
import subprocess
import warnings

import pytest

from gateway.pop3 import replies
from tests.support.gateway import RunningGateway, wait_until
from tests.support.pop3_client import Pop3Client

MESSAGE = b"Subject: one\r\n\r\nhello\r\n"
OLD = "DEFAULT:@SECLEVEL=0"
TALK = b"USER demo\r\nPASS demo\r\nSTAT\r\nQUIT\r\n"


@pytest.fixture(scope="module")
def maildir(tmp_path_factory):
    path = tmp_path_factory.mktemp("mail") / "Maildir"
    for name in ("cur", "new", "tmp"):
        (path / name).mkdir(parents=True)
    (path / "new" / "1.a.b").write_bytes(MESSAGE)
    return path


def entry(**keys):
    return {"address": "127.0.0.1:0", "allow": ["127.0.0.1"], **keys}


@pytest.fixture(scope="module")
def gateway(maildir, certificates):
    """In this order: pop3 and pop3s as they are, then the fenced ones."""
    fenced = [
        entry(tls="implicit", legacy_tls=True),
        entry(tls="stls", legacy_tls=True),
        entry(tls="implicit"),
        entry(allow=["127.0.0.2", "192.0.2.0/24"], tls="implicit", legacy_tls=True),
        entry(allow=["127.0.0.2"]),
    ]
    settings = {"listen": {"fenced": fenced}}
    url = f"maildir://{maildir}"
    with RunningGateway(url, certificates=certificates, settings=settings) as running:
        yield running


PLAIN, IMPLICIT, OLD_IMPLICIT, OLD_STLS, FENCED_IMPLICIT, OUTSIDE_OLD, OUTSIDE_PLAIN = range(7)


def openssl(gateway, number, version, *more):
    """What a login by `openssl s_client` shows, and whether it ended well."""
    where = f"127.0.0.1:{gateway.ports[number]}"
    command = ["openssl", "s_client", "-connect", where, version, "-cipher", OLD]
    done = subprocess.run(
        [*command, "-ign_eof", "-crlf", *more],
        input=TALK.replace(b"\r\n", b"\n"),
        capture_output=True,
        timeout=30,
        check=False,
    )
    return done.stdout.decode(errors="replace"), done.returncode


def old_context(version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(OLD)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


OLD_VERSIONS = [("-tls1", "TLSv1"), ("-tls1_1", "TLSv1.1")]


@pytest.mark.parametrize(("flag", "version"), OLD_VERSIONS)
@pytest.mark.parametrize(
    ("number", "more"), [(OLD_IMPLICIT, ()), (OLD_STLS, ("-starttls", "pop3"))]
)
def test_a_legacy_listener_speaks_tls_of_2006(gateway, number, more, flag, version):
    before = gateway.log_text().count(f"version={version} ")
    said, status = openssl(gateway, number, flag, *more)
    assert "+OK 1 23" in said
    assert f"Protocol  : {version}" in said
    assert status == 0
    wait_until(lambda: gateway.log_text().count(f"version={version} ") == before + 1)
    (line,) = [
        line
        for line in gateway.log_text().splitlines()
        if "legacy_tls" in line and f"version={version} " in line
    ][before:]
    assert "peer=127.0.0.1" in line
    assert "user=demo" in line


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_python_with_old_tls(gateway, version):
    port = gateway.ports[OLD_IMPLICIT]
    with Pop3Client("127.0.0.1", port, tls=old_context(version)) as client:
        assert client.socket.version() == {"TLSv1": "TLSv1", "TLSv1_1": "TLSv1.1"}[version.name]
        client.login("demo", "demo")
        assert client.retr(1) == MESSAGE


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_curl_with_old_tls(gateway, version):
    command = ["curl", "-sSk", "--tlsv1.0", "--tls-max", version, "--ciphers", OLD]
    url = f"pop3s://127.0.0.1:{gateway.ports[OLD_IMPLICIT]}/1"
    done = subprocess.run(
        [*command, "--user", "demo:demo", url], capture_output=True, timeout=30, check=False
    )
    assert done.stdout == MESSAGE, done.stderr


@pytest.mark.parametrize(("flag", "version"), OLD_VERSIONS)
@pytest.mark.parametrize(
    ("number", "more"),
    [(IMPLICIT, ()), (FENCED_IMPLICIT, ()), (PLAIN, ("-starttls", "pop3"))],
)
def test_every_other_listener_refuses_the_same_handshake(gateway, number, more, flag, version):
    said, status = openssl(gateway, number, flag, *more)
    assert "+OK 1 23" not in said
    assert "New, (NONE), Cipher is (NONE)" in said
    assert status != 0


@pytest.mark.parametrize("number", [IMPLICIT, OLD_IMPLICIT, FENCED_IMPLICIT])
def test_a_client_of_today_gets_tls_of_today(gateway, certificates, number):
    context = certificates.client_context()
    with Pop3Client("127.0.0.1", gateway.ports[number], tls=context) as client:
        assert client.socket.version() == "TLSv1.3"


def test_stls_of_a_legacy_listener_too(gateway, certificates):
    with Pop3Client("127.0.0.1", gateway.ports[OLD_STLS]) as client:
        client.start_tls(certificates.client_context())
        assert client.socket.version() == "TLSv1.3"


# ---- the fence


@pytest.mark.parametrize("number", [OUTSIDE_OLD, OUTSIDE_PLAIN])
def test_who_is_outside_gets_not_one_octet(gateway, number):
    before = gateway.log_text().count("outside_fence")
    with socket.create_connection(("127.0.0.1", gateway.ports[number]), 20) as client:
        try:
            assert client.recv(100) == b""
        except ConnectionResetError:
            """The same, told in another way."""
    wait_until(lambda: gateway.log_text().count("outside_fence") == before + 1)


def test_who_is_inside_is_served(gateway):
    port = gateway.ports[OUTSIDE_PLAIN]
    with Pop3Client("127.0.0.1", port, source="127.0.0.2") as client:
        client.login("demo", "demo")


def test_who_is_inside_an_implicit_one_is_served(gateway, certificates):
    context, port = certificates.client_context(), gateway.ports[OUTSIDE_OLD]
    with Pop3Client("127.0.0.1", port, tls=context, source="127.0.0.2") as client:
        client.login("demo", "demo")


# ---- SIGHUP


def shown(port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with Pop3Client("127.0.0.1", port, tls=context) as client:
        return client.socket.getpeercert(binary_form=True)


def test_a_fenced_listener_reads_its_certificate_again(maildir, certificates, tmp_path):
    own, usual = tmp_path / "own.pem", tmp_path / "usual.pem"
    for path in (own, usual):
        shutil.copy(certificates.server.combined, path)
    pair = {"cert": str(own), "key": str(own)}
    fenced = [entry(tls="implicit"), entry(tls="implicit", legacy_tls=True, **pair)]
    listen = {"plain": [], "cert": str(usual), "key": str(usual), "fenced": fenced}
    url = f"maildir://{maildir}"
    with RunningGateway(url, settings={"listen": listen}, listeners=[], workers=1) as gateway:
        before = [shown(port) for port in gateway.ports]
        assert before[0] == before[1]
        shutil.copy(certificates.far.combined, own)
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: shown(gateway.ports[1]) != before[1])
        assert shown(gateway.ports[0]) == before[0]
        shutil.copy(certificates.far.combined, usual)
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: shown(gateway.ports[0]) != before[0])
        with Pop3Client(
            "127.0.0.1", gateway.ports[1], tls=old_context(ssl.TLSVersion.TLSv1)
        ) as client:
            client.login("demo", "demo")


# ---- passwords in clear


def own_address():
    """An address of this machine that others can reach it by; None without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = probe.getsockname()[0]
        return None if address.startswith("127.") else address


@pytest.fixture
def away():
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback")
    return address


def everywhere(maildir, certificates, **listen):
    return RunningGateway(
        f"maildir://{maildir}",
        certificates=certificates,
        settings={
            "listen": {"plain": ["0.0.0.0:0"], **listen},
            # The password of everybody would be refused for more than loopback.
            "upstream": {"maildir": {"password": "of the test"}},
        },
        listeners=[],
    )


def test_a_password_in_clear_from_another_machine_is_refused(maildir, certificates, away):
    with everywhere(maildir, certificates) as gateway:
        with Pop3Client(away, gateway.ports[0], source=away) as client:
            capabilities = client.lines("CAPA")
            assert b"STLS" in capabilities
            assert not any(line.startswith((b"USER", b"SASL")) for line in capabilities)
            assert client.command("USER demo") == replies.NO_CLEAR_PASSWORD
            client.start_tls(certificates.client_context())
            assert {b"USER", b"SASL PLAIN LOGIN"} <= set(client.lines("CAPA"))
            client.login("demo", "of the test")
        with Pop3Client("127.0.0.1", gateway.ports[0]) as client:
            client.login("demo", "of the test")


def test_unless_it_is_allowed(maildir, away):
    allowed = everywhere(maildir, None, allow_plaintext_login=True)
    with allowed as gateway, Pop3Client(away, gateway.ports[0], source=away) as client:
        client.login("demo", "of the test")


def test_and_inside_a_fence(maildir, away):
    fenced = [{"address": "0.0.0.0:0", "allow": [away]}]
    with (
        everywhere(maildir, None, plain=[], fenced=fenced) as gateway,
        Pop3Client(away, gateway.ports[0], source=away) as client,
    ):
        client.login("demo", "of the test")
