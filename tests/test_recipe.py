"""Recipes are read strictly, and every mistake gets a sentence with its place."""

import pytest

from diptych.errors import UsageError
from diptych.recipe import Recipe, read


def test_the_papers_numbers() -> None:
    """SYSTEMS 1c and 2c."""
    facades, shoes, monet = read("pix2pix-facades"), read("pix2pix-edges2shoes"), read("cyclegan-monet2photo")
    assert (facades.training.epochs, facades.training.batch_size, facades.data.direction) == (200, 1, "b-to-a")
    assert (facades.data.load_size, facades.data.crop_size, facades.data.mirror) == (286, 256, True)
    assert (shoes.training.epochs, shoes.training.batch_size, shoes.data.mirror, shoes.data.load_size) == (
        15,
        4,
        False,
        256,
    )
    assert (monet.options.identity, monet.options.cycle, monet.options.pool) == (0.5, 10, 50)
    assert read("cyclegan-horse2zebra").options.identity == 0
    assert facades.training.learning_rate == {"generator": 2e-4, "discriminator": 2e-4}
    assert (facades.training.beta1, facades.options.l1, facades.options.discriminator_layers) == (0.5, 100, 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["training.stepps=5"], r'"training.stepps" is not known \(did you mean "steps"\?\)'),
        (["dada.folder=x"], r'"dada" is not known \(did you mean "data"\?\)'),
        (["training.steps=many"], "\"training.steps\" must be a whole number, not 'many'"),
        (["training.steps=2.5"], '"training.steps" must be a whole number'),
        (["options.objective=l2"], "\"options.objective\" is 'l2'"),
        (["options.l1=true"], '"options.l1" must be a number'),
        (["data.load_size=[1,2,3]"], '"data.load_size" must be a'),
        (["data.load_size=100"], "is smaller than data.crop_size"),
        (["data.source.colour=pink"], "\"data.source.colour\" is 'pink'"),
        (["data.source=rgb"], '"data.source" must be a table'),
        (["training.batch_size=0"], "training.batch_size is 0; it must be at least 1"),
        (["training.hold=2"], "training.hold is 2"),
        (["training.epochs=0"], "does not say how long to train"),
        (["options.discriminator_layers=7"], r'"options\.discriminator_layers" is 7; choose from 0, 1,'),
        (["options.discriminator_layers=3.0"], r'"options\.discriminator_layers" is 3\.0'),
        (["training.steps"], "is no override; write key=value"),
        (["pix2pix-facades"], "takes one as its first word, `diptych data` by --recipe"),
        (["system.name=x"], "is no key"),
        (["system=pix3pix"], r'did you mean "pix2pix"'),
        (["data.task=colorization", "data.source={colour='grey'}"], 'needs data.source = { colour = "lightness" }'),
    ],
)
def test_mistakes(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as refusal:
        read("pix2pix", words)
    assert "\n" not in str(refusal.value)


def test_a_derived_source_brings_its_kind() -> None:
    recipe = read("pix2pix", ["data.task=greyscale"])
    assert recipe.data.source.colour == "grey"
    assert read("pix2pix-colorization").data.target.colour == "chroma"


def test_sizes_may_be_numbers_or_pairs() -> None:
    assert read("pix2pix", ["data.load_size=[286, 572]", "data.crop_size=[256, 512]"]).data.crop_size == (256, 512)
    assert isinstance(Recipe.from_table({"system": "cyclegan", "training": {"steps": 1}}), Recipe)


@pytest.mark.parametrize("wrong", ["1e-4", "3", "true", "fast"])
def test_a_learning_rate_is_of_each_side(wrong: str) -> None:
    with pytest.raises(UsageError, match=r"must be a table.*training\.learning_rate\.generator"):
        read("pix2pix", [f"training.learning_rate={wrong}"])


def test_a_close_key_is_named_without_the_list_of_all() -> None:
    for key, near, topic in [
        ("training.stps", "steps", "training"),
        ("data.source.colr", "colour", "data.source"),
        ("options.widht", "width", "options.width"),
    ]:
        with pytest.raises(UsageError) as refusal:
            read("pix2pix", [f"{key}=3"])
        expected = f'"{key}" is not known (did you mean "{near}"?); `diptych options {topic}` says more.'
        assert str(refusal.value) == expected
    with pytest.raises(UsageError, match=r"known here: .*steps, .*report"):
        read("pix2pix", ["training.qqqq=3"])


def test_one_learning_rate_leaves_the_other() -> None:
    rates = read("pix2pix", ["training.learning_rate={generator=1e-4}"]).training.learning_rate
    assert rates == {"generator": 1e-4, "discriminator": 2e-4}
    assert (
        read("pix2pix", ["training.learning_rate.discriminator=5e-5"]).training.learning_rate["discriminator"] == 5e-5
    )
