import pytest

from tests.unit.accounts.throttle.scene import SETTINGS, Scene, World


@pytest.fixture
def world():
    world = World()
    world.passwords[b"kim"] = b"right"
    return world


@pytest.fixture
def make(world, tmp_path):
    """Makes workers of one gateway, and closes them."""
    made = []

    def make(settings=SETTINGS, **more):
        made.append(Scene(world, tmp_path / "state", settings, **more))
        return made[-1]

    yield make
    for scene in made:
        scene.throttle.close()


@pytest.fixture
def scene(make):
    return make()
