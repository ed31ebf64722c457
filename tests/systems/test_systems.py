"""The contract that every system keeps, and what pix2pix and CycleGAN compute, against loops written out by hand."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from toys import SMALL, draw_labelled, run_to_end, tiny_recipe, weights

from diptych.errors import UsageError
from diptych.images import Batch, Kind
from diptych.systems import SYSTEMS, CycleGAN, Domains, Pix2Pix, System
from diptych.systems.cyclegan import CycleGANOptions
from diptych.systems.image_pool import ImagePool
from diptych.systems.pix2pix import Pix2PixOptions, depth_for

LABELS = Kind(colour="labels", classes=5, instances=True, unknown=255)


def batch_of(size: int = 16, count: int = 2, seed: int = 0, channels: tuple[int, int] = (3, 3)) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return Batch(*(torch.rand(count, c, size, size, generator=generator) * 2 - 1 for c in channels))


def domains_of(name: str, channels: tuple[int, int] = (3, 3)) -> Domains:
    """What each system is for, as small as it can be."""
    plain = tuple(Kind() if count == 3 else Kind(colour="channels", channels=count) for count in channels)
    source = {"inpainting": Kind(colour="holed"), "spade": LABELS, "pix2pixhd": LABELS}.get(name, plain[0])
    side = {"inpainting": 64, "spade": 64, "pix2pixhd": 32}.get(name, 16)
    target = Kind() if name == "inpainting" else plain[1]  # known pixels are kept, so the channels are the source's
    return Domains(source, target, (side, side), 2 if name == "srgan" else 1)


def fitting_batch(domains: Domains, count: int = 2) -> Batch:
    """Random pictures, numbers or holes of the domains' kinds."""
    generator = torch.Generator().manual_seed(0)
    height, width = domains.size
    target = torch.rand(count, domains.channels_out, height, width, generator=generator) * 2 - 1
    shape = (count, domains.channels_in, height // domains.factor, width // domains.factor)
    if domains.source.colour == "labels":
        blocks = torch.randint(0, domains.source.classes + 1, (count, 2, height // 8, width // 8), generator=generator)
        return Batch(blocks.repeat_interleave(8, 2).repeat_interleave(8, 3).int(), target)
    source = torch.rand(shape, generator=generator) * 2 - 1
    if domains.source.colour == "holed":
        source[:, 3] = -1
        source[:, 3, 16:48, 16:48] = 1
    return Batch(source, target)


def build(name: str, channels: tuple[int, int] = (3, 3), domains: Domains | None = None, **options: Any) -> System:
    torch.manual_seed(0)
    kind = SYSTEMS[name]
    return kind(kind.Options(**{**SMALL.get(name, {}), **options}), domains or domains_of(name, channels))


def apply(system: System, batch: Batch, step: int = 0, rate: float = 2e-4) -> list[str]:
    """One step with plain SGD-free Adam for each side, as the loop does it; returns the sides in order."""
    optimisers = {
        side: torch.optim.Adam(system.get_submodule(side).parameters(), lr=rate, betas=(0.5, 0.999))
        for side in system.sides
    }
    order = []
    for losses in system.losses(batch, step):
        order.append(losses.trains)
        parameters = list(system.get_submodule(losses.trains).parameters())
        sum(losses.terms.values(), torch.zeros(())).backward(inputs=parameters)
        optimisers[losses.trains].step()
        optimisers[losses.trains].zero_grad()
    return order


VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *[(name, {}) for name in SYSTEMS],
    *[("pix2pix", {"objective": objective}) for objective in ("l1", "gan", "cgan", "l1+gan")],
    *[("pix2pix", {"adversary": adversary}) for adversary in ("least-squares", "hinge", "wasserstein")],
    ("pix2pix", {"generator": "resnet", "blocks": 1, "norm": "instance"}),
    ("pix2pix", {"generator": "encoder-decoder", "upsample": "resize"}),
    ("travelgan", {"margin_on": "length", "adversary": "hinge", "spectral": True, "apart": 0.5}),
    ("cyclegan", {"identity": 0.5, "order": "four-step"}),
    ("cyclegan", {"adversary": "vanilla", "pool": 0, "norm": "batch"}),
    ("srgan", {"adversarial": 0.0}),
    ("srgan", {"content": "lite0-fine", "mse": 1.0, "total_variation": 2e-8, "bias": "auto", "slopes": "each"}),
    (
        "inpainting",
        {"l1_on": "hole", "judged": "painted", "sees_mask": False, "patch_dense": True, "block": "standard"},
    ),
    ("pix2pixhd", {"features": 3, "encoder_width": 2, "enhancers": 1, "perceptual_network": "efficientnet-lite0"}),
    ("spade", {"style": 8, "perceptual_network": "efficientnet-lite0"}),
    ("spade", {"spectral": False, "norm": "instance", "adversary": "least-squares", "kernel": 1}),
]


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=str)
def test_a_step_trains_every_side_and_every_parameter_gets_a_gradient(name: str, options: dict[str, Any]) -> None:
    domains = domains_of(name)
    system, batch = build(name, **options), fitting_batch(domains)
    before = copy.deepcopy(system.state_dict())
    reached: set[str] = set()
    for losses in system.losses(batch, 0):
        assert losses.trains in system.sides
        assert all(value.shape == () and value.dtype == torch.float32 for value in losses.terms.values())
        assert all(torch.isfinite(value) for value in losses.terms.values())
        side = dict(system.get_submodule(losses.trains).named_parameters(prefix=losses.trains))
        sum(losses.terms.values(), torch.zeros(())).backward(inputs=list(side.values()))
        reached |= {key for key, parameter in side.items() if parameter.grad is not None}
        # Backward names its side, so no other parameter has been touched.
        assert all(p.grad is None for key, p in system.named_parameters() if key not in side and key not in reached)
    trained = {key for key, _ in system.named_parameters()}
    assert reached == trained
    assert apply(system, batch) == list(system.sides)
    after = system.state_dict()
    # A bias that a norm takes out again, or dropout, may leave a parameter as it was; most must have moved.
    moved = [key for key in trained if not torch.equal(before[key], after[key])]
    assert len(moved) > 0.6 * len(trained)


@pytest.mark.parametrize("name", SYSTEMS)
def test_channels_are_independent(name: str) -> None:
    domains = domains_of(name, channels=(1, 5))
    try:
        system, batch = build(name, channels=(1, 5)), fitting_batch(domains)
    except UsageError as refusal:
        pytest.skip(f"{name} refuses, in words: {refusal}")
    assert list(system.losses(batch, 0))
    forward = system.get_submodule(system.translators()["a-to-b"].module)
    assert forward(batch.source).shape == batch.target.shape


def by_hand_pix2pix(generator: nn.Module, discriminator: nn.Module, batches: list[Batch]) -> None:
    """The step of the public PyTorch code, with detach and requires-grad toggles, in order."""
    betas = (0.5, 0.999)
    adam_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=betas, fused=True)
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=betas, fused=True)
    for step, (source, target) in enumerate(batches):
        torch.manual_seed(step)
        fake = generator(source)
        discriminator.requires_grad_(True)
        adam_d.zero_grad()
        judged_fake = discriminator(torch.cat([source, fake.detach()], 1))
        judged_real = discriminator(torch.cat([source, target], 1))
        loss = (functional.softplus(-judged_real).mean() + functional.softplus(judged_fake).mean()) * 0.5
        loss.backward()
        adam_d.step()
        discriminator.requires_grad_(False)
        adam_g.zero_grad()
        adversarial = functional.softplus(-discriminator(torch.cat([source, fake], 1))).mean()
        (adversarial + 100 * functional.l1_loss(fake, target)).backward()
        adam_g.step()
        discriminator.requires_grad_(True)


