"""Desks that are cleared."""

import pytest

from tests.unit.accounts.oauth.desk import Desk


@pytest.fixture
def desks(tmp_path):
    made = []

    def make(*args):
        made.append(Desk(tmp_path / "accounts.sqlite", *args))
        return made[-1]

    yield make
    for each in made:
        each.store.close()


@pytest.fixture
def desk(desks):
    return desks()
