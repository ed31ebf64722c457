"""Feature networks: their weights, the refusal of wrong files, and distances of their features."""

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from diptych import checkpoints
from diptych.errors import DiptychError, UsageError
from diptych.evaluation import perceptual
from diptych.networks.features import pretrained
from diptych.networks.features.inception import InceptionV3
from diptych.networks.features.pretrained import (
    FEATURES,
    WEIGHTS,
    load,
    read_weights,
    resize,
    spec_of,
    weights_file,
)
from diptych.networks.features.vgg_alexnet import alexnet, vgg16


def pictures(count: int = 2, side: int = 64, seed: int = 0) -> Tensor:
    rough = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return torch.nn.functional.interpolate(rough, side, mode="bilinear")


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files with random weights that pass for the published ones of alexnet, vgg16 and inception-2015."""
    torch.manual_seed(0)
    for name in ("alexnet", "vgg16", "inception-2015"):
        spec = FEATURES[name]
        content = io.BytesIO()
        torch.save(spec.build().state_dict(), content)
        file = f"{name}-{hashlib.sha256(content.getvalue()).hexdigest()[:8]}.pth"
        (tmp_path / file).write_bytes(content.getvalue())
        monkeypatch.setitem(FEATURES, name, replace(spec, files=(file,)))
    monkeypatch.setenv(WEIGHTS, str(tmp_path))
    load.cache_clear()
    return tmp_path


def test_efficientnet_knows_what_it_sees(shared_data: Path) -> None:
    """The package's weights, our layers: a macaw is a macaw (ImageNet class 88)."""
    from PIL import Image

    picture = Image.open(shared_data / "kodak" / "kodim23.png").convert("RGB").resize((224, 224))
    tensor = torch.tensor(np.array(picture)).float().permute(2, 0, 1)[None] / 127.5 - 1
    network = load("efficientnet-lite0")
    with torch.inference_mode():
        assert network.logits(tensor).argmax().item() == 88  # type: ignore[operator]


def test_shapes() -> None:
    assert pretrained.features("efficientnet-lite0", pictures()).shape == (2, 1280)
    network = InceptionV3().eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 299, 299)).shape == (1, 2048)
        assert [tuple(found.shape[1:]) for found in vgg16()(pictures())] == [
            (64, 64, 64),
            (128, 32, 32),
            (256, 16, 16),
            (512, 8, 8),
            (512, 4, 4),
        ]
        assert [found.shape[1] for found in alexnet()(pictures())] == [64, 192, 384, 256, 256]


def test_parameter_counts_are_the_published_ones() -> None:
    counts = {name: sum(p.numel() for p in spec.build().parameters()) for name, spec in FEATURES.items()}
    assert counts == {
        "efficientnet-lite0": 4_652_008,
        "inception-2015": 23_850_960,  # 23,834,568 of the published network, and 8 classes more
        "squeezenet1.1": 1_235_496,
        "squeezenet1.1-caffe": 1_235_496,
        "vgg16": 14_714_688,
        "vgg19": 20_024_384,
        "alexnet": 2_469_696,
    }


def test_sizes() -> None:
    assert resize(pictures(), "efficientnet-lite0").shape[-2:] == (224, 224)
    assert resize(pictures(), "inception-2015").shape[-2:] == (299, 299)
    same = pictures(side=224)
    assert resize(same, "efficientnet-lite0") is same
    assert resize(pictures(), "vgg16").shape[-2:] == (64, 64)


def test_absent_weights_say_their_file_and_how_to_come_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv(WEIGHTS, raising=False)
    with pytest.raises(DiptychError, match=r"pt_inception-2015-12-05-6726825d\.pth.*DIPTYCH_WEIGHTS"):
        weights_file("inception-2015")
    with pytest.raises(UsageError, match='"efficientnet"'):
        spec_of("efficientnet")


