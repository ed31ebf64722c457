"""The operations of a step under `training.deterministic`, as far as a machine without a GPU shows them."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from building import domains_of, fitting_batch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from toys import SMALL

from diptych.networks.blocks import ReflectionPad, reflect_side
from diptych.networks.features.vgg_alexnet import vgg19
from diptych.networks.srresnet import SRDiscriminator
from diptych.pictures.kinds import Batch
from diptych.systems import SYSTEMS

WITHOUT = (
    "reflection_pad1d_backward",
    "reflection_pad2d_backward",
    "upsample_linear1d_backward",
    "upsample_bilinear2d_backward",
    "upsample_bicubic2d_backward",
    "_upsample_bilinear2d_aa_backward",
    "_upsample_bicubic2d_aa_backward",
    "_adaptive_avg_pool2d_backward",
    "adaptive_max_pool2d_backward",
    "fractional_max_pool2d_backward",
    "avg_pool3d_backward",
    "max_unpool2d",
    "grid_sampler_2d_backward",
    "nll_loss2d_forward",
    "nll_loss2d_backward",
    "_ctc_loss_backward",
    "cumsum",
    "histc",
    "median",
    "put_",
)
"""Operations that raise on a CUDA tensor under torch.use_deterministic_algorithms, by its documentation."""


@pytest.fixture(autouse=True)
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


class Met(TorchDispatchMode):
    """Notes the operations by name."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it so
        self.names: set[str] = set()

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.names.add(operation.overloadpacket.__name__)
        return operation(*args, **(kwargs or {}))


VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((system, {}) for system in SYSTEMS),
    ("pix2pix", {"generator": "resnet", "blocks": 1}),
    ("pix2pix", {"generator": "encoder-decoder", "upsample": "resize"}),
    ("pix2pix", {"upsample": "shuffle", "feature_matching": 10.0, "order": "simultaneous"}),
    ("pix2pix", {"adversary": "wasserstein", "gradient_penalty": 10.0}),
    ("pix2pixhd", {"features": 2, "encoder_width": 2, "enhancers": 1, "upsample": "resize"}),
    ("spade", {"style": 4, "encoder_width": 2}),
    ("srgan", {"discriminator_pooled": True}),
    ("cyclegan", {"upsample": "resize"}),
]


@pytest.mark.parametrize(("system", "more"), VARIANTS, ids=str)
def test_every_operation_of_a_step_has_a_kernel_that_repeats(
    system: str, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which knows no such device
    kind, domains = SYSTEMS[system], domains_of(system)
    model = kind(kind.Options(**{**SMALL.get(system, {}), **more}), domains).to("meta")
    batch = Batch(*(tensor.to("meta") for tensor in fitting_batch(domains)))
    with Met() as met:
        for losses in model.losses(batch, 0):
            sum(losses.terms.values()).backward(  # type: ignore[union-attr]  # never the empty sum
                inputs=[p for p in model.get_submodule(losses.trains).parameters() if p.requires_grad]
            )
    assert "convolution_backward" in met.names
    assert not met.names & set(WITHOUT)


def test_so_has_the_network_of_perceptual_losses() -> None:
    pictures = torch.zeros(1, 3, 32, 32, device="meta", requires_grad=True)
    with Met() as met:
        sum(maps.sum() for maps in vgg19().to("meta")(pictures)).backward()
    assert "max_pool2d_with_indices_backward" in met.names  # goes over the inputs; only the adaptive ones add at random
    assert not met.names & set(WITHOUT)


def test_the_list_is_of_names_that_torch_has() -> None:
    assert [name for name in WITHOUT if not hasattr(torch.ops.aten, name)] == []
    pictures = torch.zeros(1, 3, 8, 8, device="meta", requires_grad=True)
    with Met() as met:
        functional.pad(pictures, (1, 1, 1, 1), mode="reflect").sum().backward()
    assert met.names & set(WITHOUT)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("pad", [1, 3])
def test_borders_of_copies_are_torch_s_reflection(pad: int, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    one = torch.randn(2, 5, 6, 4, dtype=torch.float64).to(memory_format=layout).requires_grad_()
    other = one.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    expected = functional.pad(one, (pad,) * 4, mode="reflect")
    found = reflect_side(reflect_side(other, 3, pad, pad), 2, pad, pad)
    assert torch.equal(expected, found)
    assert found.is_contiguous(memory_format=layout)
    weights = torch.randn_like(expected)
    (expected * weights).sum().backward()
    (found * weights).sum().backward()
    torch.testing.assert_close(one.grad, other.grad, rtol=1e-12, atol=1e-12)


def test_maps_smaller_than_their_border_are_refused_in_torch_s_words() -> None:
    with pytest.raises(RuntimeError, match="Padding size should be less"):
        ReflectionPad(3)(torch.zeros(1, 1, 3, 8, device="meta"))


def test_a_pool_over_single_places_is_left_out() -> None:
    torch.manual_seed(0)
    network = SRDiscriminator(size=(32, 48), width=2, pooled=True).eval()
    pictures = torch.randn(1, 3, 32, 48)
    assert torch.equal(network(pictures), network.dense(network.pool(network.layers(pictures))))
