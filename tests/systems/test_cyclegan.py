"""What CycleGAN computes."""

import torch
from building import apply, batch_of, build
from torch import nn

from diptych.pictures.kinds import Kind
from diptych.systems import CycleGAN, Domains
from diptych.systems.cyclegan import CycleGANOptions


def test_published_cyclegan_has_its_parameters() -> None:
    with torch.device("meta"):
        system = CycleGAN(CycleGANOptions(pool=0), Domains(Kind(), Kind(), (256, 256)))
    assert sum(parameter.numel() for parameter in system.parameters()) == 28_285_832


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
