"""The reference of options: every field has a meaning and advice, names lead to options, and docs/options.md is what the code says."""

import dataclasses
import re
from pathlib import Path
from typing import Literal

import pytest

from diptych.commands.options import every_option
from diptych.data.settings import DataSettings
from diptych.errors import UsageError
from diptych.recipe import TrainingSettings, read
from diptych.reference.fields import Field, fields_of, in_words
from diptych.reference.names import (
    NOTHING,
    TOOLKITS,
    advice,
    advice_of,
    also,
    answer,
    elsewhere,
    names_elsewhere,
    tables_elsewhere,
)
from diptych.reference.page import markdown
from diptych.reference.search import search
from diptych.systems import SYSTEMS

PAGE = Path(__file__).parents[2] / "docs" / "options.md"
FIELDS = every_option()


@dataclasses.dataclass(frozen=True)
class Told:
    """A table with every way in which a field may be said to mean something."""

    plain: int = 1  # at its end, with a # in it
    wrapped: Literal["constant", "linear", "linear-pytorch", "linear-pytorch-old", "linear-torch", "step", "cosine"] = (
        "step"  # beside its value
    )
    # In two lines
    # above it.
    above: str = ""
    silent: bool = False

    # No comment of a field: an empty line lies between.

    apart: float = 0.0


def test_what_stands_beside_a_field_is_its_meaning() -> None:
    said = {field.key: field.meaning for field in fields_of(Told, "told")}
    assert said == {
        "told.plain": "at its end, with a # in it",
        "told.wrapped": "beside its value",
        "told.above": "In two lines above it.",
        "told.silent": "",
        "told.apart": "",
    }


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (int, "whole number"),
        (int | tuple[int, int], "whole number or list of 2 whole numbers"),
        (tuple[tuple[int, int, int], ...], "list of lists of 3 whole numbers"),
        (dict[str, float], "table of numbers"),
        (bool, "true or false"),
    ],
)
def test_types_in_words(kind: object, words: str) -> None:
    assert in_words(kind) == words


def test_every_table_is_there() -> None:
    keys = {(field.system, field.key) for field in FIELDS}
    for name, system in SYSTEMS.items():
        assert {(name, f"options.{one.name}") for one in dataclasses.fields(system.Options)} <= keys
    assert {("", f"training.{one.name}") for one in dataclasses.fields(TrainingSettings)} <= keys
    assert {("", f"data.{one.name}") for one in dataclasses.fields(DataSettings)} <= keys
    assert {"data.source.colour", "data.source.unknown"} <= {key for _, key in keys}


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field.system}-{field.key}")
def test_every_option_says_what_it_means_and_when_to_change_it(field: Field) -> None:
    assert len(field.meaning) > 8, f"write what {field.key} means as a comment beside it"
    assert advice_of(field).change.endswith("."), f"write into advice.toml when to change {field.key}"
    assert all(also(field))


def test_no_advice_is_left_over() -> None:
    own = {(field.system, field.key.rpartition(".")[2]) for field in FIELDS}
    places = {"data": "data.", "augment": "data.augment.", "kind": "data.source.", "training": "training."}
    for table, options in advice().items():
        for name in options:
            if table in places:
                assert any(field.key == places[table] + name for field in FIELDS), (table, name)
            elif table == "options":
                assert any(system and one == name for system, one in own), name
            else:
                assert (table, name) in own


def test_names_of_other_toolkits_lead_to_options_that_there_are() -> None:
    keys = {field.key for field in FIELDS} | {"training.learning_rate.generator"}
    for other in elsewhere().values():
        assert set(other.toolkits) <= TOOLKITS.keys()
        assert set(other.keys) <= keys, other.name
        assert other.keys or other.ours.startswith(NOTHING) or "`" in other.ours or "--" in other.ours, other.name


def test_values_of_other_toolkits_lead_to_choices_that_there_are() -> None:
    choices = {field.key: set[str]() for field in FIELDS}
    for field in FIELDS:
        choices[field.key] |= set(re.findall(r'"([^"]*)"', field.kind))
    for key, values in tables_elsewhere()["values"].items():
        for value, here in values.items():
            assert value == value.casefold()
            assert value not in choices[key]
            assert choices[key] & set(re.split(r"[ ,;]+", here)), (key, value)


def test_settings_that_are_given_as_values_of_other_toolkits_names_are_possible() -> None:
    """What the table of names says to write can be written."""
    read("pix2pix", ["options.adversary=vanilla", "data.mirror=false", "options.dropout=[]", "training.report=false"])
    read("pix2pix", ["options.statistics=running", "options.dropout_at_test=false", "options.generator=resnet"])
    read("spade", ["data.source.unknown=255", "options.perceptual=0", "options.perceptual_network=none"])
    read("pix2pixhd-pictures", ["options.enhancers=1", "options.features=3", "options.feature_matching=0"])


