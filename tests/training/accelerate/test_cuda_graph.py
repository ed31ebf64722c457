"""A step that is recorded and played again is the plain step, to the last bit, for every system.

There is no GPU here, so a recorder stands for a CUDA graph: it notes each operation with its tensors and repeats them on the same
memory. What Python would have done otherwise the second time (a branch, a number, a tensor made elsewhere) shows as a difference.
"""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from building import domains_of, fitting_batch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from toys import SMALL, assert_equal, tiny_recipe
from variants import ALONE, VARIANTS

from diptych.data import open_dataset, stream
from diptych.pictures.kinds import Batch
from diptych.systems import SYSTEMS
from diptych.training.accelerate.cuda_graph import WARM_UP, Captured, NotRecorded
from diptych.training.loop import prepare
from diptych.training.setup.estimate import noise
from diptych.training.step import Scalars
from diptych.training.terms import checked_terms
from diptych.training.trainer import Trainer

MORE: list[tuple[str, list[str]]] = [
    ("srgan", [f"options.pretrain_steps={WARM_UP + 2}"]),
    ("pix2pix", ["training.clip_gradient=0.5", "training.schedule=linear", "training.average=0.99"]),
    ("inpainting", ["training.precision=bfloat16"]),
]


def storages(tensors: Any) -> set[int]:
    return {t.untyped_storage()._cdata for t in tree_leaves(tensors) if isinstance(t, Tensor)}


class Tape(TorchDispatchMode):
    """Notes operations; ``play`` repeats them, with their results in the memory where they were the first time."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it so
        self.played: list[Callable[[], None]] = []

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        assert operation is not torch.ops.aten._local_scalar_dense.default, "a step asked for a value"
        found = operation(*args, **given)
        inside = storages((args, given))
        fresh = [t for t in tree_leaves(found) if isinstance(t, Tensor) and not storages(t) & inside]

        def again() -> None:
            results = [t for t in tree_leaves(operation(*args, **given)) if isinstance(t, Tensor)]
            for place, result in zip(fresh, [t for t in results if not storages(t) & inside], strict=True):
                place.copy_(result)

        self.played.append(again)
        return found

    def play(self) -> None:
        with torch.no_grad():
            for again in self.played:
                again()


def record(function: Callable[[], Scalars]) -> tuple[Callable[[], object], Scalars]:
    """What ``Captured.record_graph`` does, without leaving a trace in the state: a graph does nothing while it is recorded."""
    tape = Tape()
    with tape:
        found = function()
    return tape.play, found


def steps(trainer: Trainer, count: int) -> list[dict[str, float]]:
    torch.manual_seed(0)
    batches = iter([noise(trainer.recipe) for _ in range(count * trainer.batches_per_step)])
    entries = [trainer.advance(batches, step, faults=0) for step in range(count)]
    return [{name: value for name, value in entry.items() if name != "waited"} for entry in entries]


class Rewound:
    """Records a step and takes the state back to what it was before, since recording is not doing."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.recordings = 0

    def __call__(self, function: Callable[[], Scalars]) -> tuple[Callable[[], object], Scalars]:
        self.recordings += 1
        sides = self.trainer.state.sides.values()
        moving = [t for side in sides for moments in side.moments.values() for t in moments]
        moving += [*self.trainer.state.system.state_dict().values(), *self.trainer.state.translating_weights().values()]
        before, drawn = [tensor.clone() for tensor in moving], torch.get_rng_state()
        played = record(function)
        with torch.no_grad():
            for tensor, value in zip(moving, before, strict=True):
                tensor.copy_(value)
        torch.set_rng_state(drawn)
        return played


@pytest.mark.parametrize(("system", "words"), [*VARIANTS, *MORE], ids=str)
def test_played_steps_are_the_plain_ones(system: str, words: list[str]) -> None:
    recipe = tiny_recipe(system, Path("unused"), *words)
    plain, graphed = Trainer(recipe, ALONE, pictures=12), Trainer(recipe, ALONE, pictures=12)
    rewound = Rewound(graphed)
    graphed.compute = captured = Captured(graphed.update, graphed.state, print, rewound)
    count = 2 * WARM_UP + 4
    assert steps(plain, count) == steps(graphed, count)
    assert_equal(plain.state.tensors(), graphed.state.tensors())
    kinds = (recipe.training.discriminator_updates > 1) + 1
    turning = any(WARM_UP < turn < count for turn in plain.state.system.phase_steps)
    assert rewound.recordings == kinds + turning
    assert len({phase for _, phase in captured.recorded}) == 1  # those of the past are given up with their memory


