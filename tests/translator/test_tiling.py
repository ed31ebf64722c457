"""Tiles: their cuts, and that a picture in tiles comes out as it does whole."""

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from diptych.errors import DiptychError, UsageError
from diptych.networks import NETWORKS, NetworkSpec
from diptych.networks.noise import seeded
from diptych.pictures.kinds import Kind
from diptych.translator import tiling
from diptych.translator.card import Card
from diptych.translator.translator import Translator

NETS: dict[str, tuple[str, Mapping[str, Any], int]] = {
    "instance": ("resnet", {"width": 4, "blocks": 2, "norm": "instance"}, 4),
    "batch of the picture": ("resnet", {"width": 4, "blocks": 2, "norm": "batch", "statistics": "picture"}, 4),
    "running": ("resnet", {"width": 4, "blocks": 2, "norm": "batch", "statistics": "running"}, 4),
    "skips and dropout": ("unet", {"width": 4, "depth": 3, "norm": "batch", "statistics": "picture"}, 8),
    "none": ("resnet", {"width": 4, "blocks": 2, "norm": "none"}, 4),
    "blurred halvings": ("antialiased-resnet", {"width": 4, "blocks": 1}, 4),
}


def network_of(name: str) -> tuple[nn.Module, int]:
    kind, arguments, multiple = NETS[name]
    torch.manual_seed(5)
    spec = NetworkSpec(kind, {"channels_in": 3, "channels_out": 3, **arguments})
    return spec.build().eval(), multiple


def landscape(height: int, width: int) -> Tensor:
    """(1, 3, height, width): dark and light regions, whose statistics differ from place to place, and grain."""
    generator = torch.Generator().manual_seed(1)
    rows, columns = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)
    waves = torch.stack([torch.sin(7 * rows * columns + phase) for phase in (0.0, 1.0, 2.0)])
    return (0.5 * waves + 0.4 * rows + 0.2 * torch.randn(3, height, width, generator=generator)).clamp(-1, 1)[None]


def jump(result: Tensor, whole: Tensor, borders: list[int]) -> tuple[float, float]:
    """How much the error changes from a row to the next, at the tiles' borders and everywhere: means."""
    steps = (result - whole).diff(dim=-2).abs().mean(dim=(0, 1, 3))
    return float(steps[borders].mean()), float(steps.mean())


@pytest.mark.parametrize("name", NETS)
def test_in_tiles_as_whole(name: str) -> None:
    network, multiple = network_of(name)
    source = landscape(384, 320)
    with torch.inference_mode(), seeded(3):
        whole = network(source)
    told: list[tuple[str, int, int]] = []
    found = tiling.translate(
        network, source, 3, 160, multiple, overlap=64, on_progress=lambda *words: told.append(words)
    )
    assert found.shape == whole.shape
    difference = (found - whole).abs() * 127.5
    assert difference.mean() < 0.2  # of 255 levels; the promise is 1
    assert difference.max() < 6
    at_borders, everywhere = jump(
        found, whole, [start + 32 for start in tiling.Axis.cut(384, 160, 64, multiple).starts[1:]]
    )
    assert at_borders <= 2 * everywhere + 1e-4
    assert told[-1] == ("tiles", 12, 12)


def test_without_shared_statistics_it_would_be_another_picture() -> None:
    network, _ = network_of("instance")
    source = landscape(384, 320)
    with torch.inference_mode():
        whole = network(source)
        alone = network(source[..., :160, :160])
    assert (alone - whole[..., :160, :160]).abs().mean() * 127.5 > 2  # so the test above is worth something


def test_results_larger_than_their_sources() -> None:
    torch.manual_seed(5)
    network = NETWORKS["srresnet"](channels_in=3, channels_out=3, width=4, blocks=1, factor=2).eval()
    source = landscape(300, 200)
    with torch.inference_mode():
        whole = network(source)
    found = tiling.translate(network, source, 0, 128, 1, scale=2, overlap=32)
    torch.testing.assert_close(found, whole, atol=1e-4, rtol=0)


def test_layers_are_as_before_afterwards() -> None:
    network, _ = network_of("instance")
    source = landscape(64, 64)
    with torch.inference_mode():
        before = network(source)
        with pytest.raises(RuntimeError, match="stop"), tiling.shared_statistics(network):
            raise RuntimeError("stop")
        torch.testing.assert_close(network(source), before, rtol=0, atol=0)