def keys_found(query: str) -> list[str]:
    return [field.key for field in search(FIELDS, query)[1]]


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("training.seed", "training.seed"),
        ("reproducible", "training.seed"),
        ("rate", "training.learning_rate"),
        ("TTUR", "training.learning_rate"),
        ("exponential moving average", "training.average"),
        ("gradient clipping", "training.clip_gradient"),
        ("early stopping", "training.stop_after"),
        ("fine-tune", "training.init_from"),
        ("mixed precision", "training.precision"),
        ("ignore index", "data.source.unknown"),
        ("R1", "options.gradient_penalty"),
        ("data.target.depth", "data.source.depth"),
        ("lambda_identity", "options.identity"),
        ("--no_flip", "data.mirror"),
        ("netg", "options.generator"),
        ("lambda_kld", "options.kl"),
        ("pyramid", "options.l1_pyramid"),
        ("curriculum", ""),
        ("learning rate", "training.learning_rate"),
        ("learning-rate", "training.learning_rate"),
        ("--crop_size", "data.crop_size"),
        ("blurry", "options.perceptual"),
        ("Frechet", "training.metrics"),
        ("save every", "training.checkpoint_every"),
        ("output size", "data.crop_size"),
        ("faster", "training.precision"),
        ("weight decay", ""),
    ],
)
def test_options_are_found_by_other_words(query: str, key: str) -> None:
    assert (key in keys_found(query)) if key else not keys_found(query)


def test_tables_and_systems_are_listed_whole() -> None:
    assert len(keys_found("training")) == len(dataclasses.fields(TrainingSettings))
    assert [field.system for field in search(FIELDS, "spade")[1]] == ["spade"] * len(
        dataclasses.fields(SYSTEMS["spade"].Options)
    )
    assert "options.fresh" not in keys_found("rate")  # whose word "separate batches" only ends in it


def test_the_option_of_that_name_comes_first() -> None:
    found = keys_found("learning rate")
    assert found[0] == "training.learning_rate"
    assert "training.schedule" in found


def test_what_is_not_here_is_said_with_what_to_take_instead() -> None:
    other, found = search(FIELDS, "weight decay")
    assert (other and other.ours.startswith(NOTHING), found) == (True, [])
    assert "nothing is in its place here: Adam without weight decay" in answer("training.weight_decay")


def test_a_toolkits_name_is_of_its_own_systems_alone() -> None:
    widths = {field.system for field in FIELDS if "num_D" in names_elsewhere(field)}
    assert widths == {"pix2pixhd", "spade"}
    other, found = search(FIELDS, "lambda_L1")
    assert other is not None
    assert other.ours == "`options.l1`"
    assert [(field.system, field.key) for field in found] == [("pix2pix", "options.l1")]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("lambda_L1", "here it is `options.l1`"),
        ("options.lambda_L1", "here it is `options.l1`"),
        ("--batch-size", "here it is training.batch_size"),
        ("seed", "here it is training.seed"),
        ("training.lr", "`training.learning_rate`"),
        ("ema", "training.average"),
        ("options.cycle", "other systems have it: `diptych options options.cycle`"),
        ("serial_batches", "nothing is in its place here: the order is shuffled"),
        ("display_port", "there is no visdom"),
        ("curriculum", ""),
    ],
)
def test_what_is_said_of_a_name_that_is_none_here(key: str, words: str) -> None:
    said = answer(key)
    assert (words in said) if words else said == ""


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("lambda_L1=10", '"lambda_L1" is not known; here it is `options.l1`.'),
        ("options.lambda_L1=10", '"options.lambda_L1" is not known; here it is `options.l1`.'),
        ("training.n_epochs=100", "the sum of n_epochs and n_epochs_decay"),
        ("training.epoch=100", '(did you mean "epochs"?)'),
        ("data.batch_size=4", "here it is training.batch_size"),
        ("options.adversary=lsgan", "is 'lsgan' (here it is least-squares); choose from"),
        ("data.direction=BtoA", "(here it is b-to-a)"),
        ("data.target.colour=grayscale", "(here it is grey)"),
        ("training.precision=fp16", "(here it is bfloat16; there is no float16)"),
        ("training.best=fid", 'no metric is called "fid" here: "frechet"'),
        ('training.metrics=["kid"]', 'no metric is called "kid" here: "kernel"'),
        ("training.learning_rate.generatr=1", '(did you mean "generator"?)'),
    ],
)
def test_an_override_by_another_toolkits_name_gets_ours(override: str, message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        read("pix2pix", [override])
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(FIELDS), "docs/options.md is out of date: run `make options`"
