"""Shards in a folder and on a server: the same samples, bounded, in any case once an epoch; and what is wrong with them."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pytest
import torch
from commanding import Typed, refused
from packed import packed
from shelves import Shelf, served
from toys import draw_pairs

from diptych.data import DataSettings, open_dataset, stream
from diptych.data.checks.check import look_over
from diptych.data.public.download import size_of
from diptych.data.shards import reading
from diptych.data.shards import store as shard_store
from diptych.data.shards.windows import WindowShuffle
from diptych.data.stream import Positions
from diptych.errors import DiptychError, UsageError
from diptych.pictures.kinds import Batch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve and four pairs in about eight shards."""
    packed(draw_pairs(tmp_path / "pairs"), tmp_path / "shards")
    return tmp_path / "shards"


@pytest.fixture
def shelf(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shard_store, "pause", lambda _: None)
    reading.remote_index.cache_clear()
    with served(folder) as running:
        yield running


def settings(folder: Path | str, **values: float) -> DataSettings:
    return DataSettings(folder=str(folder), load_size=18, crop_size=16, **values)  # type: ignore[arg-type]


def taken(
    data: DataSettings, batches: int, size: int = 2, start: int = 0, workers: int = 0, rank: int = 0, world: int = 1
) -> list[Batch]:
    dataset = open_dataset(data, "train", train=True)
    with closing(stream(dataset, size, 3, start, workers, rank, world)) as endless:
        return list(islice(endless, batches))


def same(one: list[Batch], other: list[Batch]) -> bool:
    pairs = zip(one, other, strict=True)
    return all(torch.equal(a.source, b.source) and torch.equal(a.target, b.target) for a, b in pairs)


@pytest.mark.parametrize("window", [0, 1, 2, 3, 99])
def test_every_epoch_is_a_permutation_a_few_shards_at_a_time(window: int, folder: Path) -> None:
    dataset = open_dataset(settings(folder, shuffle_window=window), "train", train=True)
    positions = Positions(dataset, 5)
    count = len(dataset)
    orders = [[positions.index(epoch * count + place) for place in range(count)] for epoch in range(3)]
    assert all(sorted(order) == list(range(count)) for order in orders)
    assert orders[0] != orders[1]
    if not isinstance(dataset, WindowShuffle):
        assert window == 0
        return
    for order in orders:
        shard = {int(index): number for number, group in enumerate(dataset.groups) for index in group}
        last = {shard[index]: place for place, index in enumerate(order)}
        first = {shard[index]: place for place, index in reversed(list(enumerate(order)))}
        needed = [sum(first[s] <= place <= last[s] for s in first) for place in range(count)]
        assert max(needed) <= window


def test_an_order_over_all_is_the_folders(folder: Path, tmp_path: Path) -> None:
    plain = taken(settings(tmp_path / "pairs"), 9)
    assert same(plain, taken(settings(folder), 9))
    assert same(plain, taken(settings(folder, shuffle_window=99), 9))


@pytest.mark.parametrize("window", [0, 2])
def test_workers_start_and_ranks_change_nothing(window: int, folder: Path) -> None:
    data = settings(folder, shuffle_window=window)
    whole = taken(data, 12)
    assert same(whole[5:], taken(data, 7, start=5, workers=3))
    ranks = [taken(data, 6, rank=rank, world=2, workers=rank) for rank in range(2)]
    assert same(whole, [batch for step in zip(*ranks, strict=True) for batch in step])


@pytest.mark.parametrize("window", [1, 2])
def test_two_ranks_see_other_samples(window: int, folder: Path) -> None:
    """In an epoch every example goes to one of them."""
    dataset = open_dataset(settings(folder, shuffle_window=window), "train", train=True)
    positions = Positions(dataset, 0)
    dealt = [{positions.index(place) for place in range(rank, len(dataset), 2)} for rank in range(2)]
    assert not dealt[0] & dealt[1]
    assert len(dealt[0] | dealt[1]) == len(dataset)


# From a server


@pytest.mark.parametrize("window", [0, 2])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_server_gives_the_samples_of_the_folder(window: int, workers: int, shelf: Shelf, folder: Path) -> None:
    local = taken(settings(folder, shuffle_window=window), 12)
    assert same(local, taken(settings(shelf.address, shuffle_window=window), 12, workers=workers))
    asked = shelf.shards()
    assert len(asked) == len(set(asked))  # each once, since there is room
    assert same(local, taken(settings(f"{shelf.address}/", shuffle_window=window), 12, workers=workers))
    assert shelf.shards() == asked


