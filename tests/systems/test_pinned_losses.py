"""The first losses of every variant are those in pinned_losses.json, which only changes on purpose."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from variants import VARIANTS, after_steps, minimised

PINS = Path(__file__).with_name("pinned_losses.json")
RENEW = "python -m pytest tests/systems/test_pinned_losses.py --renew-pins"
Losses = list[dict[str, float]]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """A team of threads adds in another order, and Adam's first steps make much of a last digit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def read() -> dict[str, Losses]:
    return dict(json.loads(PINS.read_text(encoding="utf-8"))) if PINS.is_file() else {}


def name_of(system: str, words: list[str]) -> str:
    return " ".join([system, *words])


def first_losses(system: str, words: list[str]) -> Losses:
    """Of each of three steps the terms that are minimised, by their names in the log."""
    _, logged = after_steps(system, words)
    return [minimised(entry) for entry in logged]


def problems(pinned: Losses, found: Losses, tolerance: float) -> list[str]:
    """The differences, in sentences."""
    if [list(one) for one in pinned] != [list(one) for one in found]:
        return [f"terms {[list(one) for one in found]}, pinned {[list(one) for one in pinned]}"]
    return [
        f"step {step}, {name}: {found[step][name]:.8g}, pinned {value:.8g}"
        for step, entry in enumerate(pinned)
        for name, value in entry.items()
        if found[step][name] != pytest.approx(value, rel=tolerance, abs=1e-5)
    ]


@pytest.mark.parametrize(("system", "words"), VARIANTS, ids=str)
def test_first_losses_are_the_pinned_ones(system: str, words: list[str], request: pytest.FixtureRequest) -> None:
    name, found, pins = name_of(system, words), first_losses(system, words), read()
    if request.config.getoption("--renew-pins"):
        known = {name_of(*variant) for variant in VARIANTS}
        kept = {key: value for key, value in (pins | {name: found}).items() if key in known}
        PINS.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n", encoding="utf-8")
        return
    if name not in pins:
        pytest.fail(f'"{name}" of tests/variants.py has no pinned losses; pin them with: {RENEW}')
    pinned, tolerance = pins[name], 1e-4
    if (
        "training.precision=bfloat16" in words
    ):  # whose products processors round differently, and the second step is another's
        pinned, found, tolerance = pinned[:1], found[:1], 2e-2
    differ = problems(pinned, found, tolerance)
    if differ:
        pytest.fail(f"{'; '.join(differ[:3])}. If that is meant, say why in the commit, and renew with: {RENEW}")


def test_nothing_is_pinned_that_is_no_variant() -> None:
    assert read().keys() <= {name_of(*variant) for variant in VARIANTS}, f"renew with: {RENEW}"


def test_differences_are_told_and_rounding_is_not() -> None:
    pinned = [{"generator.l1": 1.0}, {"generator.l1": 2.0}]
    assert problems(pinned, [{"generator.l1": 1.00005}, {"generator.l1": 2.0}], 1e-4) == []
    assert problems(pinned, [{"generator.l1": 1.0}, {"generator.l1": 2.001}], 1e-4) == [
        "step 1, generator.l1: 2.001, pinned 2"
    ]
    assert len(problems(pinned, [{"generator.l1": 1.0}, {}], 1e-4)) == 1