def by_hand_cyclegan(g: nn.ModuleDict, d: nn.ModuleDict, pools: dict[str, ImagePool], batches: list[Batch]) -> None:
    betas = (0.5, 0.999)
    adam_g = torch.optim.Adam(g.parameters(), lr=2e-4, betas=betas, fused=True)
    adam_d = torch.optim.Adam(d.parameters(), lr=2e-4, betas=betas, fused=True)
    ones: Callable[[Tensor], Tensor] = lambda logits: (logits - 1).square().mean()  # noqa: E731  (as short as the formula)
    for step, (a, b) in enumerate(batches):
        torch.manual_seed(step)
        d.requires_grad_(False)
        adam_g.zero_grad()
        fake_b, fake_a = g["a_to_b"](a), g["b_to_a"](b)
        total = ones(d["b"](fake_b)) + ones(d["a"](fake_a))
        total = (
            total + 10 * functional.l1_loss(g["b_to_a"](fake_b), a) + 10 * functional.l1_loss(g["a_to_b"](fake_a), b)
        )
        total.backward()
        adam_g.step()
        d.requires_grad_(True)
        adam_d.zero_grad()
        losses = []
        for name, real, fake in (("a", a, fake_a), ("b", b, fake_b)):
            judged_real, judged_fake = d[name](real), d[name](pools[name](fake))
            losses.append(0.5 * (ones(judged_real) + judged_fake.square().mean()))
        (losses[0] + losses[1]).backward()
        adam_d.step()


