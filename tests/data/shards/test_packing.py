"""What ``diptych data pack`` writes: plain tars of the same bytes, and the same samples as from the folder."""

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commanding import Typed, refused
from packed import packed
from PIL import Image
from toys import draw_labelled, draw_pairs

from diptych.data import DataSettings, open_dataset
from diptych.data.public.licences import licence_of
from diptych.errors import DiptychError, UsageError
from diptych.pictures.kinds import Kind

SMALL = {"load_size": 18, "crop_size": 16}


def draw_piles(folder: Path) -> Path:
    """Seven pictures in trainA, five in trainB, three in valA and valB."""
    rng = np.random.default_rng(0)
    for name, count in (("trainA", 7), ("trainB", 5), ("valA", 3), ("valB", 3)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            picture = Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8))
            picture.save(folder / name / f"{number}.{'jpg' if name == 'trainB' else 'png'}")
    return folder


def members_of(shard: Path) -> dict[str, bytes]:
    """What a shard holds, read as any tar is."""
    with tarfile.open(shard) as tar:
        return {info.name: file.read() for info in tar if (file := tar.extractfile(info)) is not None}


LABELS = Kind(colour="labels", classes=3, instances=True)
WAYS: dict[str, tuple[Callable[[Path], Path], dict[str, Any], dict[str, Any]]] = {
    "halves": (draw_pairs, {}, {}),
    "halves as piles": (draw_pairs, {}, {"task": "unpaired"}),
    "halves the other way": (draw_pairs, {}, {"direction": "b-to-a"}),
    "derived": (draw_pairs, {"task": "greyscale"}, {"task": "greyscale"}),
    "two folders": (draw_piles, {}, {}),
    "two folders as piles": (draw_piles, {}, {"task": "unpaired"}),
    "two piles": (draw_piles, {"task": "unpaired"}, {"task": "unpaired"}),
    "labelled": (draw_labelled, {"task": "labelled", "source": LABELS}, {"task": "labelled", "source": LABELS}),
}


@pytest.mark.parametrize("way", WAYS)
def test_shards_give_the_samples_of_the_folder(way: str, tmp_path: Path) -> None:
    draw, packing, reading = WAYS[way]
    folder = draw(tmp_path / "folder")
    if (
        way == "two folders as piles"
    ):  # of a folder, piles need no partners; of packed pairs, what has none was left out
        for number in (5, 6):
            (folder / "trainA" / f"{number}.png").unlink()
    packed(folder, tmp_path / "shards", **packing)
    for split, train in (("train", True), ("val", False)):
        plain, shards = (
            open_dataset(DataSettings(folder=str(place), **SMALL, **reading), split, train)  # type: ignore[arg-type]
            for place in (folder, tmp_path / "shards")
        )
        assert len(plain) == len(shards)
        for index in range(len(plain)):
            assert plain.name(index) == shards.name(index)
            pairs = zip(
                plain.sample(index, np.random.default_rng(index)),
                shards.sample(index, np.random.default_rng(index)),
                strict=True,
            )
            assert all(one.equal(other) for one, other in pairs)


def test_a_shard_is_a_plain_tar_of_the_same_bytes(tmp_path: Path) -> None:
    folder = draw_piles(tmp_path / "folder")
    index = packed(folder, tmp_path / "shards")
    held: dict[str, bytes] = {}
    for shard in index.shards:
        members = members_of(tmp_path / "shards" / shard.name)
        held |= {f"{shard.split} {name}": data for name, data in members.items()}
        assert (tmp_path / "shards" / shard.name).stat().st_size == shard.size
        if len(shard.examples) > 1:
            assert shard.size <= 4000
    assert held["train 00000003.a.png"] == (folder / "trainA" / "3.png").read_bytes()
    assert held["train 00000003.b.jpg"] == (folder / "trainB" / "3.jpg").read_bytes()
    assert len(held) == 2 * (5 + 3)


def test_the_webdataset_package_reads_it(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    folder = draw_piles(tmp_path / "folder")
    index = packed(folder, tmp_path / "shards", megabytes=1)
    urls = [str(tmp_path / "shards" / shard.name) for shard in index.shards if shard.split == "train"]
    samples = {sample["__key__"]: sample for sample in webdataset.WebDataset(urls, shardshuffle=False)}
    assert samples["00000002"]["a.png"] == (folder / "trainA" / "2.png").read_bytes()
    assert samples["00000002"]["b.jpg"] == (folder / "trainB" / "2.jpg").read_bytes()


def test_packing_again_gives_the_same_bytes(toy_pairs: Path, tmp_path: Path) -> None:
    for out in ("one", "two"):
        packed(toy_pairs, tmp_path / out)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "two").iterdir())
    assert len(names) > 4
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names)


