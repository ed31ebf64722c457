from typing import Any

import pytest

from diptych.recipe import TrainingSettings
from diptych.training.schedule import by_epoch, factor

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
