"""HTTP mailboxes with TLS behind a proxy of the environment, by gateways and by checks.

The upstream's name is in no DNS: whatever reaches it went through the tunnel.
"""

import os
import subprocess
import sys

import pytest

from gateway.errors import Misconfigured, Unavailable
from gateway.pop3 import replies
from tests.support.certificates import FAR
from tests.support.connect_proxy import ConnectProxy, resets, says, silent
from tests.support.fake_jmap import FakeJmap
from tests.support.gateway import PROGRAM, RunningGateway
from tests.support.mailbox_server import MailboxServer
from tests.support.rest_proxy import RestProxy

LETTERS = [b"Subject: %d\r\n\r\n.\r\ntext\r\n" % n for n in range(7)]
BULKY = b"Subject: bulky\r\n\r\n" + b"%075d\r\n" % 7 * 40_000
SYS_PERM = replies.FAILURES[Misconfigured].reply
SYS_TEMP = replies.FAILURES[Unavailable].reply
SECRET = "s3cr3t of the proxy"
QUICK = {"upstream": {"http": {"connect_timeout": 1.0, "response_timeout": 2.0}}}
VARIABLES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "request_method"}


class FarJmap(FakeJmap):
    @property
    def url(self):
        return f"https://{FAR}:{self.port}"


def environment(url, **more):
    own = {name: value for name, value in os.environ.items() if name.lower() not in VARIABLES}
    return {**own, "HTTPS_PROXY": url, **more}


@pytest.fixture
def proxy():
    with ConnectProxy(f"gateway:{SECRET}") as running:
        yield running


@pytest.fixture
def proxied(proxy):
    encoded = SECRET.replace(" ", "%20")
    return environment(proxy.url.replace("//", f"//gateway:{encoded}@"))


@pytest.fixture
def flags(certificates):
    return ["--upstream-ca", str(certificates.authority)]


@pytest.fixture
def jmap(certificates):
    with FarJmap([*LETTERS, BULKY], pair=certificates.far) as fake:
        yield fake


def test_a_jmap_mailbox_is_drained_through_the_tunnel(jmap, proxy, proxied, flags):
    upstream = f"jmap+{jmap.url}"
    with RunningGateway(upstream, flags=flags, environment=proxied, workers=1) as gateway:
        with gateway.login("kim", "pw") as client:
            for number, letter in enumerate([*LETTERS, BULKY], 1):
                assert client.text(f"RETR {number}") == letter
            client.ok("DELE 1")
            assert client.quit().startswith(b"+OK")
        assert len(jmap.inbox) == len(LETTERS)
        log = gateway.log_text()
    places = {head.split()[1] for head in proxy.heard}
    assert places == {f"{FAR}:{jmap.port}".encode()}
    assert len(proxy.heard) < len(jmap.heard)  # tunnels are used again
    assert "internal_error" not in log
    assert SECRET not in log


@pytest.mark.servers
def test_a_rest_mailbox_through_the_tunnel(proxy, proxied, flags, certificates):
    with MailboxServer() as server, RestProxy(server, certificates.far) as secure:
        for number in range(5):
            server.mail.deliver(b"Subject: %d\n\n.\n" % number)
        upstream = f"rest+https://{FAR}:{secure.port}"
        with (
            RunningGateway(upstream, flags=flags, environment=proxied, workers=1) as gateway,
            gateway.login(server.user, server.password) as client,
        ):
            assert client.text("RETR 5") == b"Subject: 4\r\n\r\n.\r\n"
            client.ok("DELE 5")
            assert client.quit().startswith(b"+OK")
        words = [PROGRAM, "check-mailbox", upstream.removeprefix("rest+")]
        words += ["--ca", certificates.authority, "--token-file", server.directory / "tokens"]
        done = subprocess.run(
            words, env=proxied, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "4 messages" in done.stdout


@pytest.mark.parametrize("kind", ["wrong_name", "stranger", "server"])
def test_a_wrong_certificate_behind_the_tunnel_gets_no_password(
    kind, proxy, proxied, flags, certificates
):
    with FarJmap(LETTERS, pair=getattr(certificates, kind)) as jmap:
        upstream = f"jmap+{jmap.url}"
        with (
            RunningGateway(upstream, flags=flags, environment=proxied, workers=1) as gateway,
            gateway.client() as client,
        ):
            client.ok("USER kim")
            assert client.command("PASS pw") == SYS_PERM
        assert jmap.heard == []
        assert len(proxy.heard) == 1


FAULTS = {
    "403": (says(b"HTTP/1.1 403 No\r\n\r\n"), SYS_PERM),
    "garbage": (says(b"220 mail ESMTP\r\n"), SYS_PERM),
    "503": (says(b"HTTP/1.1 503 No\r\n\r\n"), SYS_TEMP),
    "octets behind the head": (says(b"HTTP/1.1 200 OK\r\n\r\n\x16\x03"), SYS_TEMP),
    "silence": (silent, SYS_TEMP),
    "reset": (resets, SYS_TEMP),
}


def test_a_proxy_that_fails_and_comes_back(jmap, proxy, proxied, flags):
    upstream = f"jmap+{jmap.url}"
    gateway = RunningGateway(
        upstream, flags=flags, environment=proxied, workers=1, settings=QUICK
    )
    with gateway:
        for fault, reply in FAULTS.values():
            proxy.fault = fault
            with gateway.client() as client:
                client.ok("USER kim")
                assert client.command("PASS pw") == reply
        assert jmap.heard == []
        proxy.fault = None
        proxy.credentials = f"gateway:other than {SECRET}"
        with gateway.client() as client:
            client.ok("USER kim")
            assert client.command("PASS pw") == SYS_PERM
            proxy.credentials = None
            client.ok("USER kim")
            client.ok("PASS pw")
        log = gateway.log_text()
    assert "407 to CONNECT" in log
    assert SECRET not in log


def test_a_proxy_that_cannot_be_used_stops_the_start(jmap, flags):
    gateway = RunningGateway(
        f"jmap+{jmap.url}", flags=flags, environment=environment(f"https://x:{SECRET}@proxy")
    )
    with pytest.raises(RuntimeError, match="HTTPS_PROXY") as refused, gateway:
        pass
    assert SECRET not in str(refused.value)


def test_check_upstream_goes_through_the_tunnel_too(jmap, proxy, proxied, flags):
    words = [sys.executable, "-m", "gateway", "check-upstream", f"jmap+{jmap.url}"]
    done = subprocess.run(
        [*words, "--user", "kim", *flags],
        env={**proxied, "POP3_GATEWAY_PASSWORD": "pw"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"requests go through the proxy {proxy.url}" in done.stdout
    assert "agree on 8 messages" in done.stdout
    assert SECRET not in done.stdout + done.stderr