@pytest.mark.parametrize("automatic", [False, True])
@pytest.mark.parametrize("name", ["instance", "skips and dropout"])
def test_threads_share_a_translator(name: str, automatic: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight of them, half with a picture that takes tiles; each result is bitwise that of a thread alone."""
    network, multiple = network_of(name)
    translator = Translator(network, card(multiple))
    if automatic:
        monkeypatch.setattr(tiling, "MAX_WHOLE_PIXELS", 64 * 64)
        monkeypatch.setattr(tiling, "free_bytes", lambda device: 2**20)
    else:
        translator.tile = 256
    asked = [landscape(64, 64), landscape(300, 40), landscape(40, 48), landscape(288, 56)] * 2
    wanted = [translator.batch(source, seed=number) for number, source in enumerate(asked)]

    def work(number: int) -> list[Tensor]:
        return [translator.batch(asked[number], seed=number) for _ in range(4)]

    with ThreadPoolExecutor(8) as pool:
        for number, results in enumerate(pool.map(work, range(8))):
            assert all(torch.equal(result, wanted[number]) for result in results)


def test_measuring_is_not_seen_by_those_who_use_the_network() -> None:
    """Its layers are copies, and their weights are none."""
    network, _ = network_of("skips and dropout")
    own = tiling.copy_layers(network)
    assert not {*map(id, network.modules())} & {*map(id, own.modules())}
    for told in (nn.Module.parameters, nn.Module.buffers):
        assert [*map(id, told(network))] == [*map(id, told(own))]


@given(
    size=st.integers(1, 40), tile=st.integers(3, 40), overlap=st.integers(1, 20), multiple=st.sampled_from([1, 4, 32])
)
@settings(max_examples=200, deadline=None)
def test_windows_add_up_to_one_and_tiles_lie_on_the_grid(size: int, tile: int, overlap: int, multiple: int) -> None:
    size, tile, overlap = (number * multiple for number in (size, tile, overlap))
    if overlap >= tile:
        return
    axis = tiling.Axis.cut(size, tile, overlap, multiple)
    total = torch.zeros(size)
    for start, window in zip(axis.starts, axis.windows, strict=True):
        assert start % multiple == 0
        assert start + axis.tile <= size
        total[start : start + axis.tile] += window
    torch.testing.assert_close(total, torch.ones(size))
    assert axis.tile <= tile
    for first, second in zip(axis.starts, axis.starts[1:], strict=False):
        assert first + axis.tile - second >= overlap - multiple


def test_tiles_that_are_too_small_are_refused() -> None:
    network, multiple = network_of("none")
    with pytest.raises(
        DiptychError, match="tiles of 100 leave nothing between overlaps of 128; give --tile 256 or more"
    ):
        tiling.translate(network, landscape(300, 300), 0, 100, multiple)


def test_memory_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    network, multiple = network_of("instance")
    running, _ = network_of("running")
    small, large = torch.zeros(1, 3, 256, 256), torch.zeros(1, 3, 1, 1).expand(1, 3, 4096, 4096)
    assert tiling.tile_for(network, small, multiple) == 0
    monkeypatch.setattr(tiling, "free_bytes", lambda device: 2**50)
    assert tiling.tile_for(network, large, multiple) == 0  # it fits, and statistics cost passes
    assert tiling.tile_for(running, large, multiple) == tiling.MAX_TILE
    monkeypatch.setattr(tiling, "free_bytes", lambda device: 2**28)
    assert 256 < tiling.tile_for(network, large, multiple) < tiling.MAX_TILE
    monkeypatch.setattr(tiling, "free_bytes", lambda device: math.inf)
    assert tiling.tile_for(network, large, multiple) == 0


def test_a_batch_needs_as_much_more(monkeypatch: pytest.MonkeyPatch) -> None:
    network, multiple = network_of("instance")
    one = torch.zeros(1, 3, 1, 1).expand(1, 3, 2304, 2304)
    needed = tiling.bytes_per_pixel(network, one, multiple) * 2304**2
    monkeypatch.setattr(tiling, "free_bytes", lambda device: 3 * needed)
    assert tiling.tile_for(network, one, multiple) == 0
    assert tiling.tile_for(network, one.expand(8, -1, -1, -1), multiple) > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_tiles_on_a_gpu() -> None:
    (network, multiple), source = network_of("instance"), landscape(640, 640)
    wanted = tiling.translate(network, source, 0, 384, multiple)
    found = tiling.translate(network.cuda(), source, 0, 384, multiple)
    torch.testing.assert_close(found, wanted, atol=1e-2, rtol=0)


def test_the_estimate_of_memory_is_of_the_right_size() -> None:
    network, multiple = network_of("instance")
    narrow = tiling.bytes_per_pixel(network, torch.zeros(1, 3, 512, 512), multiple)
    assert 4 * 2 * 4 <= narrow <= 4 * 4 * 50  # between two maps of 4 channels, and fifty


def card(multiple: int) -> Card:
    return Card("a-to-b", "generator", "resnet", {}, Kind(), Kind(), multiple, (64, 64))


def test_a_translator_takes_its_tile() -> None:
    network, multiple = network_of("instance")
    translator = Translator(network, card(multiple))
    source = landscape(600, 301)
    whole = translator.batch(source)
    translator.tile = 300
    told: list[str] = []
    translator.on_progress = lambda doing, done, count: told.append(doing)
    found = translator.batch(source)
    assert found.shape == (1, 3, 600, 301)
    assert (found - whole).abs().mean() < 1 / 255
    assert told[-1] == "tiles"
    assert told[0].startswith("statistics, layer 1 of ")
    translator.tile = 0
    torch.testing.assert_close(translator.batch(source), whole)
    network.has_style = True  # type: ignore[assignment]  # as SPADE with an encoder says it
    translator.tile = 300
    with pytest.raises(UsageError, match="a style belongs to the whole picture"):
        translator.batch(source)