class Fixed:
    """The loop's way of applying losses, from the real Side."""

    def __init__(self, system: System) -> None:
        from diptych.recipe import TrainingSettings
        from diptych.training.processes import Processes
        from diptych.training.side import Side

        alone = Processes(0, 1, torch.device("cpu"))
        settings = TrainingSettings(steps=1)
        self.system = system
        self.sides = {side: Side(side, system.get_submodule(side), settings, alone) for side in system.sides}

    def run(self, batches: list[Batch]) -> None:
        for step, batch in enumerate(batches):
            torch.manual_seed(step)
            pulls: Iterator[Any] = self.system.losses(batch, step)
            for losses in pulls:
                self.sides[losses.trains].accumulate(losses.terms, 1.0)
                self.sides[losses.trains].update(2e-4, step)


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    first, second = one.state_dict(), other.state_dict()
    assert [key for key in first if not torch.equal(first[key], second[key])] == []


def test_pix2pix_equals_the_loop_written_by_hand() -> None:
    system = build("pix2pix")
    assert isinstance(system, Pix2Pix)
    twin = copy.deepcopy(system)
    batches = [batch_of(seed=seed) for seed in range(4)]
    Fixed(system).run(batches)
    assert twin.discriminator is not None
    by_hand_pix2pix(twin.generator, twin.discriminator, batches)
    assert_same_weights(system, twin)


def test_cyclegan_equals_the_loop_written_by_hand() -> None:
    system = build("cyclegan")
    assert isinstance(system, CycleGAN)
    twin = copy.deepcopy(system)
    batches = [batch_of(seed=seed) for seed in range(4)]
    Fixed(system).run(batches)
    pools = {name: pool for name, pool in twin.pool.items() if isinstance(pool, ImagePool)}
    by_hand_cyclegan(twin.generator, twin.discriminator, pools, batches)
    assert_same_weights(system, twin)


@pytest.mark.parametrize(
    ("objective", "sees_source", "weights_l1"),
    [("gan", False, False), ("cgan", True, False), ("l1+gan", False, True), ("l1+cgan", True, True)],
)
def test_objectives(objective: Any, sees_source: bool, weights_l1: bool) -> None:
    system = build("pix2pix", objective=objective)
    assert isinstance(system, Pix2Pix)
    source = batch_of().source.requires_grad_()
    logits = system.judge(source, batch_of().target)
    if sees_source:
        (gradient,) = torch.autograd.grad(logits.sum(), source)
        assert gradient.abs().sum() > 0
    else:
        (nothing,) = torch.autograd.grad(logits.sum(), source, allow_unused=True)
        assert nothing is None  # an unconditional discriminator does not see its source at all
    *_, generator = system.losses(batch_of(), 0)
    assert ("l1" in generator.terms) == weights_l1


def test_with_l1_alone_there_is_no_discriminator() -> None:
    system = build("pix2pix", objective="l1")
    assert system.sides == ("generator",)
    assert not any("discriminator" in key for key, _ in system.named_parameters())


def test_the_generator_s_loss_with_a_silent_discriminator() -> None:
    """SYSTEMS 1f: with zero logits the loss is 0.693147 + 100 L1."""
    system = build("pix2pix", dropout=())
    assert isinstance(system, Pix2Pix)
    assert system.discriminator is not None
    for parameter in system.discriminator.parameters():
        nn.init.zeros_(parameter)
    batch = batch_of()
    *_, generator = system.losses(batch, 0)
    distance = functional.l1_loss(system.generator(batch.source), batch.target).item()
    assert generator.terms["adversarial"].item() == pytest.approx(0.693147, abs=1e-6)
    assert generator.terms["l1"].item() == pytest.approx(100 * distance, rel=1e-5)