def test_a_wrong_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / FEATURES["alexnet"].files[0]
    torch.save({"features.0.weight": torch.zeros(1)}, path)
    monkeypatch.setenv(WEIGHTS, str(tmp_path))
    assert weights_file("alexnet") == path
    with pytest.raises(
        DiptychError, match=r"is not the published alexnet: its SHA-256 begins with \w{8}, not 7be5be79"
    ):
        read_weights("alexnet", path)


@pytest.mark.parametrize("backbone", ["alexnet", "vgg16"])
def test_lpips_by_its_definition(published: Path, backbone: str) -> None:
    """Against torchmetrics' way of writing it: normalise, subtract, square, weigh by the learned heads, average."""
    one, other = pictures(seed=1), pictures(seed=2)
    found = perceptual.lpips(one, other, backbone)
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    with torch.inference_mode():
        network = load(backbone)
        first, second = network((one - shift) / scale), network((other - shift) / scale)
        expected = torch.zeros(2)
        for a, b, weights in zip(first, second, perceptual.head_weights(backbone), strict=True):
            unit = [torch.nn.functional.normalize(x, dim=1, eps=1e-10) for x in (a, b)]
            per_place = torch.nn.functional.conv2d((unit[0] - unit[1]) ** 2, weights.view(1, -1, 1, 1))
            expected += per_place.mean((1, 2, 3))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)
    assert perceptual.lpips(one, one, backbone).abs().max() == 0


def test_perceptual_distance_orders_damage() -> None:
    picture = pictures(1, 96)
    noisy = (picture + 0.2 * torch.randn(picture.shape, generator=torch.Generator().manual_seed(3))).clamp(-1, 1)
    little = (0.9 * picture + 0.1 * noisy).clamp(-1, 1)
    same, less, more = (float(perceptual.perceptual(picture, other)) for other in (picture, little, noisy))
    assert same == 0 < less < more < 2


def test_inception_features_read_from_a_file(published: Path) -> None:
    assert pretrained.features("inception-2015", pictures(1)).shape == (1, 2048)


def test_values_are_those_of_the_training() -> None:
    """The package states (byte - 127) / 128."""
    bytes_ = torch.arange(256.0).reshape(1, 1, 16, 16).repeat(1, 3, 14, 14)  # 224 x 224, so that nothing is resized
    found = pretrained.preprocess(bytes_ / 127.5 - 1, "efficientnet-lite0")
    torch.testing.assert_close(found, (bytes_ - 127) / 128, atol=1e-5, rtol=0)


def test_values_of_squeezenet() -> None:
    """torchvision states mean and deviation of values in [0, 1]; the Caffe model's are bytes less their mean."""
    bytes_ = torch.arange(256.0).reshape(1, 1, 16, 16).repeat(1, 3, 1, 1)
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    found = pretrained.as_trained(bytes_ / 127.5 - 1, "squeezenet1.1")
    torch.testing.assert_close(found, (bytes_ / 255 - mean) / deviation, atol=1e-5, rtol=0)
    found = pretrained.as_trained(bytes_ / 127.5 - 1, "squeezenet1.1-caffe")
    torch.testing.assert_close(
        found, bytes_ - torch.tensor([123.68, 116.779, 103.939]).view(3, 1, 1), atol=1e-4, rtol=0
    )


def test_converted_weights_are_known_by_their_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else the file says; a single changed value is refused."""
    name = "squeezenet1.1-caffe"
    spec = FEATURES[name]
    tensors = {key: torch.ones_like(value) for key, value in spec.build().state_dict().items()}
    path = tmp_path / f"converted-{checkpoints.checksum(tensors, '')[:8]}.safetensors"
    monkeypatch.setitem(FEATURES, name, replace(spec, files=(path.name,)))
    checkpoints.save(path, tensors, {"made by": "a test"})
    assert read_weights(name, path).keys() == tensors.keys()
    tensors["classifier.1.bias"][7] += 1
    checkpoints.save(path, tensors, {})
    with pytest.raises(
        DiptychError, match=r"squeezenet1\.1-caffe: its SHA-256 begins with .* benchmarks/squeezenet_weights"
    ):
        read_weights(name, path)
