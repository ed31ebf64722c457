"""What is wrong in users' own code is said in one sentence, which names what failed and where; never in torch's words alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from toys import run_to_end, tiny_recipe

import diptych
from diptych import DiptychError, UsageError, register
from diptych.data import DataSettings
from diptych.data.entries import Entry
from diptych.data.layouts import discover
from diptych.evaluation.evaluate import evaluate
from diptych.evaluation.metrics import Example
from diptych.evaluation.requirements import Resources
from diptych.evaluation.set_metrics import SetMetric
from diptych.networks import NetworkSpec
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe
from diptych.systems import Domains, Losses, System
from diptych.systems.system import SystemOptions

pytestmark = pytest.mark.usefixtures("own_code")


def picture() -> Example:
    return Example("one", torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize(
    ("made", "words"),
    [("bright", "ValueError: could not convert"), (torch.zeros(3), "RuntimeError|ValueError"), (None, "TypeError")],
)
def test_a_metric_that_gives_no_number(made: Any, words: str) -> None:
    register.metric("bright", better="higher", paired=False)(lambda example: made)
    with pytest.raises(DiptychError, match=rf'^the metric "bright" failed: ({words}).*correct it\.$'):
        evaluate([picture()], ["bright"], Resources(paired=False))


def test_the_line_of_the_failure_is_named() -> None:
    @register.metric("broken", better="higher", paired=False)
    def broken(example: Any) -> Any:
        return example.nothing

    with pytest.raises(DiptychError, match=r"has no attribute 'nothing' \(test_users_code\.py, line 4\d\)") as caught:
        evaluate([picture()], ["broken"], Resources(paired=False))
    assert isinstance(caught.value.__cause__, AttributeError)


def test_a_set_metric_without_its_methods() -> None:
    with pytest.raises(UsageError, match="takes a SetMetric that has add, scores"):
        register.metric("whole", better="higher")(type("Whole", (SetMetric,), {}))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (lambda folder: [][1], r'the layout "mine" of .* failed: IndexError'),
        (lambda folder: {"train": [Entry("a", folder / "a.png")]}, "is no Entry"),
        (lambda folder: {"train": []}, "gives no example"),
    ],
)
def test_layouts(found: Any, words: str, tmp_path: Path) -> None:
    register.layout("mine")(found)
    with pytest.raises(DiptychError, match=words):
        discover(DataSettings(folder=str(tmp_path), layout="mine"))


@dataclass(frozen=True)
class OwnOptions(SystemOptions):
    fault: str = ""  # what is wrong


class Own(System):
    """A generator alone, with one fault or none."""

    Options = OwnOptions

    def __init__(self, options: OwnOptions, domains: Domains) -> None:
        super().__init__(options, domains)
        self.fault = options.fault
        spec = NetworkSpec("unet", {**domains.network_arguments(), "width": 4, "depth": 2})
        self.generator = spec.build()
        if self.fault != "spec":
            self.spec = spec
        if self.fault != "sides":
            self.sides = ("critic",) if self.fault == "side" else ("generator",)

    def losses(self, batch: Batch, step: int) -> Iterator[Losses]:
        fake = self.generator(batch.source)
        term: Any = (fake - batch.target).abs().mean()
        term = {"vector": fake.mean((1, 2, 3))[:, None], "float": 0.5, "detached": term.detach()}.get(self.fault, term)
        yield Losses("painter" if self.fault == "painter" else "generator", {"distance": term})


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("sides", r'the system "own" failed: AttributeError: .*sides'),
        ("spec", r'the system "own" failed: AttributeError: .*spec'),
        ("side", r'the system "own" failed: AttributeError: .*critic'),
        ("painter", 'own yields losses of "painter", which is not among its sides'),
        (
            "vector",
            r"the term distance of generator must be a scalar tensor, such as a mean, and is of shape \(\d, 1\)",
        ),
        ("float", "the term distance of generator must be a scalar tensor, such as a mean, and is float"),
        ("detached", "no term of generator depends on its weights"),
    ],
)
def test_systems(fault: str, words: str, toy_pairs: Path, tmp_path: Path) -> None:
    register.system("own")(Own)
    plain = tiny_recipe("pix2pix", toy_pairs).to_table()
    recipe = Recipe.from_table(plain | {"system": "own", "options": {"fault": fault}})
    with pytest.raises(DiptychError, match=words):
        run_to_end(recipe, tmp_path / "run")


def test_a_term_of_other_arguments(toy_pairs: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe("pix2pix", toy_pairs)
    terms: Any = {"dark": (1.0, lambda fake: fake.mean())}
    with pytest.raises(DiptychError, match=r"the term dark failed: TypeError: .*takes 1 positional argument"):
        diptych.train(recipe, tmp_path / "run", check=False, terms=terms)


def test_callbacks_that_would_never_be_called(toy_pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Watcher\.on_stepp is never called \(did you mean \"on_step\"\?\)"):
        type("Watcher", (diptych.Callback,), {"on_stepp": lambda self: None})
    alone: Any = diptych.Callback()
    with pytest.raises(UsageError, match=r"callbacks takes a list; write callbacks=\[\.\.\.\]"):
        diptych.train(tiny_recipe("pix2pix", toy_pairs), tmp_path / "run", callbacks=alone)
