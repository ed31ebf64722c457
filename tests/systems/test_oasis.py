"""OASIS: the worked examples of its losses, a step written by hand, LabelMix, published settings."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from building import LABELS, build, domains_of, fitting_batch
from by_hand import Adams, assert_step_by_hand, descend
from torch import Tensor, nn
from torch.nn.functional import one_hot

from diptych.errors import UsageError
from diptych.losses import called_fake, class_weights, segmentation
from diptych.networks.oasis import generator
from diptych.networks.spade import xavier_init
from diptych.pictures.kinds import Batch, Kind
from diptych.recipe import Recipe, read
from diptych.systems import OASIS, Domains, System
from diptych.systems.oasis import OASISOptions

FOUR = torch.tensor([[[0, 0], [0, 1]]])
"""The example of four pixels: three of the first class, one of the second."""


def one_hot_maps(labels: Tensor, classes: int) -> Tensor:
    """(batch, height, width) to (batch, classes, height, width); numbers from ``classes`` on are unknown."""
    return one_hot(labels, max(classes, int(labels.max()) + 1)).permute(0, 3, 1, 2)[:, :classes].float()


def test_classes_weigh_the_inverse_of_their_share() -> None:
    def weights(labels: Tensor, classes: int, *how: str) -> list[list[float]]:
        found: list[list[float]] = class_weights(one_hot_maps(labels, classes), *how).tolist()
        return found

    assert weights(FOUR, 3) == [pytest.approx([4 / 3, 4, 0])]
    assert weights(FOUR, 3, "mean") == [pytest.approx([2 / 3, 2, 0])]
    assert weights(FOUR, 3, "none") == [[1, 1, 1]]
    several = torch.cat([FOUR, torch.ones(1, 2, 2, dtype=torch.long)])
    assert weights(several, 2) == [pytest.approx([8 / 3, 8 / 5])]
    assert weights(several, 2, "balanced", "picture") == [pytest.approx([4 / 3, 4]), pytest.approx([0, 1])]
    assert weights(several, 2, "mean", "picture") == [pytest.approx([2 / 3, 2]), pytest.approx([0, 1])]
    assert weights(torch.tensor([[[0, 2], [2, 2]]]), 2) == [[4, 0]]
    assert weights(torch.tensor([[[0, 2], [2, 2]], [[2, 2], [2, 2]]]), 2) == [[8, 0]]


def test_losses_of_the_four_pixels() -> None:
    maps = one_hot_maps(FOUR, 2)
    balanced, even = class_weights(maps), class_weights(maps, "none")
    nothing = torch.zeros(1, 3, 2, 2)
    assert segmentation(nothing, maps, balanced).item() == pytest.approx(2 * math.log(3), abs=1e-6)
    assert segmentation(nothing, maps, class_weights(maps, "mean")).item() == pytest.approx(math.log(3), abs=1e-6)
    assert called_fake(nothing).item() == pytest.approx(math.log(3), abs=1e-6)
    everywhere = torch.tensor([2.0, 0.0, -1.0]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    assert segmentation(everywhere, maps, balanced).item() == pytest.approx(2.3397, abs=5e-5)
    assert segmentation(everywhere, maps, even).item() == pytest.approx(0.6698, abs=5e-5)
    assert called_fake(everywhere).item() == pytest.approx(3.1698, abs=5e-5)


def test_a_pixel_of_unknown_class_asks_for_nothing() -> None:
    labels = torch.tensor([[[0, 2], [2, 1]]])
    maps = one_hot_maps(labels, 2)
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    segmentation(logits, maps, class_weights(maps)).backward()
    assert logits.grad is not None
    assert (logits.grad.abs().sum(1) > 0).tolist() == [[[True, False], [False, True]]]


class Answers(nn.Module):
    """Constant logits for two real, two fake and two mixed pictures, in this order."""

    def __init__(self, *answers: float) -> None:
        super().__init__()
        self.answers = nn.Parameter(torch.tensor(answers))

    def forward(self, pictures: Tensor) -> Tensor:
        each = self.answers[torch.arange(len(pictures)) // 2].view(-1, 1, 1, 1)
        return each.expand(-1, LABELS.classes + 1, *pictures.shape[2:])


class PerPixel(nn.Module):
    """Logits of each pixel from its own colour."""

    def __init__(self) -> None:
        super().__init__()
        self.filter = nn.Conv2d(3, LABELS.classes + 1, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        found: Tensor = self.filter(pictures)
        return found


def discriminator_terms(system: System, judge: nn.Module, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """With a mask whose upper half is real."""
    assert isinstance(system, OASIS)
    system.discriminator = judge  # type: ignore[assignment]  # a double
    half = torch.zeros(2, 1, 64, 64, dtype=torch.bool)
    half[:, :, :32] = True
    monkeypatch.setattr(system, "mask", lambda source: half)
    *_, losses = system.losses(fitting_batch(domains_of("oasis")), 0)
    return losses.terms


@pytest.mark.parametrize("detached", [False, True])
def test_label_mix_compares_with_the_mix_of_logits(detached: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Answers(2.0, 0.0, 1.0)
    system = build("oasis", label_mix=1.0, label_mix_detached=detached)
    term = discriminator_terms(system, judge, monkeypatch)["label_mix"]
    assert term.item() == pytest.approx(1.0)
    term.backward()
    # d/d(real) of mean((mixed - real)^2) over the real half is 1, and -1 where the fake shows through.
    assert judge.answers.grad is not None
    assert judge.answers.grad.tolist() == pytest.approx([0, 0, 0] if detached else [1, -1, 0], abs=1e-5)
    term = discriminator_terms(system, PerPixel(), monkeypatch)["label_mix"]
    assert term.item() == pytest.approx(0, abs=1e-10)


def test_label_mix_takes_each_class_whole_and_both_kinds() -> None:
    system = build("oasis")
    assert isinstance(system, OASIS)
    source = fitting_batch(domains_of("oasis")).source
    torch.manual_seed(0)
    masks = torch.stack([system.mask(source) for _ in range(40)])  # (draws, batch, 1, height, width)
    for picture in range(len(source)):
        for number in source[picture, 0].unique():
            region = masks[:, picture, 0][:, source[picture, 0] == number]
            assert (region == region[:, :1]).all()
            assert 8 < region[:, 0].sum() < 32
    assert (masks[:, 0, 0, 0, 0] != masks[:, 1, 0, 0, 0]).any()  # each picture has a draw of its own


def test_accuracy_counts_fake_against_all_classes() -> None:
    system = build("oasis", spectral=False)
    with torch.no_grad():
        for parameter in system.get_submodule("discriminator").parameters():
            parameter.zero_()
    *_, losses = system.losses(fitting_batch(domains_of("oasis")), 0)
    assert losses.figures["accuracy"].item() == 0.5  # equal logits: five classes outweigh "fake" everywhere
    *_, losses = build("oasis", label_mix=0.0).losses(fitting_batch(domains_of("oasis")), 0)
    assert set(losses.terms) == {"real", "fake"}


def by_pixels(logits: Tensor, labels: Tensor, options: OASISOptions) -> Tensor:
    """Class by class over its own pixels."""
    shares, total = torch.log(torch.softmax(logits, 1)), torch.zeros(())
    each = range(len(labels)) if options.weights_over == "picture" else [slice(None)]
    for one in each:
        present = [number for number in range(3) if (labels[one] == number).any()]
        for number in present:
            alpha = labels[one].numel() / (labels[one] == number).sum()
            if options.weighting == "mean":
                alpha = alpha / len(present)
            factor = 1 if options.weighting == "none" else alpha
            of_class = shares[:, number][one][labels[one] == number]
            total = total - factor * of_class.sum() / labels.numel()
    return total


def oasis(system: System, adams: Adams, batch: Batch, step: int, recipe: Recipe) -> dict[str, Tensor]:
    """Generator first; a fake made anew; real, fake and mixed pictures in one batch."""
    assert isinstance(system, OASIS)
    (source, target), options = batch, recipe.options
    labels = source[:, 0].long()
    terms = {"generator.adversarial": by_pixels(system.discriminator(system.generator(source)), labels, options)}
    descend(adams["generator"], terms)
    with torch.no_grad():
        fake = system.generator(source)
    shown = [target, fake]
    if options.label_mix:
        coins = torch.rand(len(source), 3) < 0.5
        mask = torch.stack([torch.stack([coins[b][c] for c in labels[b].flatten()]) for b in range(len(labels))])
        mask = mask.view(len(labels), 1, *labels.shape[1:]).float()
        shown.append(mask * target + (1 - mask) * fake)
    logits = system.discriminator(torch.cat(shown)).split(len(source))
    others = {
        "discriminator.real": by_pixels(logits[0], labels, options),
        "discriminator.fake": -torch.log(torch.softmax(logits[1], 1)[:, 3]).mean(),
    }
    if options.label_mix:
        wanted = mask * logits[0] + (1 - mask) * logits[1]
        wanted = wanted.detach() if options.label_mix_detached else wanted
        others["discriminator.label_mix"] = options.label_mix * ((logits[2] - wanted) ** 2).mean()
    descend(adams["discriminator"], others)
    return terms | others


@pytest.mark.parametrize(
    "words",
    [
        [],
        [
            "options.weighting=mean",
            "options.weights_over=picture",
            "options.label_mix_detached=true",
            "options.norm=instance",
        ],
        ["options.weighting=none", "options.label_mix=0", "options.noise=0", "options.spectral=false"],
    ],
    ids=str,
)
def test_a_step_by_hand(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # The first weights are so small that next to no gradient reaches the SPADE layers.
    monkeypatch.setattr(generator, "xavier_init", partial(xavier_init, gain=0.8))
    assert_step_by_hand("oasis", words, oasis, monkeypatch, 2)


def test_published_settings() -> None:
    """SYSTEMS-2 3b to 3d."""
    options: Any = read("oasis").options
    assert options == OASISOptions()
    for name, batch, size, label_mix in [
        ("oasis-ade20k", 32, (256, 256), 5),
        ("oasis-cocostuff", 32, (256, 256), 10),
        ("oasis-cityscapes", 20, (256, 512), 5),
    ]:
        recipe = read(name)
        settings = recipe.training
        assert (settings.batch_size, recipe.domains.size, recipe.options.label_mix) == (batch, size, label_mix)
        assert (settings.beta1, settings.beta2, settings.schedule) == (0, 0.999, "constant")
        assert settings.learning_rate == {"generator": 1e-4, "discriminator": 4e-4}
        assert settings.average == 0.9999
        assert not recipe.domains.source.instances  # no boundary map
    assert read("oasis-ade20k").domains.source.unknown == 0


def test_refusals() -> None:
    with pytest.raises(UsageError, match=r'OASIS needs data\.task = "labelled", and the source here is rgb'):
        build("oasis", domains=Domains(Kind(), Kind(), (64, 64)))
    with pytest.raises(UsageError, match="OASIS with these options needs sides divisible by 64"):
        build("oasis", domains=Domains(LABELS, Kind(), (96, 64)), discriminator_levels=6)
    with pytest.raises(UsageError, match=r"options\.discriminator_width must be at least 2"):
        OASISOptions(discriminator_width=1)
