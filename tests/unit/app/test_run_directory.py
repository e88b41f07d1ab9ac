"""`STATE/run`, and whose it is."""

import os
import stat

import pytest

from gateway.app.run_directory import RunDirectory
from gateway.errors import Misconfigured


@pytest.fixture
def usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("usual_umask")
def test_both_directories_are_for_the_gateways_own_user_alone(tmp_path):
    state = tmp_path / "state"
    run = RunDirectory(state)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE(run.path.stat().st_mode) == 0o700


def test_a_second_gateway_is_told_to_have_its_own(tmp_path):
    first = RunDirectory(tmp_path)
    with pytest.raises(Misconfigured, match="give each its own --state-dir"):
        RunDirectory(tmp_path)
    assert first.path.is_dir()


def test_a_file_in_its_place_is_told(tmp_path):
    (tmp_path / "run").write_text("x")
    with pytest.raises(Misconfigured, match="cannot use"):
        RunDirectory(tmp_path)
