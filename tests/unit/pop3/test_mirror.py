"""Every module of the pure rooms has its test file under the same name."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def _modules():
    for room in ("pop3", "maildrop"):
        for module in sorted((ROOT / "gateway" / room).glob("*.py")):
            if module.name != "__init__.py":
                yield f"{room}/test_{module.name}"


@pytest.mark.parametrize("name", list(_modules()))
def test_module_has_its_test_file(name):
    assert (ROOT / "tests" / "unit" / name).is_file()