def test_the_cache_of_shards_is_bounded(shelf: Shelf, folder: Path, tmp_path: Path) -> None:
    largest = max(path.stat().st_size for path in folder.glob("*.tar"))
    room = 2 * largest
    data = settings(shelf.address, shuffle_window=1, shard_cache_gib=room / 2**30, cache_gib=0)
    dataset = open_dataset(data, "train", train=True)
    local = taken(settings(folder, shuffle_window=1), 40, size=1)
    most = 0
    with closing(stream(dataset, 1, 3)) as endless:
        for wanted in local:
            assert same([wanted], [next(endless)])
            most = max(most, sum(size_of(path) for path in (tmp_path / "cache" / "shards").glob("*.tar")))
    assert 0 < most <= room + largest  # one may come while their sizes are looked at
    assert len(shelf.shards()) > len(set(shelf.shards()))  # some had to be fetched again


def test_too_small_a_cache_is_refused(shelf: Shelf) -> None:
    with pytest.raises(
        UsageError, match=r"data\.shard_cache_gib is 1e-06; make it larger, or set data\.shuffle_window"
    ):
        open_dataset(settings(shelf.address, shard_cache_gib=1e-6), "train", True)
    with pytest.raises(UsageError, match="two windows of 2 shards take"):
        open_dataset(settings(shelf.address, shard_cache_gib=1e-6, shuffle_window=2), "train", True)


def test_a_short_look_fetches_one_shard(shelf: Shelf) -> None:
    report = look_over(settings(shelf.address), seconds=20.0)
    assert shelf.shards() == ["train-00000.tar"]
    assert not report.findings
    assert any("of 16 examples" in line for line in report.lines)


def test_a_server_that_stumbles_is_asked_again(shelf: Shelf, folder: Path) -> None:
    shelf.script = ["500", "", "503", "cut", ""]
    assert same(taken(settings(folder), 6), taken(settings(shelf.address), 6))


def test_a_server_that_refuses(shelf: Shelf, folder: Path, typed: Typed) -> None:
    shelf.script = ["404"]
    refused(typed("data", "check", shelf.address), 1, "shards.json answers 404")
    shelf.script = ["500"] * 5
    refused(typed("data", "check", shelf.address), 1, "could not be fetched", "500")
    shelf.script = ["", *["404"] * 40]
    with pytest.raises(DiptychError, match=r"train-0000\d.tar answers 404"):
        taken(settings(shelf.address), 1)
    shelf.script = []
    (folder / "shards.json").write_text("<html>hello</html>")
    reading.remote_index.cache_clear()
    refused(typed("data", "check", shelf.address), 1, "is damaged or was not written by diptych data pack")


def test_a_server_that_is_not_there(shelf: Shelf, typed: Typed) -> None:
    refused(typed("data", "check", "http://127.0.0.1:9/shards"), 1, "could not be fetched: the connection failed")


def test_another_shard_than_the_index_says(shelf: Shelf, folder: Path, tmp_path: Path) -> None:
    spoil(folder / "train-00000.tar", 700)
    with pytest.raises(DiptychError, match=r"is not the shard that shards\.json there names"):
        taken(settings(shelf.address), 12)
    assert not list((tmp_path / "cache" / "shards").glob("*.new"))


def test_what_broke_off_makes_room_unless_it_is_still_coming(tmp_path: Path) -> None:
    """Of three shards half here one is on its way for somebody; a lock that nobody holds goes too."""
    store = shard_store.Store(tmp_path, room=100)
    old, coming, held, alone = (digit * 64 for digit in "abcd")
    for number, checksum in enumerate((old, coming, held)):
        for name in (f"{checksum}.new.part", f"{checksum}.new.json", f".{checksum}.lock"):
            (tmp_path / name).write_bytes(bytes(40 if name.endswith("part") else 0))
            os.utime(tmp_path / name, (number + 1, number + 1))
    (tmp_path / f".{alone}.lock").touch()
    (tmp_path / "notes.txt").write_text("somebody's")
    with filelock.FileLock(store.lock_of(held)):
        store.make_room(20, coming)
        assert {path.name.strip(".")[0] for path in tmp_path.iterdir()} == {"a", "b", "c", "n"}  # all of it fits
        store.make_room(80, coming)
        assert {path.name.strip(".")[0] for path in tmp_path.iterdir()} == {"b", "c", "n"}
    store.make_room(80, coming)
    assert {path.name.strip(".")[0] for path in tmp_path.iterdir()} == {"b", "n"}


