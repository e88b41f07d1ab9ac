import pytest

from tests.unit.server.doubles import World


@pytest.fixture
def make_world(tmp_path):
    """Makes worlds, and sees to it that none of them holds anything at the end."""
    made = []

    def make(**options):
        directory = tmp_path / str(len(made))
        made.append(World(directory, **options))
        return made[-1]

    yield make
    for world in made:
        world.journal.close()


@pytest.fixture
def world(make_world):
    return make_world()
