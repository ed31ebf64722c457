"""At which size a network sees a picture, and how the result comes back."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image
from torch import Tensor, nn

from diptych.data.transforms import Geometry
from diptych.errors import DiptychError, UsageError
from diptych.pictures.kinds import Kind
from diptych.pictures.sizes import Fit, parse_size, resized_size, size_text
from diptych.translator.card import Card, read_cards, write_cards
from diptych.translator.translator import Translator

RNG = np.random.default_rng(0)
CARD = Card("a-to-b", "generator", "resnet", {}, Kind(), Kind(), 1, (16, 24), fit="stretch", load_size=(20, 30))


class Seen(nn.Module):
    """Gives back what it is given, and remembers how large that was."""

    def __init__(self, target_channels: int = 3, factor: int = 1) -> None:
        super().__init__()
        self.channels, self.factor = target_channels, factor
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, source: Tensor) -> Tensor:
        self.shapes.append(tuple(source.shape))
        return source[:, : self.channels].float().repeat_interleave(self.factor, 2).repeat_interleave(self.factor, 3)


def translator_of(card: Card, **network: int) -> tuple[Translator, list[tuple[int, ...]]]:
    seen = Seen(**network)
    return Translator(seen, card), seen.shapes


def picture_of(height: int, width: int, depth: str = "uint8") -> np.ndarray:
    small = RNG.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3)).repeat(4, 0).repeat(4, 1)[:height, :width]
    return (small * (257 if depth == "uint16" else 1)).astype(depth)


@pytest.mark.parametrize(
    ("fit", "size", "wanted"),
    [
        ("stretch", (50, 100), (16, 24)),
        ("stretch", (4, 4), (16, 24)),
        ("shorter-side", (100, 200), (16, 32)),
        ("shorter-side", (200, 100), (48, 24)),  # 16 wide would be under the crop's width
        ("shorter-side", (8, 40), (16, 80)),
        ("none", (50, 100), (50, 100)),
        ("none", (8, 40), (16, 80)),  # training enlarges it too, since a crop must find room
        ("own", (50, 100), (50, 100)),
        ("own", (8, 40), (8, 40)),
    ],
)
def test_the_scale_of_training(fit: Fit | Literal["own"], size: tuple[int, int], wanted: tuple[int, int]) -> None:
    translator, shapes = translator_of(replace(CARD, fit=fit))
    picture = picture_of(*size)
    result = translator(picture)
    assert result.shape == picture.shape
    assert shapes == [(1, 3, *wanted)]


@settings(deadline=None, derandomize=True)
@given(
    fit=some.sampled_from(["stretch", "shorter-side", "none"]),
    size=some.tuples(some.integers(1, 200), some.integers(1, 200)),
    crop=some.tuples(some.integers(1, 40), some.integers(1, 40)),
)
def test_validation_takes_the_middle_of_what_translating_sees(
    fit: Fit, size: tuple[int, int], crop: tuple[int, int]
) -> None:
    card = replace(CARD, fit=fit, size=crop)
    tall, wide, top, left, mirrored = Geometry((crop[0] + 5, crop[1] + 9), crop, fit).whole(*size)
    assert (tall, wide) == card.network_size(*size)
    assert (top, left, mirrored) == ((tall - crop[0]) // 2, (wide - crop[1]) // 2, False)
    if fit == "shorter-side" and max(crop) <= 2 * min(crop):  # as is said of it, in other words
        assert tall == crop[0] or wide == crop[1] or min(tall, wide) == min(crop)


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
@pytest.mark.parametrize("filter", ["bicubic", "bilinear", "area"])
def test_there_and_back_is_pillow_s_resize(filter: Literal["bicubic", "bilinear", "area"], depth: Any) -> None:
    kind = Kind(depth=depth)
    translator, _ = translator_of(replace(CARD, filter=filter, source=kind, target=kind))
    picture = picture_of(60, 48, depth)
    there = {"bicubic": 3, "bilinear": 2, "area": 4}[filter]
    back = 3 if filter == "area" else there
    step, plain = (
        (257, np.float32) if depth == "uint16" else (1, np.uint8)
    )  # Pillow clips 8 bits between its two passes
    for channel in range(3):
        plane = Image.fromarray(picture[..., channel].astype(plain))
        small = np.asarray(plane.resize((24, 16), Image.Resampling(there)))
        whole = np.clip(np.rint(small), 0, 255 * step).astype(plain)
        large = np.asarray(Image.fromarray(whole).resize((48, 60), Image.Resampling(back)))
        off = translator(picture)[..., channel].astype(int) - np.clip(np.rint(large), 0, 255 * step)
        assert np.abs(off).max() <= 2


def test_sizes_that_are_asked_for() -> None:
    translator, shapes = translator_of(CARD)
    picture = picture_of(50, 100)
    np.testing.assert_array_equal(translator(picture, size="own"), picture)
    for size in ("training", None, 20, "20", (20, 40), "20x40"):
        assert translator(picture, size=size).shape == picture.shape
    assert [shape[2:] for shape in shapes] == [(50, 100), (16, 24), (16, 24), (20, 20), (20, 20), (20, 40), (20, 40)]
    translator.tile = 512  # tiles are for large pictures as they are
    translator(picture)
    translator(picture, size="training")
    assert [shape[2:] for shape in shapes[-2:]] == [(50, 100), (16, 24)]


@pytest.mark.parametrize("size", ["big", "", "0", "-3", 0, -1, (4, 0), (1, 2, 3), "4x", "4x5x6", "٣"])
def test_what_is_no_size_is_refused(size: Any) -> None:
    with pytest.raises(UsageError, match="give own, training, a side such as 256, or HEIGHTxWIDTH"):
        parse_size(size)


def test_names_of_sizes() -> None:
    assert [size_text(size) for size in (None, "own", 128, "128x256", (4, 5))] == [
        "",
        "own",
        "128x128",
        "128x256",
        "4x5",
    ]


def test_classes_and_instances_are_never_mixed() -> None:
    kind = Kind(colour="labels", classes=9, instances=True)
    translator, shapes = translator_of(
        replace(CARD, source=kind, target=Kind(colour="channels", channels=2)), target_channels=2
    )
    maps = RNG.integers(0, 2, (64, 48, 2)).astype(np.uint16) * 7
    (seen,) = translator.resize_sources([maps], (16, 24))
    assert set(np.unique(seen)) <= {0, 7}
    np.testing.assert_array_equal(seen, maps[2::4, 1::2])  # the pixel in the middle of each
    assert translator.stored(maps).shape == (64, 48, 2)
    assert shapes[0][2:] == (16, 24)


def test_super_resolution_and_inpainting_keep_their_size() -> None:
    for card, network in (
        (replace(CARD, scale=2), {"factor": 2}),
        (replace(CARD, source=Kind(colour="holed")), {}),
    ):
        translator, shapes = translator_of(card, **network)
        picture = np.concatenate([picture_of(30, 50), np.full((30, 50, 1), 255, np.uint8)], axis=2)
        result = translator.stored(picture[..., : card.source.stored_channels])
        assert result.shape == (30 * card.scale, 50 * card.scale, 3)
        assert shapes[0][2:] == (30, 50)


class Colours(nn.Module):
    """A blue to the left and a yellow to the right of whatever it is given."""

    def forward(self, source: Tensor) -> Tensor:
        planes = torch.zeros(len(source), 2, *source.shape[2:])
        planes[:, 1, :, : source.shape[3] // 2] = -0.3
        planes[:, 1, :, source.shape[3] // 2 :] = 0.3
        return planes


def test_colour_is_laid_on_the_lightness_of_the_picture_at_its_own_size() -> None:
    card = replace(CARD, source=Kind(colour="lightness"), target=Kind(colour="chroma"))
    picture = RNG.integers(90, 160, (96, 96, 1)).repeat(3, 2).astype(np.uint8)  # noise, which no smaller picture holds
    result = Translator(Colours(), card)(picture)
    lightness = Kind(colour="lightness")
    assert (lightness.to_tensor(result) - lightness.to_tensor(picture)).abs().max() < 0.02
    chroma = Kind(colour="chroma").to_tensor(result)
    assert chroma[1, :, :40].max() < -0.25
    assert chroma[1, :, 56:].min() > 0.25


def test_pictures_that_the_network_sees_at_one_size_share_a_batch() -> None:
    translator, shapes = translator_of(CARD)
    pictures = [picture_of(*size) for size in ((16, 24), (50, 70), (9, 9))]
    together = translator.translate_many(pictures)
    assert shapes == [(3, 3, 16, 24)]
    for one, alone in zip(together, map(translator.stored, pictures), strict=True):
        np.testing.assert_array_equal(one, alone)


def test_results_stay_in_their_range() -> None:
    kind = Kind(depth="uint16", low=1000, high=2000)
    translator, _ = translator_of(replace(CARD, source=kind, target=kind))
    picture = np.where(RNG.random((60, 60, 3)) < 0.5, 1000, 2000).astype(np.uint16)
    result = translator(picture)
    assert result.min() >= 1000
    assert result.max() <= 2000


def test_a_card_carries_the_scale_and_an_older_one_means_own_size(tmp_path: Path) -> None:
    place = tmp_path / "card.json"
    card = replace(CARD, fit="shorter-side", filter="area")
    place.write_text(write_cards([card]))
    assert read_cards(place)["a-to-b"] == card
    told = json.loads(place.read_text())
    for name in ("fit", "load_size", "filter"):
        del told["translators"][0][name]
    place.write_text(json.dumps(told))
    older = read_cards(place)["a-to-b"]
    assert (older.fit, older.load_size, older.rule) == ("own", None, "own")
    assert older.network_size(50, 100) == (50, 100)
    for name, value in (("fit", "squeeze"), ("filter", "nearest"), ("size", [0, 4])):
        told["translators"][0][name] = value
        place.write_text(json.dumps(told))
        with pytest.raises(DiptychError, match="is no card that this version can read"):
            read_cards(place)


def test_training_stays_as_it_was() -> None:
    """The plain rule of training, written out once more."""
    assert resized_size("stretch", 50, 100, (12, 12), (10, 10)) == (12, 12)
    assert resized_size("shorter-side", 50, 100, (12, 12), (10, 10)) == (12, 24)
    assert resized_size("none", 5, 10, (12, 12), (10, 10)) == (10, 20)


def test_sizes_that_are_none_are_refused_in_a_sentence() -> None:
    for size in (0, -1, 1.5, (1, 2, 3), (0, 4), (1.5, 2), "abc", ""):
        with pytest.raises(UsageError, match="give own, training"):
            parse_size(size)  # type: ignore[arg-type]  # as a user without types may write