def test_a_cache_that_cannot_be_written_is_one_sentence(shelf: Shelf, tmp_path: Path, typed: Typed) -> None:
    (tmp_path / "cache").write_text("a file")
    refused(typed("data", "check", shelf.address), 1, "cannot be stored in", "set DIPTYCH_CACHE to another")


# What is wrong with them


def spoil(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 255
    path.write_bytes(data)


def test_a_truncated_and_a_missing_shard(folder: Path, typed: Typed) -> None:
    path = folder / "train-00001.tar"
    data = path.read_bytes()
    path.write_bytes(data[:-1000])
    refused(typed("data", "check", folder), 1, "train-00001.tar has", "it is truncated or another; copy it here again")
    path.unlink()
    refused(typed("data", "check", folder), 1, "the shard", "train-00001.tar cannot be read: No such file or directory")
    path.write_bytes(data)
    assert typed("data", "check", folder).code == 0


def test_a_damaged_shard_is_named(folder: Path, typed: Typed) -> None:
    spoil(folder / "train-00002.tar", -3)  # in the zeros at its end, where no picture suffers
    said = typed("data", "check", folder)
    assert said.code == 1
    assert said.out.count("PROBLEM (damaged shard)") == 1
    assert "train-00002.tar is damaged: its SHA-256" in said.out


def test_an_index_of_other_shards(folder: Path, typed: Typed) -> None:
    index = json.loads((folder / "shards.json").read_text())
    for example in index["shards"][0]["examples"]:
        example["files"][0][1] += 512
    index["shards"][0]["examples"].pop()
    (folder / "shards.json").write_text(json.dumps(index))
    said = typed("data", "check", folder)
    assert said.code == 1
    assert "is not where shards.json says" in said.out


def emptied(shard: dict[str, Any]) -> dict[str, Any]:
    return shard | {"examples": [example | {"files": []} for example in shard["examples"]]}


WRONG: dict[str, Callable[[dict[str, Any]], str]] = {
    "no json": lambda index: "{",
    "another format": lambda index: json.dumps(index | {"format": "other"}),
    "no shards": lambda index: json.dumps(index | {"shards": []}),
    "leads out": lambda index: json.dumps(index).replace("train-00000.tar", "../train-00000.tar"),
    "outside": lambda index: json.dumps(index).replace('"size": ', '"size": 1'),
    "a list": lambda index: "[]",
    "no files": lambda index: json.dumps(index | {"shards": [emptied(shard) for shard in index["shards"]]}),
    "another split": lambda index: json.dumps(index).replace('"split": "val"', '"split": "valid"'),
    "a licence of numbers": lambda index: json.dumps(index | {"licence": 5}),
    "an attribution that is a list": lambda index: json.dumps(index | {"attribution": ["me"]}),
    "numbers": lambda index: json.dumps(index).replace('"place": ', '"place": "x", "y": '),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_index_is_one_sentence(wrong: str, folder: Path, typed: Typed) -> None:
    index = json.loads((folder / "shards.json").read_text())
    index["shards"][0]["examples"][0]["files"][0][1] = 10**9 if wrong == "outside" else 0
    (folder / "shards.json").write_text(WRONG[wrong](index))
    refused(typed("data", "check", folder), 1, "shards.json is damaged or was not written by diptych data pack")


def test_another_version_and_no_index(folder: Path, typed: Typed) -> None:
    index = json.loads((folder / "shards.json").read_text())
    (folder / "shards.json").write_text(json.dumps(index | {"version": 2}))
    refused(typed("data", "check", folder), 1, "was written by another version of diptych")
    (folder / "shards.json").unlink()
    refused(typed("data", "check", folder), 1, "holds shards without their index shards.json")


def test_a_shard_that_goes_while_it_is_read(folder: Path) -> None:
    dataset = open_dataset(settings(folder), "train", train=True)
    for path in folder.glob("*.tar"):
        path.unlink()
    with pytest.raises(DiptychError, match="is not there; was it moved or removed"):
        dataset.sample(0, np.random.default_rng(0))
