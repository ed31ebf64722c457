"""What a metric needs: nothing is said at the bound itself, a sentence below it."""

import pytest

from diptych.errors import DiptychError
from diptych.evaluation import requirements
from diptych.evaluation.requirements import Resources


@pytest.mark.parametrize("least", [2, 176])
def test_sides(least: int) -> None:
    need = requirements.side(least)
    assert [need(Resources(side=side)) for side in (least + 1, least)] == [None, None]
    assert need(Resources(side=least - 1)) == f"it needs pictures with sides of {least} or more"


def test_pictures() -> None:
    need = requirements.pictures(3)
    assert [need(Resources(pictures=count)) for count in (4, 3)] == [None, None]
    assert need(Resources(pictures=2)) == "it needs 3 pictures or more, and there are 2"


def test_weights_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def none_here(name: str) -> None:
        asked.append(name)
        raise DiptychError(f"there are no weights of {name}..")

    monkeypatch.setattr(requirements, "weights_file", none_here)
    assert requirements.weights()(Resources(network="inception")) == "there are no weights of inception"
    assert requirements.weights("vgg16")(Resources()) == "there are no weights of vgg16"
    assert requirements.maps(Resources()) == "there are no weights of efficientnet-lite0"
    assert requirements.maps(Resources(network="squeezenet1.1", side=8)) == "there are no weights of squeezenet1.1"
    assert asked == ["inception", "vgg16", "efficientnet-lite0", "squeezenet1.1"]


def test_the_least_side_of_the_maps_of_squeezenet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "weights_file", lambda name: None)
    need = requirements.maps
    assert need(Resources(network="squeezenet1.1", side=32)) is None
    assert need(Resources(network="squeezenet1.1", side=31)) == "it needs pictures with sides of 32 or more"
    assert need(Resources(network="efficientnet-lite0", side=1)) is None
