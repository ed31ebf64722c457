"""Steps of pix2pix, CycleGAN, TraVelGAN, SRGAN and inpainting against the same written by hand, for every adversary."""

from collections.abc import Iterator
from itertools import permutations

import pytest
import torch
from by_hand import ADVERSARIES, Adams, assert_step_by_hand, called_real, descend, real_and_fake
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss, mse_loss

from diptych.networks.features.perceptual import content_loss
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe
from diptych.systems import SRGAN, CycleGAN, Inpainting, Pix2Pix, System, TraVelGAN

Found = dict[str, Tensor]


def pix2pix(system: System, adams: Adams, batch: Batch, step: int, recipe: Recipe) -> Found:
    assert isinstance(system, Pix2Pix)
    judge, (source, target) = system.get_submodule("discriminator"), batch
    kind = recipe.options.adversary
    fake = system.generator(source)
    judged, real = judge(torch.cat([source, fake.detach()], 1)), judge(torch.cat([source, target], 1))
    terms = {"discriminator.adversarial": real_and_fake(kind, real, judged) / 2}
    if kind == "wasserstein":
        share = torch.rand(len(target), 1, 1, 1)
        between = (share * target + (1 - share) * fake.detach()).requires_grad_()
        logits = judge(torch.cat([source, between], 1)).sum()
        (gradient,) = torch.autograd.grad(logits, between, create_graph=True)
        lengths = torch.stack([(one**2).sum() ** 0.5 for one in gradient])
        terms["discriminator.gradient_penalty"] = 10 * ((lengths - 1) ** 2).mean()
    descend(adams["discriminator"], terms)
    others = {
        "generator.adversarial": called_real(kind, judge(torch.cat([source, fake], 1))),
        "generator.l1": 100 * (fake - target).abs().mean(),
    }
    if weight := recipe.options.gradient_difference:
        down = (fake[:, :, 1:] - fake[:, :, :-1]) - (target[:, :, 1:] - target[:, :, :-1])
        across = (fake[..., 1:] - fake[..., :-1]) - (target[..., 1:] - target[..., :-1])
        others["generator.gradient_difference"] = weight * (down.abs().mean() + across.abs().mean())
    descend(adams["generator"], others)
    return terms | others


@pytest.mark.parametrize("adversary", [*ADVERSARIES, "wasserstein"])
def test_pix2pix(adversary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"options.adversary={adversary}", "training.batch_size=2"]
    assert_step_by_hand("pix2pix", words, pix2pix, monkeypatch)


def test_pix2pix_with_gradient_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_step_by_hand("pix2pix", ["options.gradient_difference=200"], pix2pix, monkeypatch)


def generators(system: CycleGAN, batch: Batch, kind: str, prefix: str) -> tuple[Found, Tensor, Tensor]:
    """Cycle weight 10, identity half of it; the fakes too."""
    g, d, (a, b) = system.generator, system.discriminator, batch
    fake_b, fake_a = g["a_to_b"](a), g["b_to_a"](b)
    terms = {
        "adversarial_a_to_b": called_real(kind, d["b"](fake_b)),
        "adversarial_b_to_a": called_real(kind, d["a"](fake_a)),
        "cycle_a": 10 * l1_loss(g["b_to_a"](fake_b), a),
        "cycle_b": 10 * l1_loss(g["a_to_b"](fake_a), b),
        "identity_a": 5 * l1_loss(g["b_to_a"](a), a),
        "identity_b": 5 * l1_loss(g["a_to_b"](b), b),
    }
    return {f"{prefix}.{name}": term for name, term in terms.items()}, fake_a, fake_b


