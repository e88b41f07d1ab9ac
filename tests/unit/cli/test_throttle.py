"""throttle list and lift, on the files of a gateway."""

import time

import pytest
from click.testing import CliRunner
from pydantic import SecretBytes

from gateway.accounts.throttle import Throttle, ThrottleSettings
from gateway.cli import main
from gateway.maildrop import Attempt
from gateway.telemetry import Emitter


def run(*arguments):
    return CliRunner().invoke(main, ["throttle", *map(str, arguments)])


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def gateway(state):
    """A running one, whose settings the command is not told."""
    settings = ThrottleSettings(account_limit=3)
    throttle = Throttle(state, settings, time.time, Emitter(lambda *_: None))
    yield throttle
    throttle.close()


def refuse(throttle, user, count):
    for number in range(count):
        proof = SecretBytes(b"secret %d" % number)
        shown = throttle.glance(Attempt(user, proof, "192.0.2.7"))
        throttle.store.refused(throttle.store.enter(shown), upstream=True)


def test_nothing_to_list(gateway, state):
    result = run("list", "--state-dir", state)
    assert result.exit_code == 0
    assert result.output == "nobody is locked out, and no password is held back\n"


def test_the_locked_ones_come_first_by_the_gateways_own_limit(gateway, state):
    refuse(gateway, b"lee", 2)
    refuse(gateway, b"kim", 3)
    result = run("list", "--state-dir", state)
    head, first, *rest = result.output.splitlines()
    assert head.split() == ["WHAT", "NAME", "WHERE", "COUNT", "SINCE", "UNTIL", "LAST", "SEEN"]
    assert first.split()[:3] == ["account", "kim", "3"]
    assert len(first.split()) == 3 + 6, "it has an end"
    assert sorted(line.split()[0] for line in rest) == ["account", "address"] + ["password"] * 5
    assert "secret" not in result.output


def test_lift_forgets_one(gateway, state):
    refuse(gateway, b"lee", 1)
    refuse(gateway, b"kim", 3)
    result = run("lift", "KIM", "--state-dir", state)
    assert (result.exit_code, result.output) == (0, "forgotten: 3 of KIM\n")
    assert {entry.name for entry in gateway.store.entries()} == {"lee", "192.0.2.7"}


@pytest.mark.parametrize("who", ["192.0.2.7", "--all"])
def test_lift_forgets_an_address_or_everything(gateway, state, who):
    refuse(gateway, b"kim", 3)
    assert run("lift", who, "--state-dir", state).exit_code == 0
    assert gateway.store.entries() == []


def test_nothing_to_lift_is_told(gateway, state):
    result = run("lift", "kim", "--state-dir", state)
    assert result.exit_code == 1
    assert result.stderr == "pop3-gateway: nothing is held against kim\n"


@pytest.mark.parametrize("arguments", [(), ("kim", "--all")])
def test_lift_wants_to_know_whom(arguments, state):
    result = run("lift", *arguments, "--state-dir", state)
    assert result.exit_code == 2
    assert "give a name, or an address, or --all" in result.stderr


def test_a_gateway_that_never_ran_gets_no_files(state):
    assert run("list", "--state-dir", state).exit_code == 0
    assert run("lift", "kim", "--state-dir", state).exit_code == 1
    assert not state.exists()


def test_the_state_directory_of_a_file_of_settings(gateway, state, tmp_path):
    refuse(gateway, b"kim", 1)
    path = tmp_path / "office.toml"
    path.write_text(
        f'[upstream]\nurl = "imaps://imap.example.org"\n\n[state]\ndir = "{state}"\n'
    )
    assert "kim" in run("list", "--config", path).output


def test_a_damaged_file_is_told(state):
    state.mkdir()
    (state / "throttle.sqlite").write_text("no database at all" * 100)
    result = run("list", "--state-dir", state)
    assert result.exit_code == 1
    assert result.stderr.startswith("pop3-gateway: cannot keep the throttle in ")
