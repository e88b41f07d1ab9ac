"""check-config, show-config, config-reference, and how serve refuses."""

import subprocess
import sys
import tomllib

import pytest
from click.testing import CliRunner

from gateway import __version__
from gateway.cli import main
from gateway.config import FLAGS
from gateway.config.reference import reference

URL = "imaps://imap.example.org"


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def office(tmp_path):
    path = tmp_path / "office.toml"
    path.write_text(f'[upstream]\nurl = "{URL}"\n\n[log]\nlevel = "debug"\n')
    return path


def test_a_good_file_has_no_mistakes(office):
    result = run("check-config", office)
    assert (result.exit_code, result.stdout) == (0, f"{office}: no mistakes found\n")


def test_a_missing_file_is_told():
    result = run("check-config", "/nowhere.toml")
    assert result.exit_code == 2
    assert result.stderr.startswith("pop3-gateway: /nowhere.toml: cannot be read: ")


def test_show_config_prints_what_is_in_effect(office):
    result = run(
        "show-config", "--config", office, "--listen", "[::1]:0", "--log-format", "json"
    )
    shown = tomllib.loads(result.stdout)
    assert shown["log"] == {"level": "debug", "format": "json"}
    assert shown["listen"]["plain"] == ["[::1]:0"]
    assert shown["upstream"]["url"] == f"{URL}:993"


def test_a_switch_that_is_not_given_leaves_the_file_alone(tmp_path):
    path = tmp_path / "plain.toml"
    path.write_text('[upstream]\nurl = "imap://imap.example.org"\nallow_plaintext = true\n')
    assert run("check-config", path).exit_code == 0
    shown = run("show-config", "--config", path).stdout
    assert tomllib.loads(shown)["upstream"]["allow_plaintext"] is True


def test_a_switch_that_is_given_is_in_effect():
    flags = ("--upstream", "imap://imap.example.org", "--allow-plaintext-upstream")
    assert run("show-config", *flags).exit_code == 0
    assert run("show-config", *flags[:-1]).exit_code == 2


def test_the_reference_is_printed():
    assert run("config-reference").stdout == reference()


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--upstream", "imap.example.org"),
        ("--upstream", URL, "--listen", ":1110"),
        ("--upstream", URL, "--cert", "/nowhere.pem"),
    ],
)
def test_serve_refuses_wrong_settings_with_one_line_each(flags):
    result = run("serve", *flags)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert all(line.startswith("pop3-gateway: ") for line in result.stderr.splitlines())


def test_serve_has_a_flag_for_each_of_the_table():
    text = run("serve", "--help").stdout
    assert all(f" {flag} " in text or f" {flag}\n" in text for flag in FLAGS.values())


def test_the_version_is_told():
    assert run("--version").stdout == f"pop3-gateway {__version__}\n"


def test_an_unknown_command_is_refused():
    assert run("sevre").exit_code == 2


def test_a_mistake_of_the_program_is_said_to_be_one(monkeypatch):
    def fail(*_):
        raise RuntimeError("no such luck")

    monkeypatch.setattr("gateway.cli.config_commands.reference", fail)
    result = run("config-reference")
    assert result.exit_code == 1
    assert "mistake of its own" in result.stderr
    assert "no such luck" in result.stderr


def test_the_command_starts_without_twisted():
    """Nobody waits for a library that a command does not use."""
    code = "import sys, gateway.cli; sys.exit('twisted' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
