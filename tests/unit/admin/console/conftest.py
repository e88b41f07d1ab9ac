import pytest

from tests.support.console import Browser, Office


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path)
    yield made
    made.close()


@pytest.fixture
def browser(office):
    return Browser(office)


@pytest.fixture
def admin(office):
    """Somebody who has signed in."""
    office.administrator()
    made = Browser(office)
    assert made.log_in().status == 303
    return made
