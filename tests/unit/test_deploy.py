"""What is in deploy/ fits the program: flags, settings, paths, and the files it names."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from gateway.cli import main
from gateway.cli.serve import serve
from gateway.config import load
from tests.support.certificates import make_certificates

TOP = Path(__file__).parents[2]
DEPLOY = TOP / "deploy"
EXAMPLES = sorted((DEPLOY / "examples").glob("*.toml"))
FLAGS = {flag for option in serve.params for flag in option.opts}


class Unit(configparser.RawConfigParser):
    """A systemd unit; a key that is repeated keeps all its values, on a line each."""

    def __init__(self, path):
        super().__init__(strict=False, dict_type=dict, comment_prefixes=("#",))
        self.optionxform = str
        self.read_string(path.read_text())


SERVICE = Unit(DEPLOY / "systemd" / "pop3-gateway.service")
SOCKET = Unit(DEPLOY / "systemd" / "pop3-gateway.socket")


@pytest.fixture
def here(tmp_path):
    """Where the files are that the examples name."""
    made = make_certificates(tmp_path)
    made.server.certificate.rename(tmp_path / "cert.pem")
    made.server.key.rename(tmp_path / "key.pem")
    made.authority.rename(tmp_path / "office-ca.pem")
    (tmp_path / "scanner.password").write_text("correct horse\n")
    (tmp_path / "graph.token").write_text("token\n")
    for name in ("cur", "new", "tmp"):
        (tmp_path / "mail" / "scanner" / name).mkdir(parents=True)
    return tmp_path


def moved(text, here):
    return text.replace("/etc/pop3-gateway/", f"{here}/").replace("/var/mail/", f"{here}/mail/")


# Examples.


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_no_mistakes(example, here):
    file = here / example.name
    file.write_text(moved(example.read_text(), here))
    result = CliRunner().invoke(main, ["check-config", str(file)])
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_says_more_than_the_defaults(example, here):
    file = here / example.name
    file.write_text(moved(example.read_text(), here))
    assert load(file).upstream.url


def test_the_readme_lists_every_example():
    listed = re.findall(r"`examples/(\S+)`", (DEPLOY / "README.md").read_text())
    assert sorted(listed) == [path.name for path in EXAMPLES]


# systemd.


def test_the_service_runs_a_command_that_exists():
    program, command, *flags = shlex.split(SERVICE["Service"]["ExecStart"])
    assert program == "/opt/pop3-gateway/.venv/bin/pop3-gateway"
    assert command == "serve"
    assert {flag for flag in flags if flag.startswith("--")} <= FLAGS


def test_the_service_checks_the_file_that_it_runs_with():
    checked = shlex.split(SERVICE["Service"]["ExecStartPre"])
    assert checked[1] == "check-config"
    assert checked[2] in shlex.split(SERVICE["Service"]["ExecStart"])


def test_the_service_has_time_to_drain():
    settings = load(None, {"upstream.url": "imaps://imap.example.org"})
    longest = settings.limits.drain_timeout + 2 * settings.upstream.imap.command_timeout
    assert int(SERVICE["Service"]["TimeoutStopSec"]) > longest
    assert SERVICE["Service"]["KillSignal"] == "SIGTERM"


def test_wrong_settings_are_not_tried_again():
    assert SERVICE["Service"]["RestartPreventExitStatus"] == "2"


def test_the_service_may_do_what_tls_needs():
    """The callbacks of cffi are code in memory that is written and then run (pyOpenSSL has some)."""
    denied = SERVICE["Service"].get("MemoryDenyWriteExecute", "no") != "no"
    deny = "ctypes.CDLL(None).prctl(65, 1, 0, 0, 0);" if denied else ""  # PR_SET_MDWE
    use = "SSL.Context(SSL.TLS_METHOD).set_info_callback(print)"
    program = f"import ctypes; from OpenSSL import SSL; {deny} {use}"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_commands_can_be_run_as_the_services_user():
    """Nobody but root could enter the directory of a dynamic one."""
    service = SERVICE["Service"]
    assert service.get("DynamicUser", "no") == "no"
    readme = (DEPLOY / "README.md").read_text()
    assert re.search(rf"useradd .* {service['User']}\n", readme)
    assert f"runuser -u {service['User']} -- " in readme
    assert f'dir = "/var/lib/{service["StateDirectory"]}"' in readme


def test_the_state_is_where_the_program_looks(monkeypatch):
    name = SERVICE["Service"]["StateDirectory"]
    monkeypatch.setenv("STATE_DIRECTORY", f"/var/lib/{name}")
    settings = load(None, {"upstream.url": "imaps://imap.example.org"})
    assert settings.state.dir == Path("/var/lib/pop3-gateway")


def test_the_socket_has_the_name_that_is_documented():
    name = SOCKET["Socket"]["FileDescriptorName"]
    assert f'plain = ["systemd:{name}"]' in (DEPLOY / "README.md").read_text()
    url = "imaps://imap.example.org"
    assert load(None, {"upstream.url": url, "listen.plain": [f"systemd:{name}"]})


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_understands_the_units(tmp_path):
    for unit in (DEPLOY / "systemd").iterdir():
        # The program is not installed where the unit looks for it.
        text = unit.read_text().replace("/opt/pop3-gateway/.venv/bin/pop3-gateway", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")


# Containers.


def dockerfile():
    """The instructions, continuation lines joined."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines]


