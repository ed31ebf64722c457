"""CUT and FastCUT: a step written by hand, the worked examples of PatchNCE, who learns from what."""

import math
from typing import Any

import pytest
import torch
from building import apply, batch_of, build
from by_hand import ADVERSARIES, Adams, assert_step_by_hand, called_real, descend, real_and_fake
from torch import Tensor, nn
from variants import FASTCUT

from diptych.errors import UsageError
from diptych.losses import patch_nce
from diptych.pictures.kinds import Batch, Kind
from diptych.recipe import Recipe, read
from diptych.systems import CUT, Domains, System
from diptych.systems.cut import CUTOptions
from diptych.training.schedule import factor


def encoded(network: nn.Module, pictures: Tensor) -> list[Tensor]:
    """The maps at the authors' indices, of two blocks."""
    found, maps = [], pictures
    layers = [layer for stage in network.get_submodule("stages").children() for layer in stage.children()]
    for index, layer in enumerate(layers):
        maps = layer(maps)
        if index in (0, 4, 8, 12, 13):
            found.append(maps)
    return found


def contrasted(
    network: nn.Module, heads: nn.Module, x: Tensor, made: Tensor, back: bool, options: CUTOptions
) -> Tensor:
    """By the formula, picture by picture; ``back`` mirrors the features of what was made."""
    total = []
    keys, queries = encoded(network, x), encoded(network, made)
    for head, key, query in zip(heads.get_submodule("heads").children(), keys, queries, strict=True):
        query = query.flip(3) if back else query
        width = key.shape[3]
        places = torch.randperm(key.shape[2] * width)[: options.patches].tolist()
        for picture in range(len(x)):
            q, k = (
                head(torch.stack([maps[picture, :, at // width, at % width] for at in places])) for maps in (query, key)
            )
            q, k = (v / (v.norm(dim=1, keepdim=True) + 1e-7) for v in (q, k.detach()))
            scores = torch.exp(q @ k.T / options.temperature)
            total.append(-torch.log(scores.diag() / scores.sum(1)).mean() / len(x))
    return torch.stack(total).sum() / 5


def objective(system: CUT, batch: Batch, options: CUTOptions, passed: tuple[Tensor, bool]) -> dict[str, Tensor]:
    """What G and F minimise, given what G made of the sources, of the targets too where there is an identity term."""
    (x, y), (made, back) = batch, passed
    g, f = system.generator["a_to_b"], system.generator["heads"]
    terms = {"adversarial": called_real(options.adversary, system.discriminator(made[: len(x)]))}
    share = options.nce / 2 if options.nce_identity else options.nce
    terms["nce"] = share * contrasted(g, f, x, made[: len(x)], back, options)
    if options.nce_identity:
        terms["nce_identity"] = share * contrasted(g, f, y, made[len(x) :], back, options)
    return terms


def passed_once(system: CUT, batch: Batch, options: CUTOptions) -> tuple[Tensor, bool]:
    """What G makes, and whether it was shown mirrored pictures."""
    back = options.flip and bool(torch.rand(()) < 0.5)
    shown = torch.cat([batch.source, batch.target]) if options.nce_identity else batch.source
    return system.generator["a_to_b"](shown.flip(3) if back else shown), back


def step_by_hand(system: System, adams: Adams, batch: Batch, step: int, recipe: Recipe) -> dict[str, Tensor]:
    """The authors' order: one pass of G, D on its fake, then G and F from the same pass and the new D."""
    assert isinstance(system, CUT)
    options, d = recipe.options, system.discriminator
    passed = passed_once(system, batch, options)
    fake = passed[0][: len(batch.source)].detach()
    terms = {"discriminator.adversarial": real_and_fake(options.adversary, d(batch.target), d(fake)) / 2}
    descend(adams["discriminator"], terms)
    others = {f"generator.{name}": term for name, term in objective(system, batch, options, passed).items()}
    descend(adams["generator"], others)
    return terms | others


@pytest.mark.parametrize(
    "words",
    [
        *[[f"options.adversary={adversary}"] for adversary in ADVERSARIES],
        ["options.nce=2", "options.temperature=0.2", "options.patches=7", "training.batch_size=2"],
        [*FASTCUT, "training.batch_size=2"],
        ["options.flip=true"],
    ],
    ids=str,
)
def test_a_step_by_hand(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One step: it moves weights of 5e-4 about as far as they are large, so the next rounds otherwise."""
    assert_step_by_hand("cut", words, step_by_hand, monkeypatch, 1)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("options", [{}, {"flip": True}, {"nce": 10.0, "nce_identity": False, "flip": True}], ids=str)
def test_gradients_by_hand(options: dict[str, Any], seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In double precision, where rounding is far below; with seed 0 the pass is mirrored where that may be."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    system, batch = build("cut", **options).double(), Batch(*(side.double() for side in batch_of(seed=seed)))
    assert isinstance(system, CUT)
    generator = dict(system.generator.named_parameters())
    torch.manual_seed(seed)
    *_, losses = system.losses(batch, 0)
    sum(losses.terms.values(), torch.zeros(())).backward(inputs=list(generator.values()))
    found = {name: parameter.grad for name, parameter in generator.items()}
    system.zero_grad()
    torch.manual_seed(seed)
    passed = passed_once(system, batch, system.options)
    assert passed[1] == (seed == 0 and "flip" in options)
    sum(objective(system, batch, system.options, passed).values(), torch.zeros(())).backward()
    for name, parameter in generator.items():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-8, atol=1e-10)


def test_the_worked_examples_of_patch_nce() -> None:
    """SYSTEMS-2 1f."""
    equal = torch.ones(1, 256, 4) / 2
    assert patch_nce(equal, equal, 0.07).item() == pytest.approx(math.log(256), abs=1e-5)
    apart = torch.eye(256)[None]
    assert patch_nce(apart, apart, 0.07).item() == pytest.approx(1.59e-4, rel=5e-3)
    q = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]])
    k = torch.tensor([[[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]])
    assert patch_nce(q, k, 0.07).item() == pytest.approx(2.720427, abs=1e-5)
    scores = torch.exp(q[0] @ k[0].T / 0.07)
    each = -torch.log(scores.diag() / scores.sum(1))
    assert each.tolist() == pytest.approx([0.0558, 5.7176, 2.3879], abs=1e-4)
    two = patch_nce(torch.cat([q, apart[:, :3, :2]]), torch.cat([k, k]), 0.07)
    alone = [patch_nce(one, k, 0.07) for one in (q, apart[:, :3, :2])]
    assert two.item() == pytest.approx(sum(map(float, alone)) / 2, rel=1e-6)  # negatives are of the same picture


def test_patch_nce_is_float32_and_teaches_nothing_through_its_keys() -> None:
    q, k = (torch.randn(2, 5, 3, requires_grad=True) for _ in range(2))
    with torch.autocast("cpu", torch.bfloat16):
        found = patch_nce(q.bfloat16(), k.bfloat16(), 0.07)
    assert found.dtype == torch.float32
    found.backward()
    assert q.grad is not None
    assert k.grad is None


def test_the_two_terms_share_the_weight() -> None:
    """Of equal terms CUT has half a lambda each, FastCUT's one has all of it."""
    found = {}
    for identity in (True, False):
        system = build("cut", nce=4.0, nce_identity=identity)
        *_, losses = system.losses(batch_of(count=1), 0)
        found[identity] = losses.terms
    assert list(found[True]) == ["adversarial", "nce", "nce_identity"]
    assert list(found[False]) == ["adversarial", "nce"]
    assert found[True]["nce"].item() == pytest.approx(found[False]["nce"].item() / 2, rel=1e-6)


def test_the_discriminator_s_update_leaves_generator_and_heads_alone() -> None:
    system = build("cut")
    updates = system.losses(batch_of(), 0)
    losses = next(updates)
    assert losses.trains == "discriminator"
    sum(losses.terms.values(), torch.zeros(())).backward(
        inputs=list(system.get_submodule("discriminator").parameters())
    )
    assert all(parameter.grad is None for parameter in system.get_submodule("generator").parameters())


def test_autocast_keeps_every_gradient() -> None:
    """A pass without gradient must not be the first to cast the weights."""
    system = build("cut", flip=True)
    with torch.autocast("cpu", torch.bfloat16):
        *_, losses = system.losses(batch_of(), 0)
    parameters = dict(system.get_submodule("generator").named_parameters())
    losses.terms["nce"].backward()
    left = {name for name, parameter in parameters.items() if parameter.grad is None}
    assert left == set()


def test_mirrored_passes_come_every_other_time() -> None:
    """Seen by the generator's input, over many draws."""
    system, batch, seen = build("cut", flip=True, nce_identity=False), batch_of(count=1), []
    network = system.get_submodule("generator.a_to_b.stages.0")
    network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    torch.manual_seed(0)
    for _ in range(40):
        next(system.losses(batch, 0))
    turned = [torch.equal(one, batch.source.flip(3)) for one in seen]
    assert all(torch.equal(one, batch.source) for one, mirrored in zip(seen, turned, strict=True) if not mirrored)
    assert 10 < sum(turned) < 30


def test_initial_weights_and_the_order_of_sides() -> None:
    system = build("cut", width=64, blocks=1)
    weight = system.get_submodule("generator.a_to_b.stages.1.0").get_parameter("weight")
    assert weight.std().item() == pytest.approx(4.94e-4, rel=0.03)
    assert apply(system, batch_of(count=1)) == ["discriminator", "generator"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Kind(colour="labels", classes=4), "CUT needs plain pictures, and the source here is labels"),
        (Kind(colour="holed"), "CUT needs plain pictures"),
        (Kind(colour="grey"), "need as many channels, and here they are 1 and 3"),
    ],
)
def test_refused_domains(source: Kind, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        CUT(CUTOptions(), Domains(source, Kind(), (16, 16)))


def test_refused_sizes_and_temperature() -> None:
    with pytest.raises(UsageError, match="divisible by 4"):
        build("cut", domains=Domains(Kind(), Kind(), (18, 18)))
    with pytest.raises(UsageError, match="of 24 pixels or more"):
        build("cut", domains=Domains(Kind(), Kind(), (16, 16)), discriminator_layers=3)
    with pytest.raises(UsageError, match=r"options\.temperature is 0"):
        CUTOptions(temperature=0)


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels(channels: int) -> None:
    system = build("cut", channels=(channels, channels))
    assert len(list(system.losses(batch_of(channels=(channels, channels)), 0))) == 2


def test_published_settings() -> None:
    """SYSTEMS-2 1b and 1c."""
    cut, fast = read("cut"), read("cut", profile="fastcut")
    assert (cut.options, cut.training.epochs, cut.training.batch_size) == (CUTOptions(), 400, 1)
    assert (fast.options.nce, fast.options.nce_identity, fast.options.flip) == (10, False, True)
    rates = [factor(cut.training, epoch - 1, 400, 1) for epoch in (200, 201, 400)]
    assert rates == pytest.approx([1, 0.995025, 0.004975], abs=1e-6)
    rates = [factor(fast.training, epoch - 1, 200, 1) for epoch in (150, 151, 200)]
    assert rates == pytest.approx([1, 0.980392, 0.019608], abs=1e-6)
    for recipe in (cut, fast):
        assert (recipe.data.load_size, recipe.data.crop_size, recipe.data.mirror) == (286, 256, True)
        assert set(recipe.training.learning_rate.values()) == {2e-4}
        assert (recipe.training.beta1, recipe.training.beta2) == (0.5, 0.999)
    assert read("cut-facades", profile="fastcut-small").options.nce == 10
