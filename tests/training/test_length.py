"""Another length: the place in the schedule is kept, and where the steps made would have had other rates it is said."""

from dataclasses import replace
from typing import Any

import pytest

from diptych.errors import UsageError
from diptych.recipe import TrainingSettings
from diptych.training.length import another_length

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