def cyclegan(system: System, adams: Adams, batch: Batch, step: int, recipe: Recipe) -> Found:
    """One batch of one picture: until three are held, pools give back what they are given."""
    assert isinstance(system, CycleGAN)
    kind, d = recipe.options.adversary, system.discriminator

    def judged(name: str, real: Tensor, fake: Tensor) -> Tensor:
        return real_and_fake(kind, d[name](real), d[name](system.pool[name](fake))) / 2

    if recipe.options.order == "joint":
        terms, fake_a, fake_b = generators(system, batch, kind, "generator")
        descend(adams["generator"], terms)
        others = {
            "discriminator.a": judged("a", batch.source, fake_a),
            "discriminator.b": judged("b", batch.target, fake_b),
        }
        descend(adams["discriminator"], others)
        return terms | others
    terms, _, fake_b = generators(system, batch, kind, "generator.a_to_b")
    descend(adams["generator.a_to_b"], terms)
    others = {"discriminator.b.b": judged("b", batch.target, fake_b)}
    descend(adams["discriminator.b"], others)
    more, fake_a, _ = generators(system, batch, kind, "generator.b_to_a")  # by the updated networks
    descend(adams["generator.b_to_a"], more)
    last = {"discriminator.a.a": judged("a", batch.source, fake_a)}
    descend(adams["discriminator.a"], last)
    return terms | others | more | last


@pytest.mark.parametrize("order", ["joint", "four-step"])
@pytest.mark.parametrize("adversary", ADVERSARIES)
def test_cyclegan(adversary: str, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"options.adversary={adversary}", f"options.order={order}", "options.identity=0.5"]
    assert_step_by_hand("cyclegan", words, cyclegan, monkeypatch)


def travels(real: Tensor, fake: Tensor, squared: bool) -> Tensor:
    """(margin, length, angle), the means over all ordered pairs; the margin is 10."""
    found = []
    for i, j in permutations(range(len(real)), 2):
        v, w = real[i] - real[j], fake[i] - fake[j]
        far = (v**2).sum() if squared else (v**2).sum().sqrt()
        cosine = (v * w).sum() / ((v**2).sum().sqrt() * (w**2).sum().sqrt())
        found.append(torch.stack([torch.maximum(10 - far, torch.zeros(())), ((v - w) ** 2).mean(), -cosine]))
    return torch.stack(found).mean(0)


def travelgan(system: System, adams: Adams, batch: Batch, step: int, recipe: Recipe) -> Found:
    assert isinstance(system, TraVelGAN)
    options, g, d = recipe.options, system.generator, system.discriminator
    kind, half = options.adversary, len(batch.source) // 2
    first = Batch(batch.source[:half], batch.target[:half]) if options.fresh else batch
    second = Batch(batch.source[half:], batch.target[half:]) if options.fresh else batch
    fake_b, fake_a = g["a_to_b"](first.source), g["b_to_a"](first.target)
    terms = {
        "discriminator.a": real_and_fake(kind, d["a"](first.source), d["a"](fake_a.detach())) / 4,
        "discriminator.b": real_and_fake(kind, d["b"](first.target), d["b"](fake_b.detach())) / 4,
    }
    descend(adams["discriminator"], terms)
    if options.fresh:
        fake_b, fake_a = g["a_to_b"](second.source), g["b_to_a"](second.target)
    siamese, squared = g["siamese"], options.margin_on == "squared"
    a_to_b = travels(siamese(second.source, "a"), siamese(fake_b, "b"), squared)
    b_to_a = travels(siamese(second.target, "b"), siamese(fake_a, "a"), squared)
    margin, length, angle = 10 * (a_to_b + b_to_a) / 2 * torch.tensor([options.apart, options.length, options.angle])
    others = {
        "generator.adversarial_a_to_b": called_real(kind, d["b"](fake_b)),
        "generator.adversarial_b_to_a": called_real(kind, d["a"](fake_a)),
        "generator.margin": margin,
        "generator.length": length,
        "generator.angle": angle,
    }
    descend(adams["generator"], others)
    return terms | others


