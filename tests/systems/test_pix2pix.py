"""What pix2pix computes."""

import pytest
import torch
from building import batch_of, build
from torch import nn
from torch.nn import functional

from diptych.errors import UsageError
from diptych.pictures.kinds import Kind
from diptych.systems import Domains, Pix2Pix
from diptych.systems.pix2pix_options import Pix2PixOptions


def test_with_l1_alone_there_is_no_discriminator() -> None:
    system = build("pix2pix", objective="l1")
    assert system.sides == ("generator",)
    assert not any("discriminator" in key for key, _ in system.named_parameters())


def test_the_generator_s_loss_with_a_silent_discriminator() -> None:
    """With zero logits the loss is log 2 + 100 L1."""
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


def test_features_are_the_discriminator_s_maps() -> None:
    """As many as it has activations, and no loss where fake and target are one."""
    system = build("pix2pix", dropout=(), feature_matching=3.0, discriminator_layers=2)
    assert isinstance(system, Pix2Pix)
    source, target = batch_of()
    real = system.judge(source, target)
    assert [maps.shape[1] for maps in real[0]] == [
        *(system.options.discriminator_width * 2**level for level in range(3)),
        1,
    ]
    assert system.discriminator is not None
    system.discriminator.eval()
    logits = system.discriminator(torch.cat([source, target], 1))
    torch.testing.assert_close(system.judge(source, target)[0][-1], logits, rtol=0, atol=0)
    assert system.adversarial_terms(real, real)["feature_matching"].item() == 0
    *_, generator = system.losses(batch_of(), 0)
    assert generator.terms["feature_matching"].item() > 0


def test_published_pix2pix_has_its_parameters() -> None:
    with torch.device("meta"):
        system = Pix2Pix(Pix2PixOptions(), Domains(Kind(), Kind(), (256, 256)))
    assert sum(parameter.numel() for parameter in system.parameters()) == 54_413_955 + 2_768_705


def test_options_of_a_discriminator_that_is_not_there_are_told() -> None:
    assert "do nothing" in build("pix2pix", objective="l1", feature_matching=10.0).notes[0]
    assert "do nothing" in build("pix2pix", objective="l1", order="simultaneous").notes[0]
    assert build("pix2pix", objective="l1").notes == build("pix2pix", order="simultaneous").notes == ()


def test_a_negative_weight_is_refused_by_its_name() -> None:
    with pytest.raises(UsageError, match=r"options\.feature_matching is -1"):
        Pix2PixOptions(feature_matching=-1)
