"""Every line of docs/security.md names the tests that hold it, and they exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
_ROW = re.compile(
    r"^\| (?P<claim>[^|]+) \| (?P<tests>(?:`tests/[^`|]+`[, ]*)+) \|$", re.MULTILINE
)
_TEST = re.compile(r"`(tests/[^`:]+\.py)::([A-Za-z0-9_:]+)`")
# A file that a test takes as one of its cases.
_CASE = re.compile(r"`(tests/(?:badconfig/cases/[^`:]+\.toml|protocol/dialogs/[^`:]+\.pop3))`")
CLAIMS = [(match["claim"].strip(), match["tests"]) for match in _ROW.finditer(PAGE)]


@cache
def names_in(path):
    """`test_x` and `TestY::test_x` of a file."""
    found = set()
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}::{each.name}"
                for each in node.body
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return {name for name in found if name.rpartition("::")[2].startswith("test_")}


def test_the_page_has_claims():
    assert len(CLAIMS) > 20


def test_every_row_of_a_table_of_claims_names_a_test():
    """A row that the pattern does not fit would be a claim that nothing holds."""
    tables = re.findall(
        r"^\| what holds \| tests \|\n\|[-| ]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE
    )
    rows = [row for table in tables for row in table.splitlines()]
    assert len(rows) == len(CLAIMS)


@pytest.mark.parametrize(("claim", "tests"), CLAIMS, ids=[claim[:60] for claim, _ in CLAIMS])
def test_the_tests_of_a_claim_exist(claim, tests):
    told, cases = _TEST.findall(tests), _CASE.findall(tests)
    assert tests.count("`") == 2 * len(told + cases) > 0, claim
    for path, name in told:
        assert name in names_in(path), f"{path} has no {name}"
    for path in cases:
        assert (ROOT / path).is_file(), path