@pytest.mark.parametrize(
    "words",
    [
        *[[f"options.adversary={adversary}", "training.batch_size=3"] for adversary in ADVERSARIES],
        ["options.margin_on=length", "options.apart=0.5", "options.length=3", "options.angle=2"],
        ["options.fresh=true", "training.batch_size=6"],
    ],
    ids=str,
)
def test_travelgan(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert_step_by_hand("travelgan", words, travelgan, monkeypatch)


def neighbours(pictures: Tensor) -> Iterator[Tensor]:
    """The mean over the pictures of the sum of what neighbours differ by, below and beside."""
    yield (pictures[:, :, 1:] - pictures[:, :, :-1]).abs().sum() / len(pictures)
    yield (pictures[:, :, :, 1:] - pictures[:, :, :, :-1]).abs().sum() / len(pictures)


def srgan(system: System, adams: Adams, batch: Batch, step: int, recipe: Recipe) -> Found:
    assert isinstance(system, SRGAN)
    options, (small, large) = recipe.options, batch
    fake = system.generator(small)
    if step < options.pretrain_steps:
        alone = {"generator.mse": ((fake - large) ** 2).mean()}
        descend(adams["generator"], alone)
        return alone
    terms, others = {}, {}
    if system.discriminator is not None:
        real, judged = system.discriminator(large), system.discriminator(fake.detach())
        bce = binary_cross_entropy_with_logits
        loss = bce(real, torch.ones_like(real)) + bce(judged, torch.zeros_like(judged))
        terms = {"discriminator.adversarial": loss}
        descend(adams["discriminator"], terms)
        others["generator.adversarial"] = 1e-3 * called_real("vanilla", system.discriminator(fake))
    if options.content == "mse":
        others["generator.content"] = ((fake - large) ** 2).mean()
    else:
        assert system.perceptual_network is not None
        others["generator.content"] = content_loss(system.perceptual_network, options.content, fake, large) / 12.75**2
        others["generator.mse"] = 0.5 * mse_loss(fake, large)
        others["generator.total_variation"] = 2e-4 * sum(neighbours(fake), torch.zeros(()))
    descend(adams["generator"], others)
    return terms | others


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["options.pretrain_steps=2"],
        ["options.adversarial=0.0"],
        ["options.content=lite0-fine", "options.mse=0.5", "options.total_variation=2e-4", "options.bias=auto"],
    ],
    ids=str,
)
def test_srgan_and_srresnet(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert_step_by_hand("srgan", words, srgan, monkeypatch, 3 if "options.pretrain_steps=2" in words else 2)


def inpainting(system: System, adams: Adams, batch: Batch, step: int, recipe: Recipe) -> Found:
    """Weights 0.995, 0.0025, 0.0025 of the paper; the mask is the source's last channel, positive in the hole."""
    assert isinstance(system, Inpainting)
    options, (source, target) = recipe.options, batch
    kind, hole = options.adversary, (source[:, 3:] > 0).float()
    painted = system.generator.layers(source)
    shown = painted * hole + source[:, :3] * (1 - hole) if options.judged == "composite" else painted
    real, judged = system.discriminator(target), system.discriminator(shown.detach())
    terms = {
        "discriminator.whole": real_and_fake(kind, real[0], judged[0]),
        "discriminator.patch": real_and_fake(kind, real[1], judged[1]),
    }
    descend(adams["discriminator"], terms)
    whole, patch = system.discriminator(shown)
    differences = (painted - target).abs()
    inside = (differences * hole).sum() / (3 * hole.sum())
    others = {
        "generator.whole": 0.0025 * called_real(kind, whole),
        "generator.patch": 0.0025 * called_real(kind, patch),
        "generator.l1": 0.995 * (inside if options.l1_on == "hole" else differences.mean()),
    }
    descend(adams["generator"], others)
    return terms | others


@pytest.mark.parametrize(
    "words",
    [
        *[[f"options.adversary={adversary}"] for adversary in ADVERSARIES],
        ["options.l1_on=hole", "options.judged=painted"],
    ],
    ids=str,
)
def test_inpainting(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert_step_by_hand("inpainting", [*words, "training.batch_size=2"], inpainting, monkeypatch)
