"""Extra loss terms: what they are given, and what they do to an update."""

from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
import torch
from building import build, domains_of, fitting_batch
from torch import Tensor
from toys import assert_equal, tiny_recipe
from variants import ALONE

from diptych.errors import UsageError
from diptych.losses import l1
from diptych.pictures.kinds import Batch
from diptych.systems import SYSTEMS, Losses
from diptych.training.setup.estimate import noise
from diptych.training.terms import TermFunction, checked_terms
from diptych.training.trainer import Entry, Trainer


def distance(source: Tensor, target: Tensor, fake: Tensor) -> Tensor:
    return l1(fake, target)


def bright(source: Tensor, target: Tensor, fake: Tensor) -> Tensor:
    return fake.square().mean()


def trainer_of(system: str, *words: str, **terms: tuple[float, TermFunction]) -> Trainer:
    return Trainer(tiny_recipe(system, Path("unused"), *words), ALONE, pictures=12, terms=checked_terms(terms))


def made(trainer: Trainer, steps: int = 1) -> list[Entry]:
    torch.manual_seed(0)
    batch = noise(trainer.recipe)
    return [trainer.advance(repeat(batch), step, faults=0) for step in range(steps)]


def test_half_of_l1_as_a_term_is_bitwise_the_whole_of_it() -> None:
    """Halves of a power of two add up exactly where nothing else is minimised."""
    whole = trainer_of("pix2pix", 'options.objective="l1"', "options.l1=64")
    halves = trainer_of("pix2pix", 'options.objective="l1"', "options.l1=32", more=(32.0, distance))
    for entry, other in zip(made(whole, 4), made(halves, 4), strict=True):
        assert other["generator.more"] == other["generator.l1"] == entry["generator.l1"] / 2
    assert_equal(whole.state.tensors(), halves.state.tensors())


@pytest.mark.parametrize("words", [(), ("training.accumulate=2",), ("training.checkpointing=blocks",)])
def test_a_term_beside_an_adversary_is_a_larger_weight(words: tuple[str, ...]) -> None:
    """Compared through Adam's first moments, half of the gradient."""
    whole = trainer_of("pix2pix", "options.l1=100", *words)
    parts = trainer_of("pix2pix", "options.l1=30", *words, more=(70.0, distance))
    made(whole), made(parts)
    first, second = whole.state.sides["generator"].state(), parts.state.sides["generator"].state()
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        if "exp_avg" in name and "sq" not in name:
            torch.testing.assert_close(second[name], tensor, rtol=1e-3, atol=1e-3 * float(tensor.abs().max()) + 1e-7)


def test_recomputed_blocks_change_nothing() -> None:
    plain, sparing = (
        trainer_of("pix2pix", f"training.checkpointing={how}", more=(3.0, bright)) for how in ("none", "blocks")
    )
    made(plain, 2), made(sparing, 2)
    assert_equal(plain.state.tensors(), sparing.state.tensors())


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_carries_its_pictures_to_the_term(system: str) -> None:
    """By hand: the term's value is that of the generator's own output before the update."""
    seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def looks(source: Tensor, target: Tensor, fake: Tensor) -> Tensor:
        seen.append((source, target, fake.detach()))
        return fake.square().mean()

    trainer = trainer_of(system, "training.precision=bfloat16", looks=(0.5, looks))
    (entry,) = made(trainer)
    ways = list(trainer.state.system.translators())
    names = ["generator.looks"] if len(ways) == 1 else ["generator.looks_a_to_b", "generator.looks_b_to_a"]
    assert [name for name in entry if ".looks" in name] == names
    torch.manual_seed(0)
    given = Batch(*(part[: len(part) // trainer.state.system.batch_multiple] for part in noise(trainer.recipe)))
    for name, (source, target, fake), (first, second) in zip(
        names, seen, [given, (given.target, given.source)], strict=False
    ):
        assert torch.equal(source, first)
        assert torch.equal(target, second)
        assert fake.dtype == torch.float32
        assert fake.shape == target.shape
        assert entry[name] == pytest.approx(0.5 * fake.square().mean().item(), rel=1e-5)


@pytest.mark.parametrize("system", [name for name in SYSTEMS if name != "bicyclegan"])  # in an encoded style, see there
def test_pictures_are_the_translators_output(system: str) -> None:
    domains = domains_of(system)
    options: dict[str, Any] = {"dropout": ()} if system == "pix2pix" else {}
    made, batch = build(system, domains=domains, **options).eval(), fitting_batch(domains)
    with torch.no_grad():
        torch.manual_seed(1)
        carried = [losses for losses in gradient_free(made, batch) if losses.pictures]
        for way, exit in made.translators().items():
            source = batch.target if exit.reverse else batch.source
            torch.manual_seed(1)
            output = made.get_submodule(exit.module)(source)
            assert torch.equal(carried[0].pictures[way].fake, output)
    assert {losses.trains.partition(".")[0] for losses in carried} == {"generator"}


def gradient_free(system: Any, batch: Batch) -> list[Any]:
    with torch.enable_grad():
        return list(system.losses(batch, 0))


def test_each_side_of_the_four_step_order_has_its_own_way() -> None:
    trainer = trainer_of("cyclegan", 'options.order="four-step"', bright=(1.0, bright))
    (entry,) = made(trainer)
    assert [name for name in entry if "bright" in name] == ["generator.a_to_b.bright", "generator.b_to_a.bright"]


@pytest.mark.parametrize(
    ("name", "function", "words"),
    [
        ("l1", bright, "a l1 of its own"),
        ("gradient", bright, "a gradient of its own"),
        ("mine", lambda source, target, fake: fake.mean().item(), "gives float"),
        ("mine", lambda source, target, fake: fake.mean((1, 2, 3)), r"gives \(1,\) of torch.float32"),
        ("mine", lambda source, target, fake: (fake > 0).sum(), r"gives \(\) of torch.int64"),
        ("mine", lambda source, target, fake: source.mean(), "does not depend on the fake"),
        ("mine", lambda source, target, fake: fake.detach().mean(), "does not depend on the fake"),
    ],
)
def test_what_is_no_term_is_refused(name: str, function: Any, words: str) -> None:
    trainer = trainer_of("pix2pix", **{name: (1.0, function)})
    with pytest.raises(UsageError, match=words):
        made(trainer)


def test_a_system_without_pictures_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of("pix2pix", mine=(1.0, bright))
    plain = trainer.state.system.losses

    def bare(batch: Batch, step: int) -> Iterator[Losses]:
        for losses in plain(batch, step):
            yield losses._replace(pictures={})

    monkeypatch.setattr(trainer.state.system, "losses", bare)
    with pytest.raises(UsageError, match=r"update of generator carries none; give its Losses pictures="):
        made(trainer)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"a.b": (1.0, bright)}, "called 'a.b'"),
        ({"": (1.0, bright)}, "called ''"),
        ({"mine": bright}, r"give \(weight, function\)"),
        ({"mine": (bright, 1.0)}, r"give \(weight, function\)"),
        ({"mine": (True, bright)}, r"give \(weight, function\)"),
        ({"mine": (float("nan"), bright)}, r"give \(weight, function\)"),
    ],
)
def test_what_terms_may_be(given: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        checked_terms(given)
