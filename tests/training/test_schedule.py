import math
from dataclasses import replace
from typing import Any

import pytest

from diptych.errors import UsageError
from diptych.recipe import TrainingSettings
from diptych.training.schedule import another_length, by_epoch, factor

WITH_HOLD: tuple[Any, ...] = ("linear", "cosine")


@pytest.mark.parametrize(
    ("variant", "values"),
    [  # SYSTEMS 0.4, with 100 held and 100 falling epochs
        ("linear-pytorch", {1: 1, 99: 1, 100: 0.990099, 101: 0.980198, 199: 0.009901, 200: 0}),
        ("linear-pytorch-old", {1: 1, 100: 1, 101: 0.990099, 200: 0.009901}),
        ("linear-torch", {1: 1, 101: 1, 102: 0.99, 200: 0.01}),
    ],
)
def test_linear_variants_of_the_public_codes(variant: str, values: dict[int, float]) -> None:
    for epoch, value in values.items():
        assert by_epoch(variant, epoch, held=100, falling=100) == pytest.approx(value, abs=1e-6)


def test_what_is_held_to_the_end_never_falls() -> None:
    for schedule in WITH_HOLD:
        settings = TrainingSettings(steps=200, schedule=schedule, hold=1.0)
        assert [factor(settings, step, 200, 7) for step in (0, 1, 199)] == [1, 1, 1]
    assert [by_epoch("linear-torch", epoch, held=3, falling=0) for epoch in (1, 3, 4)] == [1, 1, 1]
    assert [by_epoch("linear-torch", epoch, held=1, falling=1) for epoch in (1, 2, 3)] == [1, 1, 0]


def test_a_share_of_an_epoch_counts_as_one() -> None:
    """15 steps of 7 are three epochs, of which two are held (1.5, to the even one) and one falls."""
    settings = TrainingSettings(steps=15, schedule="linear-pytorch-old")
    assert [factor(settings, step, 15, 7) for step in (0, 6, 7, 13, 14)] == [1, 1, 1, 1, 0.5]


@pytest.mark.parametrize("variant", ["linear-pytorch", "linear-pytorch-old", "linear-torch"])
def test_epochs_are_counted_in_steps(variant: Any) -> None:
    settings = TrainingSettings(epochs=200, schedule=variant)
    for epoch in (1, 100, 101, 200):
        first, last = (epoch - 1) * 7, epoch * 7 - 1
        expected = by_epoch(variant, epoch, 100, 100)
        assert factor(settings, first, 1400, 7) == factor(settings, last, 1400, 7) == expected


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        ("constant", {0: 1, 99: 1}),
        ("linear", {0: 1, 50: 1, 75: 0.5, 99: 0.02}),
        ("cosine", {0: 1, 49: 1, 50: 1, 75: 0.5}),
        ("step", {0: 1, 24: 1, 25: 0.1, 50: 0.01, 99: 0.001}),
    ],
)
def test_schedules_are_functions_of_the_step(schedule: Any, values: dict[int, float]) -> None:
    settings = TrainingSettings(steps=100, schedule=schedule)
    for step, value in values.items():
        assert factor(settings, step, 100, 10) == pytest.approx(value)


def by_hand(settings: TrainingSettings, step: int, steps: int) -> float:
    """The formulas once more, from the middle of nowhere: s is the share of the run that is over, h what is held."""
    s, h = step / steps, settings.hold
    if settings.schedule == "linear":
        return 1.0 if s <= h else (1 - s) / (1 - h)
    if settings.schedule == "cosine":
        return 1.0 if s <= h else (1 + math.cos(math.pi * (s - h) / (1 - h))) / 2
    value = 1.0
    for drop in range(1, 100):
        value *= settings.step_factor if step >= drop * settings.step_every * steps - 1e-9 else 1.0
    return value


@pytest.mark.parametrize(
    "settings",
    [
        TrainingSettings(steps=200, schedule="linear", hold=0.0),
        TrainingSettings(steps=200, schedule="linear", hold=0.3),
        TrainingSettings(steps=200, schedule="cosine", hold=0.0),
        TrainingSettings(steps=200, schedule="cosine", hold=0.7),
        TrainingSettings(steps=200, schedule="step", step_every=0.125, step_factor=0.5),
    ],
    ids=lambda settings: f"{settings.schedule} {settings.hold}",
)
def test_every_step_of_a_schedule_against_its_formula(settings: TrainingSettings) -> None:
    found = [factor(settings, step, 200, 10) for step in range(200)]
    assert found == pytest.approx([by_hand(settings, step, 200) for step in range(200)])


@pytest.mark.parametrize(
    ("variant", "subtracted"),
    [  # after how many epochs, of ten held and forty falling, the rate is so many shares of itself lower
        ("linear-pytorch", [max(0, epoch - 9) / 41 for epoch in range(1, 51)]),
        ("linear-pytorch-old", [max(0, epoch - 10) / 41 for epoch in range(1, 51)]),
        ("linear-torch", [max(0, epoch - 11) / 40 for epoch in range(1, 51)]),
    ],
)
def test_epochs_that_are_held(variant: Any, subtracted: list[float]) -> None:
    settings = TrainingSettings(epochs=50, schedule=variant, hold=0.2)
    found = [factor(settings, 3 * epoch, 150, 3) for epoch in range(50)]
    assert found == pytest.approx([1 - part for part in subtracted])


PER_EPOCH = 10


def said(before: TrainingSettings, step: int, **now: Any) -> str:
    return another_length(before, replace(before, **now), step, PER_EPOCH)


def test_the_same_length_is_not_worth_a_word() -> None:
    assert said(TrainingSettings(steps=100), 50, stop_after=3) == ""
    assert said(TrainingSettings(steps=100), 50, steps=0, epochs=10) == ""


@pytest.mark.parametrize(
    ("schedule", "step", "same"),
    [("constant", 100, True), ("linear", 50, True), ("linear", 51, True), ("linear", 52, False), ("cosine", 60, False)],
)
def test_rates_of_the_steps_made(schedule: str, step: int, same: bool) -> None:
    """linear: step 50 is the last of 100 with the whole rate, whether or not the run is of 200."""
    words = said(TrainingSettings(steps=100, schedule=schedule), step, steps=200)  # type: ignore[arg-type]  # as given
    assert words.startswith("The run had 100 steps and has 200 now")
    assert ("had the rates of a run of that length" in words) == same


def test_the_new_schedule_is_told_in_numbers() -> None:
    words = said(TrainingSettings(steps=100, schedule="linear"), 75, steps=150)
    # (1 - 74 / 100) / 0.5 = 0.52, and step 75 of 150 is the last of the first half
    assert "The last step had 0.52 of the full rate, the next has 1;" in words


def test_shorter_but_not_shorter_than_made() -> None:
    assert said(TrainingSettings(steps=100), 50, steps=50).startswith("The run had 100 steps and has 50 now")
    with pytest.raises(UsageError, match="stands at step 51"):
        said(TrainingSettings(steps=100), 51, steps=50)


def test_what_changes_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match=r"training\.epochs=10 ends the run at step 100; set training\.epochs=0 too"):
        said(TrainingSettings(epochs=10), 50, steps=300)
    with pytest.raises(UsageError, match=r"training\.steps=100 ends the run at step 100; set training\.steps=0 too"):
        said(TrainingSettings(steps=100), 50, epochs=20)