def instruction(name):
    return [rest for word, rest in dockerfile() if word == name]


def test_the_image_copies_files_that_exist():
    for rest in instruction("COPY"):
        sources = [part for part in rest.split()[:-1] if not part.startswith("--")]
        if not rest.startswith("--from"):
            assert all((TOP / source).exists() for source in sources), rest


def test_the_image_has_every_file_that_the_package_needs():
    copied = " ".join(rest for rest in instruction("COPY"))
    assert {"pyproject.toml", "README.md", "LICENSE", "gateway"} <= set(copied.split())


def test_the_image_installs_locked_packages_by_their_hashes():
    (install,) = (rest for rest in instruction("RUN") if "run.txt" in rest)
    assert "--require-hashes" in install
    lock = (DEPLOY / "lock" / "run.txt").read_text()
    pinned = re.findall(r"(?m)^\S+==", lock)
    assert len(pinned) <= lock.count("--hash=sha256:")
    assert "http" not in lock


def test_the_image_runs_the_command_without_root():
    (entry,) = instruction("ENTRYPOINT")
    (command,) = instruction("CMD")
    words = json.loads(command)
    assert json.loads(entry) == ["pop3-gateway"]
    assert words[0] == "serve"
    assert {word for word in words if word.startswith("--")} <= FLAGS
    assert instruction("USER")[-1] not in {"root", "0"}
    assert instruction("STOPSIGNAL") == ["SIGTERM"]


def test_the_health_check_is_a_program_that_python_reads():
    (check,) = instruction("HEALTHCHECK")
    program = json.loads(check.partition("CMD ")[2])
    assert program[:2] == ["python", "-c"]
    compile(program[2], "HEALTHCHECK", "exec")


COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_a_composed_service_starts_with_settings_that_work(name, here):
    service = COMPOSE["services"][name]
    command, *flags = (
        re.sub(r"^\$\{UPSTREAM.*", "imaps://h.example", w) for w in service["command"]
    )
    assert command == "serve"
    flags = [flag.replace("/certificates/", f"{here}/") for flag in flags]
    result = CliRunner().invoke(main, ["show-config", *flags])
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_a_composed_service_publishes_what_it_listens_at(name):
    service = COMPOSE["services"][name]
    listening = {w.rpartition(":")[2] for w in service["command"] if w.startswith("0.0.0.0:")}
    assert {port.rpartition(":")[2] for port in service["ports"]} == listening
    exposed = set(instruction("EXPOSE")[0].split())
    assert listening <= exposed


def test_a_composed_service_keeps_its_state():
    (volume,) = instruction("VOLUME")
    for service in COMPOSE["services"].values():
        assert f"state:{volume}" in service["volumes"]
        assert service["build"]["dockerfile"] == "deploy/Dockerfile"
    assert "state" in COMPOSE["volumes"]


# What the README tells to type.


def test_the_readme_types_commands_that_exist():
    text = (DEPLOY / "README.md").read_text()
    for line in re.findall(r"(?m)^ {4}.*?pop3-gateway (serve|check-\S+|show-\S+) ", text):
        assert line in main.list_commands(None)
    for path in re.findall(r"deploy/[\w./-]+\w", text):
        assert (TOP / path).exists(), path