def test_depth_follows_the_picture_s_size() -> None:
    assert depth_for((256, 256), 0) == 8
    assert depth_for((128, 128), 0) == 7
    assert depth_for((512, 256), 0) == 8
    assert depth_for((1024, 1024), 0) == 8
    assert depth_for((256, 256), 5) == 5
    for size, wanted in (((286, 286), 0), ((128, 128), 8), ((255, 256), 0)):
        with pytest.raises(Exception, match="choose a crop size"):
            depth_for(size, wanted)


def test_published_cyclegan_has_its_parameters() -> None:
    with torch.device("meta"):
        system = CycleGAN(CycleGANOptions(pool=0), Domains(Kind(), Kind(), (256, 256)))
    assert sum(parameter.numel() for parameter in system.parameters()) == 28_285_832


def test_published_pix2pix_has_its_parameters() -> None:
    with torch.device("meta"):
        system = Pix2Pix(Pix2PixOptions(), Domains(Kind(), Kind(), (256, 256)))
    assert sum(parameter.numel() for parameter in system.parameters()) == 54_413_955 + 2_768_705


def test_the_identity_term_of_identity_generators_is_zero() -> None:
    system = build("cyclegan", identity=0.5)
    assert isinstance(system, CycleGAN)
    system.generator["a_to_b"] = system.generator["b_to_a"] = nn.Identity()
    terms, _ = system.generator_terms(batch_of())
    assert terms["identity_a"] == terms["identity_b"] == terms["cycle_a"] == 0


def test_the_identity_term_needs_equal_channels_and_says_so() -> None:
    system = build("cyclegan", channels=(1, 3), identity=0.5)
    assert "identity term is off" in system.notes[0]
    first = next(iter(system.losses(batch_of(channels=(1, 3)), 0)))
    assert not any("identity" in name for name in first.terms)


def test_four_steps_in_the_order_of_the_torch_code() -> None:
    system = build("cyclegan", order="four-step")
    assert apply(system, batch_of()) == ["generator.a_to_b", "discriminator.b", "generator.b_to_a", "discriminator.a"]


def test_the_third_of_four_steps_meets_the_updated_generator() -> None:
    system = build("cyclegan", order="four-step")
    pulls = system.losses(batch_of(), 0)
    first = next(pulls)
    next(pulls)
    with torch.no_grad():
        for parameter in system.get_submodule("generator.a_to_b").parameters():
            parameter.add_(0.1)
    third = next(pulls)
    assert not torch.equal(first.terms["cycle_a"], third.terms["cycle_a"])


def test_the_pool_returns_its_first_fifty_and_then_half_old() -> None:
    torch.manual_seed(0)
    pool = ImagePool(50, 1, 2, 2)
    for number in range(50):
        picture = torch.full((1, 1, 2, 2), float(number))
        assert torch.equal(pool(picture), picture)
    assert int(pool.held) == 50
    returned = [float(pool(torch.full((1, 1, 2, 2), float(number)))[0, 0, 0, 0]) for number in range(50, 1050)]
    fresh = sum(value == number for number, value in enumerate(returned, start=50))
    assert 430 < fresh < 570
    # What was returned and what is held are all that ever came, each once.
    held = sorted(pool.images[:, 0, 0, 0].tolist())
    assert sorted(returned + held) == [float(number) for number in range(1050)]


def test_a_pool_of_none_lets_everything_pass() -> None:
    picture = torch.randn(3, 1, 2, 2)
    assert torch.equal(ImagePool(0, 1, 2, 2)(picture), picture)


def test_an_enhancer_starts_from_a_global_generator(tmp_path: Path) -> None:
    """pix2pixHD, coarse to fine: what matches by name and shape is taken, and the global part is then held still."""
    labelled = draw_labelled(tmp_path / "data")
    kind = 'data.source={colour="labels",classes=3,instances=true,palette=[]}'
    half = tiny_recipe("pix2pixhd", labelled, "data.palette=[]", kind, "training.steps=1")
    run, _ = run_to_end(half, tmp_path / "half")
    whole = tiny_recipe(
        "pix2pixhd",
        labelled,
        "data.palette=[]",
        kind,
        "training.steps=2",
        f"training.init_from={run.folder}",
        "options.enhancers=1",
        "options.fix_coarse_steps=2",
    )
    fine, said = run_to_end(whole, tmp_path / "fine")
    assert any("of another shape: generator.head.1" in line for line in said)
    before, after = weights(run), weights(fine)
    coarse = [name for name in before if name.startswith("system.generator.coarse.")]
    assert coarse
    assert all(torch.equal(before[name], after[name]) for name in coarse)
