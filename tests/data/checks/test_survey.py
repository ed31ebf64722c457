"""What a folder holds is told by names, headers and a sample; real pictures are told as people would tell them."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from sets import beside, class_map, draw_set, drawing, photo, save

from diptych.data.checks import survey as surveying
from diptych.data.checks.content import class_numbers, plainer_side, seam
from diptych.data.checks.examine import num_colours
from diptych.data.checks.survey import Survey, survey
from diptych.data.settings import DataSettings
from diptych.errors import DiptychError


def look(folder: Path, sort: str = "") -> Survey:
    return survey(DataSettings(folder=str(draw_set(folder, sort) if sort else folder)))


@pytest.mark.parametrize(
    ("sort", "holds", "plainer", "numbers"),
    [
        ("halves", "halves", "b", ((), ())),
        ("photos side by side", "halves", "", ((), ())),
        ("pairs", "pairs", "b", ((), ())),
        ("unpaired", "unpaired", "", ((), ())),
        ("class maps", "pairs", "b", ((), (0, 1, 2, 3, 4))),
        ("labels", "pairs", "a", ((0, 1, 2, 3, 4), ())),
        ("single", "singles", "", ((), ())),
        ("turned", "singles", "", ((), ())),
    ],
)
def test_what_a_folder_holds(
    sort: str, holds: str, plainer: str, numbers: tuple[tuple[int, ...], ...], tmp_path: Path
) -> None:
    found = look(tmp_path / "set", sort)
    assert (found.holds, found.plainer, (found.a.numbers, found.b.numbers)) == (holds, plainer, numbers)


def test_the_same_folder_gives_the_same_survey(tmp_path: Path) -> None:
    first = look(tmp_path / "set", "pairs")
    for place in (tmp_path / "set").rglob("*.png"):  # another order in the directory
        os.rename(place, place.with_suffix(".part"))
        os.rename(place.with_suffix(".part"), place)
    assert look(tmp_path / "set") == first


@pytest.mark.parametrize(
    ("sort", "words"),
    [
        ("empty", "there is no picture in"),
        ("texts", "notes.txt, paper.pdf (no picture by the ending)"),
        ("one", "has one example only (0), and one more is needed to validate on; add pictures"),
        ("mixed", "seems to mix pairs side by side (such as 1) with single pictures (such as 0)"),
    ],
)
def test_a_folder_that_cannot_be_told(sort: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(DiptychError) as refusal:
        look(tmp_path / "set", sort)
    assert words in str(refusal.value)


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    folder = draw_set(tmp_path / "set", "halves")
    folder.chmod(0)
    with pytest.raises(DiptychError, match="cannot be read"):
        look(folder)
    folder.chmod(0o700)


def test_partners_by_nearly_the_same_name_are_asked_about(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    save(tmp_path / "A", [photo(rng) for _ in range(8)], "street_")
    for number in range(8):
        (tmp_path / "B").mkdir(exist_ok=True)
        Image.fromarray(photo(rng)).save(tmp_path / "B" / f"street_{number}_mask.png")
    with pytest.raises(DiptychError, match="nearly match") as refusal:
        look(tmp_path)
    assert "data.task=unpaired" in str(refusal.value)


def test_most_names_without_a_partner_are_two_sets(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    save(tmp_path / "A", [photo(rng) for _ in range(10)])
    save(tmp_path / "B", [photo(rng) for _ in range(10)])
    for number in range(9):
        os.rename(tmp_path / "B" / f"{number}.png", tmp_path / "B" / f"{'abcdefghi'[number]}.png")
    assert look(tmp_path).holds == "unpaired"


def test_channels_depths_and_opacity(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "A").mkdir()
    for number in range(4):
        Image.fromarray(rng.integers(0, 65536, (32, 32)).astype(np.uint16)).save(tmp_path / "A" / f"{number}.png")
    save(tmp_path / "B", [rng.integers(0, 256, (32, 32, 4), dtype=np.uint8) for _ in range(4)])
    found = look(tmp_path)
    assert (found.a.kind.colour, found.a.kind.depth, found.a.see_through) == ("grey", "uint16", False)
    assert (found.b.kind.colour, found.b.kind.depth, found.b.see_through) == ("rgb", "uint8", True)


def test_five_channels_of_float(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("A", "B"):
        (tmp_path / name).mkdir()
        for number in range(4):
            np.save(tmp_path / name / f"{number}.npy", rng.random((32, 32, 5), dtype=np.float32) * 3 - 1)
    found = look(tmp_path)
    assert (found.a.kind.colour, found.a.kind.channels, found.a.kind.depth) == ("channels", 5, "float32")
    assert -1 <= found.a.reaches[0] < -0.9
    assert 1.9 < found.a.reaches[1] <= 2


def test_only_a_sample_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """300 pairs: the headers of 200, the pixels of 24."""
    rng = np.random.default_rng(0)
    save(tmp_path, [beside(photo(rng, 16, 16), drawing(rng, 16, 16)) for _ in range(330)])
    counts = {"probe": 0, "read": 0}

    def counted(name: str) -> None:
        plain = getattr(surveying, name)

        def call(*words: object) -> object:
            counts[name] += 1
            return plain(*words)

        monkeypatch.setattr(surveying, name, call)

    counted("probe")
    counted("read")
    assert look(tmp_path).holds == "halves"
    assert counts == {"probe": 200, "read": 24}


def test_upright_pairs_are_told_by_their_seam(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    save(tmp_path, [beside(photo(rng, 96, 32), 255 - photo(rng, 96, 32)) for _ in range(8)])
    assert look(tmp_path).holds == "halves"


@pytest.mark.parametrize(("pairs", "plain", "holds"), [(1, 1, "singles"), (2, 2, "halves"), (1, 0, "halves")])
def test_one_seam_of_several_pictures_tells_nothing(pairs: int, plain: int, holds: str, tmp_path: Path) -> None:
    """The others are white in the middle, which tells neither; one more picture is held out."""
    rng = np.random.default_rng(0)
    photos = [photo(rng) for _ in range(pairs)]
    train = [beside(one, 255 - one) for one in photos] + [np.full((48, 96, 3), 255, np.uint8)] * plain
    save(tmp_path / "train", train)
    save(tmp_path / "val", train)
    assert look(tmp_path).holds == holds


def test_seams() -> None:
    rng = np.random.default_rng(0)
    one = photo(rng, 48, 96)
    assert seam(beside(one[:, :48], 255 - one[:, :48])) is True
    assert seam(one) is False
    assert seam(np.full((20, 40, 3), 255, np.uint8)) is None


def test_the_plainer_side_needs_a_sample_that_agrees() -> None:
    rng = np.random.default_rng(0)
    ones, others = [photo(rng) for _ in range(10)], [drawing(rng) for _ in range(10)]
    assert plainer_side(list(zip(ones, others, strict=True)))[0] == "b"
    assert plainer_side(list(zip(others, ones, strict=True)))[0] == "a"
    assert plainer_side(list(zip(ones[:4], others[:4], strict=True))) == ("", "")
    swapped = [*zip(ones[:8], others[:8], strict=True), *zip(others[8:], ones[8:], strict=True)]
    assert plainer_side(swapped) == ("", "")


def facade(rng: np.random.Generator) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """A textured photo in shades of one colour, and its coloured class map of many small parts."""
    coarse = Image.fromarray(rng.integers(60, 200, (32, 32), dtype=np.uint8))
    grey = np.asarray(coarse.resize((96, 96), Image.Resampling.BICUBIC))[..., None] + rng.integers(-30, 31, (96, 96, 1))
    palette = np.array(
        [[0, 0, 170], [0, 85, 255], [255, 85, 0], [0, 170, 255], [255, 170, 0], [85, 255, 170]], np.uint8
    )
    parts = palette[rng.integers(0, 6, (8, 8))].repeat(12, axis=0).repeat(12, axis=1)
    return (grey + np.array([20, 10, 0])).clip(0, 255).astype(np.uint8), parts


@pytest.mark.parametrize("quality", [75, 80, 90])
def test_a_class_map_of_many_colours_by_jpeg_is_the_plainer_side(quality: int, tmp_path: Path) -> None:
    """JPEG mixes colours at edges, so the class maps have more colours than the photos, by up to 4 times."""
    rng = np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(beside(*facade(rng))).save(tmp_path / f"{number}.jpg", quality=quality)
    pairs = [np.array_split(np.asarray(Image.open(path)), 2, axis=1) for path in sorted(tmp_path.iterdir())]
    assert all(1.5 < num_colours(parts) / num_colours(photograph) < 4.5 for photograph, parts in pairs)
    found = look(tmp_path)
    assert (found.plainer, found.plainness.endswith("times less detail")) == ("b", True)


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        ([0, 1, 2, 11], (0, 1, 2, 11)),
        ([0, 1, 2, 255], (0, 1, 2, 255)),
        ([0, 255], ()),  # a drawing
        ([0, 128, 255], ()),  # three shades
        ([7, 26, 11, 0], (0, 7, 11, 26)),
    ],
)
def test_numbers_of_classes(values: list[int], numbers: tuple[int, ...], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    maps = [np.array(values, np.uint8)[class_map(rng, len(values))] for _ in range(5)]
    save(tmp_path, maps)
    assert class_numbers(sorted(tmp_path.iterdir())) == numbers


def test_grey_photos_and_jpegs_are_no_class_maps(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    save(tmp_path / "grey", [photo(rng)[..., 0] // 4 for _ in range(5)])
    save(tmp_path / "jpeg", [class_map(rng) for _ in range(5)], ending="jpg")
    assert class_numbers(sorted((tmp_path / "grey").iterdir())) == ()
    assert class_numbers(sorted((tmp_path / "jpeg").iterdir())) == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "holds", "plainer", "numbers"),
    [
        ("facades", "halves", "b", ()),
        ("edges2handbags", "halves", "b", ()),
        ("camvid", "pairs", "b", tuple(range(12))),
        ("bsds500", "singles", "", ()),
        ("kodak", "singles", "", ()),
    ],
)
def test_real_pictures(name: str, holds: str, plainer: str, numbers: tuple[int, ...], shared_data: Path) -> None:
    found = look(shared_data / name)
    assert (found.holds, found.b.numbers) == (holds, numbers)
    assert found.plainer == plainer or holds == "singles"
