"""Augmentation: beside scipy's and scikit-image's geometry, the same for both sides, by address, and off unless asked for."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from packed import packed
from scipy.interpolate import BSpline
from scipy.ndimage import map_coordinates
from sets import beside, class_map, draw_set, photo, save
from skimage.transform import AffineTransform, SimilarityTransform, warp
from toys import assert_equal, run_to_end, tiny_recipe, weights

from diptych.data import DataSettings, open_dataset
from diptych.data.augment import KNOTS, Augment, Move, Places, places_of, reflected, spline, taken
from diptych.data.resident import resident
from diptych.data.transforms import Geometry, Window
from diptych.errors import UsageError
from diptych.pictures.kinds import Kind, Stored

ALL = Augment(flip_vertical=True, rotate=20, zoom=0.3, elastic=0.04)
NONE = Move(False, 0.0, None)


def waves(height: int, width: int) -> Stored:
    """Smooth, and no two places alike: what any good interpolation gives back."""
    rows, columns = np.mgrid[:height, :width]
    channels = [np.sin(rows / 9 + columns / 17), np.cos(columns / 11 - rows / 23), np.sin((rows + columns) / 13)]
    return np.rint(127.5 + 120 * np.stack(channels, axis=2)).astype(np.uint8)


def crops(settings: DataSettings, count: int = 6, seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    dataset = open_dataset(settings, "train", train=True)
    return [dataset.sample(index, np.random.default_rng([seed, index])) for index in range(count)]


@pytest.mark.parametrize("angle", [7.0, -40.0, 90.0, 155.0])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("upside_down", [False, True])
def test_turned_as_scikit_image_turns(angle: float, mirrored: bool, upside_down: bool) -> None:
    """Beyond the borders too, where both go on as in a mirror. It maps the crop's places to the picture's."""
    picture, crop, corner = waves(70, 90), (40, 60), (20, 10)
    move = Move(upside_down, np.deg2rad(angle), None)
    found = Geometry((70, 90), crop).apply(picture, Window(70, 90, *corner, mirrored), "bicubic", move)
    middle = np.array([(crop[1] - 1) / 2, (crop[0] - 1) / 2])  # x, y
    flips = AffineTransform(scale=(-1 if mirrored else 1, -1 if upside_down else 1))
    to_picture = SimilarityTransform(translation=-middle) + flips
    to_picture += SimilarityTransform(rotation=np.deg2rad(angle))
    to_picture += SimilarityTransform(translation=middle + np.array(corner)[::-1])
    wanted = warp(picture, to_picture, output_shape=crop, order=1, mode="symmetric", preserve_range=True)
    off = np.abs(found.astype(float) - wanted)
    assert off.mean() < 0.8
    assert np.quantile(off, 0.99) < 4  # at the fold of the mirror the two interpolate differently


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    """Counterclockwise as seen, to the pixel for class numbers."""
    numbers = np.random.default_rng(0).integers(0, 9, (32, 32, 1), dtype=np.uint8)
    found = Geometry((32, 32), (32, 32)).apply(
        numbers, Window(32, 32, 0, 0, False), "nearest", NONE._replace(angle=np.pi / 2)
    )
    assert np.array_equal(found, np.rot90(numbers))


def test_places_beyond_the_borders() -> None:
    picture = np.random.default_rng(0).random((5, 7))
    places = np.stack(np.meshgrid(np.arange(-9, 14), np.arange(-12, 19), indexing="ij")).astype(float)
    rows, columns = (reflected(at, side).astype(int) for at, side in zip(places, picture.shape, strict=True))
    assert np.array_equal(picture[rows, columns], map_coordinates(picture, places, order=0, mode="reflect"))


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("size", [(70, 90), (35, 45), (140, 180)], ids=["as it is", "enlarged", "reduced"])
def test_bent_as_scipy_bends(size: tuple[int, int], depth: str) -> None:
    """The picture's own formula at the places where scipy's splines move the pixels."""
    scale = {"uint8": 1.0, "uint16": 257.0, "float32": 1 / 255}[depth]
    stored = (waves(*size).astype(np.float64) * scale).astype(depth)
    offsets = np.random.default_rng(3).uniform(-3, 3, (2, KNOTS + 3, KNOTS + 3))
    found = Geometry((70, 90), (40, 60)).apply(
        stored, Window(70, 90, 20, 10, False), "bicubic", NONE._replace(offsets=offsets)
    )
    bases = [
        BSpline(np.arange(-3, KNOTS + 4), np.eye(KNOTS + 3), 3)((np.arange(n) + 0.5) / n * KNOTS) for n in (40, 60)
    ]
    rows, columns = np.mgrid[20:60, 10:70] + np.tensordot(
        bases[0], np.tensordot(offsets, bases[1], (2, 1)), (1, 1)
    ).transpose(1, 0, 2)
    ratios = size[0] / 70, size[1] / 90
    places = [(at + 0.5) * ratio - 0.5 for at, ratio in zip((rows, columns), ratios, strict=True)]
    wanted = np.stack(
        [
            map_coordinates(channel, places, order=3, mode="reflect")
            for channel in stored.astype(float).transpose(2, 0, 1)
        ],
        2,
    )
    assert found.dtype == stored.dtype
    assert np.abs(found / scale - wanted / scale).mean() < 1
    assert np.abs(found / scale - wanted / scale).max() < 5


def test_the_spline_is_scipys_and_its_counts_sum_to_one() -> None:
    wanted = BSpline(np.arange(-3, KNOTS + 4), np.eye(KNOTS + 3), 3)((np.arange(50) + 0.5) / 50 * KNOTS)
    np.testing.assert_allclose(spline(50), wanted, atol=1e-12)
    np.testing.assert_allclose(spline(7).sum(1), 1)


def test_nothing_is_folded_at_the_largest_strength() -> None:
    """Neighbouring pixels keep their order: the area between them stays positive, whatever is drawn."""
    rng = np.random.default_rng(0)
    for number in range(60):
        offsets = Augment(elastic=0.1).draw(rng, (64, 48)).offsets
        assert offsets is not None
        if number % 2:  # all knots at their bounds
            offsets = np.sign(offsets) * np.array([6.4, 4.8])[:, None, None]
        assert np.abs(offsets[0]).max() <= 6.4
        places = places_of((0, 0), (64, 48), False, Move(False, 0.0, offsets))
        down, across = np.diff(places, axis=1)[:, :, :-1], np.diff(places, axis=2)[:, :-1]
        assert (down[0] * across[1] - down[1] * across[0]).min() > 0


def test_class_numbers_are_taken_from_where_pixels_are() -> None:
    """Nearest: no number that was not there; far from the borders of its patch each lies where its colour lies."""
    rng = np.random.default_rng(1)
    numbers = class_map(rng, height=96, width=96)[..., None]
    geometry, window = Geometry((110, 110), (96, 96)), Window(110, 110, 6, 9, True)
    for _ in range(4):
        move = ALL.draw(rng, (96, 96))
        chosen = geometry.apply(numbers, window, "nearest", move)
        levels = geometry.apply(numbers * 40, window, "bilinear", move).astype(int)
        assert set(np.unique(chosen)) <= set(np.unique(numbers))
        assert (np.abs(levels - 40 * chosen) <= 2).mean() > 0.85


def test_both_sides_of_a_pair_stay_together(tmp_path: Path) -> None:
    pictures = [photo(np.random.default_rng(number)) for number in range(6)]
    for split in ("train", "val"):
        save(tmp_path / split, [beside(one, one) for one in pictures])
    settings = DataSettings(folder=str(tmp_path), layout="side-by-side", load_size=40, crop_size=32, augment=ALL)
    for source, target in crops(settings):
        assert source.shape == (3, 32, 32)
        assert torch.equal(source, target)
    assert not torch.equal(crops(settings)[0][0], crops(settings, seed=1)[0][0])


def test_the_sets_of_unpaired_data_are_moved_apart(tmp_path: Path) -> None:
    """All pictures are alike, and so are crops without augmentation."""
    alike = [photo(np.random.default_rng(0))] * 3
    save(tmp_path / "trainA", alike)
    save(tmp_path / "trainB", alike)
    plain = DataSettings(folder=str(tmp_path), task="unpaired", load_size=48, crop_size=48, mirror=False)
    assert all(torch.equal(source, target) for source, target in crops(plain, 3))
    turned = DataSettings(**vars(plain) | {"augment": Augment(rotate=30)})
    assert not any(torch.equal(source, target) for source, target in crops(turned, 3))


@pytest.mark.parametrize("task", ["edges", "greyscale", "colorization", "holed", "labelled", "unpaired"])
def test_other_tasks(task: Any, tmp_path: Path) -> None:
    folder = draw_set(tmp_path / "set", {"labelled": "labels", "unpaired": "unpaired"}.get(task, "single"))
    kind = Kind(colour="labels", classes=5) if task == "labelled" else Kind()
    settings = DataSettings(str(folder), task, source=kind, load_size=40, crop_size=32, augment=ALL)
    for source, target in crops(settings):
        assert target.shape[1:] == source.shape[1:] == (32, 32)
        assert bool(torch.isfinite(source).all())
        if task == "holed":
            known = source[3] < 0
            assert torch.equal(source[:3, known], target[:, known])


def test_shards_give_what_the_folder_gives(toy_pairs: Path, tmp_path: Path) -> None:
    packed(toy_pairs, tmp_path / "shards")
    settings = [
        DataSettings(str(folder), load_size=18, crop_size=16, augment=ALL)
        for folder in (toy_pairs, tmp_path / "shards")
    ]
    for one, other in zip(*map(crops, settings), strict=True):
        assert all(torch.equal(first, second) for first, second in zip(one, other, strict=True))


def test_off_nothing_is_drawn_and_nothing_changes() -> None:
    rng, other = np.random.default_rng(4), np.random.default_rng(4)
    off, picture = Augment(), waves(20, 30)
    assert off.factor(rng) == 1
    assert off.draw(rng, (8, 8)) == NONE
    assert off.coloured(picture, Kind(), rng) is picture
    assert rng.random() == other.random()
    geometry, window = Geometry((18, 18), (16, 12)), Window(18, 18, 1, 2, True)
    assert np.array_equal(geometry.apply(picture, window, "", NONE), geometry.apply(picture, window))


def test_upside_down_is_exact() -> None:
    geometry, picture = Geometry((20, 30), (16, 12)), waves(20, 30)
    for mirrored in (False, True):
        window = Window(20, 30, 1, 2, mirrored)
        found = geometry.apply(picture, window, "", NONE._replace(upside_down=True))
        assert np.array_equal(found, geometry.apply(picture, window)[::-1])


def test_as_much_is_drawn_as_is_stated() -> None:
    rng = np.random.default_rng(0)
    moves = [Augment(flip_vertical=True, rotate=10).draw(rng, (8, 8)) for _ in range(2000)]
    angles = np.rad2deg([move.angle for move in moves])
    assert np.mean([move.upside_down for move in moves]) == pytest.approx(0.5, abs=0.04)
    assert (angles.min(), angles.max()) == pytest.approx((-10, 10), abs=0.05)
    assert angles.std() == pytest.approx(10 / 3**0.5, rel=0.05)
    factors = np.log([Augment(zoom=0.25).factor(rng) for _ in range(2000)])
    assert (factors.min(), factors.max()) == pytest.approx((-np.log(1.25), np.log(1.25)), abs=0.002)
    assert factors.mean() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("fit", ["stretch", "shorter-side", "none"])
def test_zooming_stays_within_the_picture(fit: Literal["stretch", "shorter-side", "none"]) -> None:
    geometry, seen = Geometry((40, 40), (32, 32), fit), set()
    for seed in range(200):
        rng = np.random.default_rng(seed)
        window = geometry.draw(rng, 60, 48, Augment(zoom=0.5).factor(rng))
        assert window.top + 32 <= window.height
        assert window.left + 32 <= window.width
        seen.add(window.height)
    plain = geometry.draw(np.random.default_rng(0), 60, 48).height
    assert min(seen) < plain < max(seen) <= 1.5 * plain
    assert min(seen) >= 32


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_colours_are_changed_as_stated(depth: Literal["uint8", "uint16", "float32"]) -> None:
    """Written again by the book, in values from 0 to 1."""
    kind = Kind(depth=depth)
    picture = (waves(12, 10) / 255 * kind.range[1]).astype(depth)
    found = Augment(colour=0.4).coloured(picture, kind, np.random.default_rng(8))
    saturation, contrast, brightness = 1 + np.random.default_rng(8).uniform(-0.4, 0.4, 3)
    values = picture / kind.range[1]
    grey = (values @ [0.299, 0.587, 0.114])[..., None]
    values = grey + saturation * (values - grey)
    wanted = np.clip(brightness * (values.mean() + contrast * (values - values.mean())), 0, 1)
    np.testing.assert_allclose(found / kind.range[1], wanted, atol=0.004)
    assert found.dtype == picture.dtype
    grey_picture = np.full((4, 4, 1), 100, dtype=np.uint8)
    assert len(np.unique(Augment(colour=0.4).coloured(grey_picture, Kind("grey"), np.random.default_rng(8)))) == 1


def test_colours_of_the_source_alone(toy_pairs: Path) -> None:
    plain = DataSettings(folder=str(toy_pairs), load_size=18, crop_size=16)
    coloured = DataSettings(**vars(plain) | {"augment": Augment(colour=0.3)})
    for (source, target), (other, same) in zip(crops(plain), crops(coloured), strict=True):
        assert torch.equal(target, same)
        assert not torch.equal(source, other)
    validation = open_dataset(coloured, "val", train=False), open_dataset(plain, "val", train=False)
    source, other = (dataset.sample(0, np.random.default_rng(0))[0] for dataset in validation)
    assert torch.equal(source, other)


@pytest.mark.parametrize(
    ("augment", "task", "words"),
    [
        ({"rotate": 181.0}, "pairs", "data.augment.rotate is 181.0; it must lie between 0 and 180"),
        ({"zoom": -0.1}, "pairs", "data.augment.zoom"),
        ({"elastic": 0.2}, "pairs", "between 0 and 0.1"),
        ({"colour": float("nan")}, "pairs", "data.augment.colour"),
        ({"rotate": 5.0}, "shrunk", 'does not go with data.task = "shrunk"'),
        ({"colour": 0.1}, "unpaired", "the source is no photo of its own"),
        ({"colour": 0.1}, "greyscale", "the source is no photo of its own"),
    ],
)
def test_what_cannot_be_is_refused(augment: dict[str, Any], task: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        DataSettings(task=task, augment=Augment(**augment))


def test_pictures_that_stay_on_the_device_are_not_augmented(toy_pairs: Path) -> None:
    settings = DataSettings(folder=str(toy_pairs), load_size=18, crop_size=16, augment=Augment(rotate=5))
    dataset = open_dataset(settings, "train", train=True)
    assert resident(dataset, settings, torch.device("cpu"), 2.0**40, "auto") is None
    with pytest.raises(UsageError, match=r"data.resident=on is not possible here: data.augment changes them"):
        resident(dataset, settings, torch.device("cpu"), 2.0**40, "on")


def test_stopped_and_resumed_equals_never_stopped(toy_pairs: Path, tmp_path: Path) -> None:
    words = ["data.augment.rotate=20", "data.augment.zoom=0.2", "data.augment.elastic=0.05", "data.augment.colour=0.2"]
    recipe = tiny_recipe("pix2pix", toy_pairs, *words, "data.augment.flip_vertical=true", "data.workers=2")
    straight, _ = run_to_end(recipe, tmp_path / "straight")
    run_to_end(recipe.replace(steps=3), tmp_path / "halves")
    halves, _ = run_to_end(recipe, tmp_path / "halves")
    assert_equal(weights(straight), weights(halves))
    plain, _ = run_to_end(tiny_recipe("pix2pix", toy_pairs), tmp_path / "plain")
    assert any(not torch.equal(one, weights(plain)[name]) for name, one in weights(straight).items())


def test_only_what_is_needed_is_resized() -> None:
    """Taking a crop from the part around it equals taking it from the whole."""
    picture, rng = waves(120, 160), np.random.default_rng(2)
    places: Places = rng.uniform(30, 40, (2, 12, 12))
    alone = taken(picture, (90, 130), places, "bicubic")
    corners = np.array([[0.0, 89.0], [0.0, 129.0]])[:, None]
    among = taken(picture, (90, 130), np.concatenate([places, np.repeat(corners, 12, axis=1)], axis=2), "bicubic")
    assert np.abs(alone.astype(int) - among[:, :12]).max() <= 1