def test_a_split_by_share_and_the_terms_are_kept(toy_pairs: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    (toy_pairs / "train").rename(flat)
    (flat / "ATTRIBUTION.txt").write_text("Drawn by a test.")
    packed(flat, tmp_path / "shards", validation_share=0.3)
    for split in ("train", "val"):
        plain, shards = (
            open_dataset(DataSettings(folder=str(place), validation_share=0.3), split, True)
            for place in (flat, tmp_path / "shards")
        )
        assert [plain.name(i) for i in range(len(plain))] == [shards.name(i) for i in range(len(shards))]
    assert (tmp_path / "shards" / "ATTRIBUTION.txt").read_text() == "Drawn by a test."
    assert licence_of(str(tmp_path / "shards")) == ("", "Drawn by a test.")


def test_the_command(toy_pairs: Path, tmp_path: Path, typed: Typed) -> None:
    said = typed("data", "pack", toy_pairs, "--out", tmp_path / "shards", "--shard-megabytes", "0.004")
    assert said.code == 0
    assert "16 examples (side by side pictures (a|b)) in" in said.out
    assert f"data.folder={tmp_path / 'shards'}" in said.out
    looked = typed("data", "check", tmp_path / "shards")
    assert looked.code == 0
    assert "12 train, 4 val" in looked.out
    refused(typed("data", "pack", toy_pairs, "--out", tmp_path / "shards"), 1, "is there already")
    refused(typed("data", "pack", tmp_path / "shards", "--out", tmp_path / "more"), 2, "is packed already")
    refused(typed("data", "pack", toy_pairs, "--out", tmp_path / "x", "--shard-megabytes", "0"), 2, "--shard-megabytes")
    assert not (tmp_path / "x").exists()


def test_nothing_is_left_of_what_cannot_be_packed(toy_pairs: Path, tmp_path: Path) -> None:
    layout_needs = toy_pairs / "train" / "5.png"
    layout_needs.unlink()
    layout_needs.symlink_to(tmp_path / "later.png")
    (tmp_path / "later.png").write_bytes(b"x")
    settings = DataSettings(folder=str(toy_pairs))
    open_dataset(settings, "train", True)
    (tmp_path / "blocked").write_text("a file")
    with pytest.raises(DiptychError, match="is not an empty folder"):
        packed(toy_pairs, tmp_path / "blocked")
    with pytest.raises(DiptychError, match="cannot be written"):
        packed(toy_pairs, tmp_path / "blocked" / "shards")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blocked", "later.png", "pairs"]


def test_a_folder_that_is_called_like_a_part_is_kept(toy_pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "shards.part").mkdir()
    (tmp_path / "shards.part" / "precious").write_text("kept")
    packed(toy_pairs, tmp_path / "shards")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pairs", "shards", "shards.part"]
    assert (tmp_path / "shards.part" / "precious").read_text() == "kept"
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "shards").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_into_the_empty_folder_where_one_is(toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    index = packed(toy_pairs, Path("."))
    names = {shard.name for shard in index.shards}
    assert {path.name for path in Path.cwd().iterdir()} == {*names, "shards.json"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "pairs"]


def test_a_task_that_does_not_fit(tmp_path: Path) -> None:
    packed(draw_piles(tmp_path / "folder"), tmp_path / "piles", task="unpaired")
    with pytest.raises(UsageError, match=r'holds "unpaired" examples of 1 file, which do not fit data.task = "pairs"'):
        open_dataset(DataSettings(folder=str(tmp_path / "piles")), "train", True)
    with pytest.raises(UsageError, match=r"leave data\.layout"):
        open_dataset(DataSettings(folder=str(tmp_path / "piles"), task="unpaired", layout="folders"), "train", True)
    with pytest.raises(UsageError, match=r"data.shuffle_window does not go with"):
        open_dataset(DataSettings(folder=str(tmp_path / "piles"), task="unpaired", shuffle_window=2), "train", True)
