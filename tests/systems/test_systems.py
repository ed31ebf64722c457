"""The contract that every system keeps."""

import copy
from typing import Any

import pytest
import torch
from building import apply, batch_of, build, domains_of, fitting_batch

from diptych.errors import UsageError
from diptych.pictures.kinds import Kind
from diptych.systems import SYSTEMS, Domains

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *[(name, {}) for name in SYSTEMS],
    *[("pix2pix", {"objective": objective}) for objective in ("l1", "gan", "cgan", "l1+gan")],
    *[("pix2pix", {"adversary": adversary}) for adversary in ("least-squares", "hinge", "wasserstein")],
    ("pix2pix", {"projected": "beside", "feature_matching": 1.0, "perceptual": 1.0}),
    ("pix2pix", {"projected": "alone", "projected_heads": "plain", "order": "simultaneous", "feature_matching": 1.0}),
    ("pix2pix", {"generator": "resnet", "blocks": 1, "norm": "instance"}),
    ("pix2pix", {"generator": "encoder-decoder", "upsample": "resize"}),
    ("travelgan", {"margin_on": "length", "adversary": "hinge", "spectral": True, "apart": 0.5}),
    ("cyclegan", {"identity": 0.5, "order": "four-step"}),
    ("cyclegan", {"adversary": "vanilla", "pool": 0, "norm": "batch"}),
    ("cyclegan", {"projected": "beside", "projected_heads": "separable", "order": "four-step"}),
    ("srgan", {"adversarial": 0.0}),
    ("srgan", {"content": "lite0-fine", "mse": 1.0, "total_variation": 2e-8, "bias": "auto", "slopes": "each"}),
    (
        "inpainting",
        {"l1_on": "hole", "judged": "painted", "sees_mask": False, "patch_dense": True, "block": "standard"},
    ),
    ("pix2pixhd", {"features": 3, "encoder_width": 2, "enhancers": 1, "perceptual_network": "efficientnet-lite0"}),
    ("spade", {"style": 8, "perceptual_network": "efficientnet-lite0"}),
    ("cut", {"nce": 10.0, "nce_identity": False, "flip": True, "adversary": "hinge"}),
    ("oasis", {"noise": 0, "weighting": "mean", "weights_over": "picture", "label_mix": 0.0, "spectral": False}),
    ("oasis", {"norm": "instance", "label_mix_detached": True, "weighting": "none", "kernel": 1}),
    ("reggan", {"registration": False, "adversary": "hinge"}),
    ("bicyclegan", {"conditional": True, "style_at": "first", "adversary": "hinge", "upsample": "resize"}),
    ("cut", {"flip": True, "blocks": 6, "discriminator_layers": 2}),
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
        named = system.get_submodule(losses.trains).named_parameters(prefix=losses.trains)
        side = {key: parameter for key, parameter in named if parameter.requires_grad}
        sum(losses.terms.values(), torch.zeros(())).backward(inputs=list(side.values()))
        reached |= {key for key, parameter in side.items() if parameter.grad is not None}
        # Backward names its side, so no other parameter has been touched.
        assert all(p.grad is None for key, p in system.named_parameters() if key not in side and key not in reached)
    trained = {key for key, parameter in system.named_parameters() if parameter.requires_grad}
    assert all(".mixing." in key for key, _ in system.named_parameters() if key not in trained)
    assert reached == trained
    assert apply(system, batch) == list(system.sides)
    after = system.state_dict()
    # A bias that a norm takes out again, or dropout, may leave a parameter as it was; most must have moved.
    moved = [key for key in trained if not torch.equal(before[key], after[key])]
    assert len(moved) > 0.6 * len(trained)


@pytest.mark.parametrize(("name", "adversary", "expected"), [
    ("pix2pix", "vanilla", {"accuracy": 0}), ("pix2pix", "least-squares", {"accuracy": 0.5}),
    ("cyclegan", "least-squares", {"accuracy_a": 0.5, "accuracy_b": 0.5}),
    ("travelgan", "vanilla", {"accuracy_a": 0, "accuracy_b": 0}), ("srgan", "", {"accuracy": 0}),
    ("inpainting", "least-squares", {"accuracy_whole": 0.5, "accuracy_patch": 0.5}),
    ("reggan", "least-squares", {"accuracy": 0.5}),
    ("bicyclegan", "least-squares", {"accuracy_encoded": 0.5, "accuracy_random": 0.5}),
    ("cut", "least-squares", {"accuracy": 0.5}), ("cut", "hinge", {"accuracy": 0}),
    ("pix2pixhd", "least-squares", {"accuracy": 0.5}), ("spade", "hinge", {"accuracy": 0}),
])  # fmt: skip
def test_accuracy_of_a_discriminator_that_knows_nothing(name: str, adversary: str, expected: dict[str, float]) -> None:
    """All its answers are 0: for least squares, between 0 and 1, "fake" of everything; else neither."""
    system = build(name, adversary=adversary) if adversary else build(name)
    with torch.no_grad():
        for key, parameter in system.named_parameters():
            if key.startswith("discriminator"):
                parameter.zero_()
    found: dict[str, float] = {}
    for losses in system.losses(fitting_batch(domains_of(name)), 0):
        found |= {key: float(value) for key, value in losses.figures.items() if key.startswith("accuracy")}
    assert found == expected


@pytest.mark.parametrize("order", ["joint", "four-step"])
def test_accuracy_in_both_orders_of_cyclegan(order: str) -> None:
    found = [sorted(losses.figures) for losses in build("cyclegan", order=order).losses(batch_of(), 0)]
    assert sorted(name for names in found for name in names) == ["accuracy_a", "accuracy_b"]


@pytest.mark.parametrize(("name", "shown"), [
    ("cyclegan", "CycleGAN"), ("travelgan", "TraVelGAN"), ("pix2pixhd", "pix2pixHD"), ("spade", "SPADE"),
    ("srgan", "SRGAN"), ("inpainting", "inpainting"), ("pix2pix", "pix2pix"), ("cut", "CUT"),
    ("reggan", "RegGAN"), ("oasis", "OASIS"), ("bicyclegan", "BicycleGAN"),
])  # fmt: skip
def test_refusals_name_the_system(name: str, shown: str) -> None:
    wrong = Kind() if name == "inpainting" else Kind(colour="holed")
    with pytest.raises(UsageError, match=f"^{shown} needs .*, and the source here is"):
        build(name, domains=Domains(wrong, Kind(), (64, 64), 2 if name == "srgan" else 1))


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
