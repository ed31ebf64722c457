"""The mode-seeking term of pix2pix (Mao et al. 2019): worked examples of SYSTEMS-2 2f, a step by hand, refusals."""

import pytest
import torch
from building import batch_of, build
from by_hand import Adams, assert_step_by_hand, called_real, descend, real_and_fake
from torch import Tensor

from diptych.errors import UsageError
from diptych.losses import mode_seeking
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe
from diptych.systems import System
from diptych.systems.pix2pix_options import Pix2PixOptions

PICTURES, STYLES = torch.zeros(2, 3, 4, 4), torch.zeros(2, 8)


def apart(distance: float, knee: float = 0.0) -> Tensor:
    """The term of pictures so far apart, with styles 1 apart."""
    return mode_seeking(PICTURES, PICTURES + distance, STYLES, STYLES + 1, knee)


def test_the_worked_examples() -> None:
    assert apart(0.5).item() == pytest.approx(1.99996, abs=1e-6)
    assert apart(0).item() == pytest.approx(1e5)
    assert mode_seeking(PICTURES, PICTURES + 0.5, STYLES, STYLES + 2).item() == pytest.approx(1 / (0.25 + 1e-5))


def test_it_is_a_ratio_of_means() -> None:
    pictures = PICTURES + torch.tensor([0.1, 0.7])[:, None, None, None]
    styles = STYLES + torch.tensor([1.0, 3.0])[:, None]
    assert mode_seeking(PICTURES, pictures, STYLES, styles).item() == pytest.approx(1 / (0.4 / 2 + 1e-5))


@pytest.mark.parametrize("distance", [0.0, 0.03, 0.1, 0.5])
def test_below_the_knee_it_is_the_tangent(distance: float) -> None:
    ratio = torch.tensor(distance, requires_grad=True)
    found = mode_seeking(PICTURES, PICTURES + ratio, STYLES, STYLES + 1, 0.1)
    found.backward()
    at = max(distance, 0.1) + 1e-5
    assert ratio.grad is not None
    assert found.item() == pytest.approx(1 / at + (at - 1e-5 - distance) / at**2)
    if distance:  # the absolute value has no slope at equal pictures
        assert ratio.grad.item() == pytest.approx(-1 / at**2, rel=1e-4)


def step_by_hand(system: System, adams: Adams, batch: Batch, step: int, recipe: Recipe) -> dict[str, Tensor]:
    """The discriminator sees both translations and counts the target twice; L1 is of the first."""
    judge, (source, target), numbers = system.get_submodule("discriminator"), batch, recipe.options.style
    z1, z2 = torch.randn(len(source), numbers), torch.randn(len(source), numbers)
    g = system.get_submodule("generator")
    one, other = g(source, z1), g(source, z2)

    def logits(picture: Tensor) -> Tensor:
        found: Tensor = judge(torch.cat([source, picture], 1))
        return found

    first, real, second = logits(one.detach()), logits(target), logits(other.detach())
    terms = {
        "discriminator.adversarial": real_and_fake("vanilla", real, first) / 2,
        "discriminator.adversarial_second": real_and_fake("vanilla", real, second) / 2,
    }
    descend(adams["discriminator"], terms)
    ratio = (one - other).abs().mean() / (z1 - z2).abs().mean()
    others = {
        "generator.adversarial": called_real("vanilla", logits(one)),
        "generator.adversarial_second": called_real("vanilla", logits(other)),
        "generator.l1": 100 * (one - target).abs().mean(),
        "generator.mode_seeking": recipe.options.mode_seeking / (ratio + 1e-5),
    }
    descend(adams["generator"], others)
    return terms | others


def test_a_step_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["options.style=3", "options.mode_seeking=0.01", "options.mode_seeking_knee=0", "options.dropout=[]"]
    words += ["options.norm=instance", "options.discriminator_norm=instance", "training.batch_size=2"]
    assert_step_by_hand("pix2pix", words, step_by_hand, monkeypatch, 1)


def test_a_style_alone_is_drawn_for_each_picture() -> None:
    system = build("pix2pix", style=3, dropout=())
    losses = list(system.losses(batch_of(), 0))
    assert [sorted(one.terms) for one in losses] == [["adversarial"], ["adversarial", "l1"]]
    assert system.get_submodule("generator").has_style


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"style": 8, "generator": "resnet"}, "takes no style"),
        ({"mode_seeking": 1.0}, "set options.style=8"),
        ({"style": 8, "mode_seeking": 1.0, "order": "simultaneous"}, "set options.order=alternating"),
    ],
)
def test_what_does_not_go_together(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Pix2PixOptions(**options)  # type: ignore[arg-type]
