"""The cards of a run: one for each way in which it translates."""

from pathlib import Path

import pytest
from toys import draw_labelled, draw_pairs
from validating import made

from diptych import __version__
from diptych.training.run import Run
from diptych.training.state import State
from diptych.training.validation import cards_of, describe
from diptych.translator.card import Card, read_cards


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_pairs(tmp_path_factory.mktemp("drawn") / "pairs")


def the_cards(state: State) -> list[Card]:
    return cards_of(state.recipe, state.system)


def test_cards_tell_both_ways(pairs: Path, tmp_path: Path) -> None:
    overrides = ["data.task=unpaired", "training.average=0.9", "data.direction=b-to-a", "data.crop_size=[16,12]"]
    overrides += ["data.load_size=[20,14]", "data.filter=bilinear"]
    _, state = made(pairs, "cyclegan", *overrides)
    with Run(tmp_path / "run", state.recipe) as run:
        describe(run, state)
    there, back = cards = the_cards(state)
    assert [(card.way, card.module) for card in cards] == [
        ("a-to-b", "generator.a_to_b"),
        ("b-to-a", "generator.b_to_a"),
    ]
    for card in cards:
        exit = state.system.translators()[card.way]
        assert (card.network, card.arguments) == (exit.network.name, exit.network.arguments)
        assert (card.multiple, card.size, card.scale, card.averaged) == (4, (16, 12), 1, True)
        assert (card.fit, card.load_size, card.filter) == ("stretch", (20, 14), "bilinear")
        assert card.provenance == {
            "diptych": __version__,
            "system": "cyclegan",
            "recipe": "cyclegan",
            "data": str(pairs),
            "direction": "b-to-a",
        }
    assert (there.source, there.target) == (state.recipe.data.source, state.recipe.data.target)
    assert (back.source, back.target) == (there.target, there.source)
    kept = read_cards(tmp_path / "run" / "card.json")
    assert [card.module for card in kept.values()] == [card.module for card in cards]
    for name in ("training.average=0", "training.average_translates=false"):
        assert not the_cards(made(pairs, "cyclegan", *overrides, name)[1])[0].averaged


def test_cards_of_other_kinds(pairs: Path, tmp_path: Path) -> None:
    _, state = made(pairs, "srgan", "data.task=shrunk", "options.content=lite0-fine")
    (card,) = the_cards(state)
    assert card.scale == 2
    assert card.provenance["content loss"] == "lite0-fine of efficientnet-lite0"
    labelled = draw_labelled(tmp_path / "labelled")
    (card,) = the_cards(made(labelled, "spade")[1])
    assert (card.source.colour, card.target.colour) == ("labels", "rgb")


def test_each_way_has_its_own_kinds(pairs: Path) -> None:
    there, back = the_cards(made(pairs, "cyclegan", "data.task=unpaired", "data.target.colour=grey")[1])
    assert (there.source.colour, there.target.colour) == ("rgb", "grey")
    assert (back.source.colour, back.target.colour) == ("grey", "rgb")
