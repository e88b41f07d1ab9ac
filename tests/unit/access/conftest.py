import pytest

from tests.unit.server.doubles import World


@pytest.fixture
def make_world(tmp_path):
    made = []

    def make(**options):
        made.append(World(tmp_path / str(len(made)), **options))
        return made[-1]

    yield make
    for world in made:
        world.journal.close()


@pytest.fixture
def world(make_world):
    return make_world()
