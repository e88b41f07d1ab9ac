"""Each broken file of `cases` is refused with the messages beside it, and no others.

`FILE` in an expectation is the broken file; `…` at the end of a line is any further text.
"""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main
from tests.support.certificates import make_certificates

CASES = sorted(Path(__file__).with_name("cases").glob("*.toml"))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    directory = tmp_path_factory.mktemp("certificates")
    make_certificates(directory)
    return directory


def agrees(line, expected):
    if expected.endswith("…"):
        return line.startswith(expected[:-1])
    return line == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_says_what_is_wrong_and_what_would_be_right(case, certificates, tmp_path, monkeypatch):
    shutil.copytree(certificates, tmp_path, dirs_exist_ok=True)
    shutil.copy(case, tmp_path)
    monkeypatch.chdir(tmp_path)
    expected = case.with_suffix(".expected").read_text().splitlines()

    result = CliRunner().invoke(main, ["check-config", case.name])

    lines = [
        line.removeprefix("pop3-gateway: ").replace(case.name, "FILE", 1)
        for line in result.stderr.splitlines()
    ]
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(lines) == len(expected), lines
    for line, expectation in zip(lines, expected, strict=True):
        assert agrees(line, expectation), line


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_no_message_shows_a_secret(case):
    text = case.with_suffix(".expected").read_text()
    assert "hunter2" not in text
    assert "4711" not in text


def test_there_are_cases():
    assert len(CASES) > 20