def test_extra_terms_are_recorded_with_the_step() -> None:
    recipe = tiny_recipe("cyclegan", Path("unused"), "training.precision=bfloat16")
    terms = checked_terms({"bright": (2.0, lambda source, target, fake: (fake - source).square().mean())})
    plain, graphed = (Trainer(recipe, ALONE, pictures=12, terms=terms) for _ in range(2))
    graphed.compute = Captured(graphed.update, graphed.state, print, Rewound(graphed))
    found = steps(plain, 2 * WARM_UP + 2)
    assert found == steps(graphed, 2 * WARM_UP + 2)
    assert found[-1]["generator.bright_b_to_a"] > 0
    assert_equal(plain.state.tensors(), graphed.state.tensors())


def test_steps_on_pictures_that_stay_on_the_device(toy_pairs: Path) -> None:
    """As a GPU takes them by default: what the graph is given are places, and the pictures are cut inside it."""
    recipe = tiny_recipe("pix2pix", toy_pairs, "data.resident=on", "training.batch_size=2")
    dataset, plain = prepare(open_dataset(recipe.data, "train", train=True), recipe, ALONE)
    _, graphed = prepare(open_dataset(recipe.data, "train", train=True), recipe, ALONE)
    graphed.to_pictures = plain.to_pictures  # of one pile, which the stream below fills
    graphed.compute = Captured(graphed.update, graphed.state, print, Rewound(graphed))
    for trainer in (plain, graphed):
        batches = stream(dataset, 2, seed=0, workers=0)
        for step in range(2 * WARM_UP + 2):
            trainer.advance(batches, step, faults=0)
    assert_equal(plain.state.tensors(), graphed.state.tensors())


def test_where_recording_fails_steps_stay_plain_and_that_is_said_once() -> None:
    recipe = tiny_recipe("pix2pix", Path("unused"), "training.discriminator_updates=2")
    plain, graphed = Trainer(recipe, ALONE, pictures=12), Trainer(recipe, ALONE, pictures=12)
    tried, said = list[int](), list[str]()
    rewound = Rewound(graphed)

    def record(function: Callable[[], Scalars]) -> tuple[Callable[[], object], Scalars]:
        tried.append(len(tried))
        if len(tried) == 1:
            return rewound(function)
        for side in graphed.state.sides.values():
            for parameter in side.trained.values():
                parameter.grad = torch.full_like(parameter, torch.nan)  # a graph's memory, which nothing has filled
        raise NotRecorded("operation not permitted when stream is capturing")

    graphed.graph, graphed.tell = True, said.append
    graphed.compute = Captured(graphed.update, graphed.state, graphed.unrecorded, record)
    assert steps(plain, 2 * WARM_UP + 2) == steps(graphed, 2 * WARM_UP + 2)
    assert_equal(plain.state.tensors(), graphed.state.tensors())
    assert len(tried) == 2  # one kind of step was recorded and given up with the other
    (sentence,) = said
    assert sentence.startswith("The step could not be recorded as a CUDA graph, so steps are launched one by one (oper")
    graphed.begin_anew()  # after a fault
    assert not isinstance(graphed.compute, Captured)


class Elsewhere(TorchDispatchMode):
    """Notes what is made on another device than the step's."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it so
        self.met: list[str] = []

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = operation(*args, **(kwargs or {}))
        if any(isinstance(t, Tensor) and t.device.type != "meta" for t in tree_leaves(found)):
            self.met.append(str(operation))
        return found


@pytest.mark.parametrize("more", [{}, {"style": 4}, {"features": 2, "encoder_width": 2}], ids=str)
@pytest.mark.parametrize("system", SYSTEMS)
def test_nothing_is_made_on_another_device(system: str, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which knows no such device
    kind, domains = SYSTEMS[system], domains_of(system)
    known = {name: value for name, value in more.items() if hasattr(kind.Options(), name)}
    model = kind(kind.Options(**{**SMALL.get(system, {}), **known}), domains).to("meta")
    batch = Batch(*(tensor.to("meta") for tensor in fitting_batch(domains)))
    with Elsewhere() as elsewhere:
        for losses in model.losses(batch, 0):
            sum(losses.terms.values()).backward(  # type: ignore[union-attr]  # never the empty sum
                inputs=[p for p in model.get_submodule(losses.trains).parameters() if p.requires_grad]
            )
    assert elsewhere.met == []
