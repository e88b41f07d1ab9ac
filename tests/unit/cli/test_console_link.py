"""The link of the first run, as a command."""

import pytest
from click.testing import CliRunner

from gateway.admin.setup_token import make_link
from gateway.cli import console_link as module
from gateway.cli import main


@pytest.fixture
def state(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path


def ask(state):
    return CliRunner().invoke(main, ["console-link", "--state-dir", str(state)])


def test_an_office_that_has_just_started_is_waited_for(state, monkeypatch):
    naps = []

    def sleep(_seconds):
        naps.append(1)
        if len(naps) == 3:
            make_link(state, "http://127.0.0.1:8080")

    monkeypatch.setattr(module.time, "sleep", sleep)
    result = ask(state)
    assert result.output.startswith("http://127.0.0.1:8080/setup?token=")
    assert len(naps) == 3


def test_not_for_ever(state, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0)
    result = ask(state)
    assert result.exit_code == 1
    assert "start the gateway with a console" in result.stderr


def test_where_there_never_was_one_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(module.time, "sleep", pytest.fail)
    assert ask(tmp_path).exit_code == 1
