"""``diptych.train``: a dataset, callbacks and terms of one's own, from beginning to end and again."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commanding import Typed, refused
from PIL import Image
from toys import assert_equal, run_to_end, tiny_recipe, weights

import diptych
from diptych.errors import UsageError
from diptych.recipe import Recipe
from diptych.training.run import Run


class Files:
    """The pairs of a split as arrays, source and target."""

    def __init__(self, folder: Path, first: int = 0) -> None:
        self.paths = [folder / f"{number}.png" for number in range(first, len(list(folder.iterdir())))]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        pair = np.asarray(Image.open(self.paths[index]))
        middle = pair.shape[1] // 2
        return pair[:, :middle], pair[:, middle:]


class Noisy(Files):
    """Tensors, cut and brightened at random by the generators of random and torch."""

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        top = random.randrange(4)
        shade = torch.rand(()) * 0.2
        source, target = (
            torch.from_numpy(side[top : top + 16, :16].copy()).permute(2, 0, 1) / 127.5 - 1
            for side in super().__getitem__(index)
        )
        return (source - shade).clamp(-1, 1), target


def recipe_of(*words: str, system: str = "pix2pix") -> Recipe:
    return tiny_recipe(system, Path(), "data.folder=", *words)


def own(folder: Path, recipe: Recipe, pairs: Path, kind: type[Files] = Files, **more: Any) -> Run:
    more = {"dataset": kind(pairs / "train"), "validation": kind(pairs / "val")} | more
    return diptych.train(recipe, folder, **more)


def test_a_dataset_of_a_folders_pictures_ends_bitwise_as_the_folder(toy_pairs: Path, tmp_path: Path) -> None:
    words = ("training.average=0.9", "options.statistics=running", "training.batch_size=2")
    folder, _ = run_to_end(tiny_recipe("pix2pix", toy_pairs, *words), tmp_path / "folder")
    given = own(tmp_path / "given", recipe_of(*words), toy_pairs)
    threads = own(tmp_path / "threads", recipe_of(*words, "data.workers=2"), toy_pairs)
    for run in (given, threads):
        assert_equal(weights(folder), weights(run))
        assert run.entries("scores.jsonl") == folder.entries("scores.jsonl")
    grids = [(run.folder / "pictures" / "00000006.png").read_bytes() for run in (folder, given)]
    assert grids[0] == grids[1]


def test_random_items_go_on_exactly(toy_pairs: Path, tmp_path: Path) -> None:
    straight = own(tmp_path / "straight", recipe_of(), toy_pairs, Noisy)
    broken = own(tmp_path / "broken", recipe_of(), toy_pairs, Noisy)
    broken.path_of(6).unlink()  # as if it had been stopped between steps 3 and 6
    random.seed(5)
    torch.manual_seed(5)
    resumed = own(tmp_path / "broken", recipe_of(), toy_pairs, Noisy)
    assert resumed.stored is not None
    assert_equal(weights(straight), weights(resumed))
    assert straight.entries("scores.jsonl") == resumed.entries("scores.jsonl")


def test_without_validation(toy_pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = own(tmp_path / "run", recipe_of("training.report=true"), toy_pairs, validation=None)
    said = capsys.readouterr().out
    assert "12 items to train on, none to validate on, so there are no scores" in said
    assert run.saved_steps() == [3, 6]
    assert sorted(path.name for path in run.folder.iterdir() if not path.name.startswith(".")) == [
        "card.json",
        "checkpoints",
        "data.json",
        "events.jsonl",
        "log.jsonl",
        "recipe.toml",
        "report.html",
    ]
    picture = diptych.Translator.load(run.folder)(Image.new("RGB", (16, 16)))
    assert picture.size == (16, 16)


@pytest.mark.parametrize("system", ["cyclegan", "srgan"])
def test_other_systems(system: str, toy_pairs: Path, tmp_path: Path) -> None:
    class Small(Files):
        def __getitem__(self, index: int) -> tuple[Any, Any]:
            source, target = super().__getitem__(index)
            return (source[::2, ::2].copy(), target) if system == "srgan" else (source, target)

    words = ("data.task=unpaired",) if system == "cyclegan" else ()
    run = own(tmp_path / "run", recipe_of(*words, system=system), toy_pairs, Small)
    assert [entry["step"] for entry in run.entries("scores.jsonl")] == [3, 6]
    assert (run.folder / "pictures" / "00000006.png").is_file()


def test_a_length_in_minutes(toy_pairs: Path, tmp_path: Path) -> None:
    run = own(tmp_path / "run", recipe_of(), toy_pairs, minutes=0.01, validation=None)
    assert run.saved_steps()[-1] == run.recipe.training.steps


@pytest.mark.parametrize("minutes", [0, -3, float("nan"), float("inf")])
def test_lengths_that_are_none(minutes: float, toy_pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"minutes is .*; give a number above 0"):
        own(tmp_path / "run", recipe_of(), toy_pairs, minutes=minutes)
    assert not (tmp_path / "run").exists()


def test_items_that_were_added_are_said(toy_pairs: Path, tmp_path: Path) -> None:
    own(tmp_path / "run", recipe_of(), toy_pairs, validation=None).path_of(6).unlink()
    fewer = Files(toy_pairs / "train")
    fewer.paths.append(toy_pairs / "val" / "0.png")
    run = own(tmp_path / "run", recipe_of(), toy_pairs, dataset=fewer, validation=None)
    (event,) = (entry for entry in run.entries("events.jsonl") if entry["kind"] == "data")
    assert "of the items looked at: 1 added, 1 removed, 5 as they were" in event["words"]


def test_another_dataset_is_refused(toy_pairs: Path, tmp_path: Path) -> None:
    own(tmp_path / "run", recipe_of(), toy_pairs)
    with pytest.raises(UsageError, match=r"no item that was looked at holds what it held\. Give the same dataset"):
        own(tmp_path / "run", recipe_of(), toy_pairs, dataset=Files(toy_pairs / "train", 1), validation=None)
    with pytest.raises(UsageError, match=r"begun with other data: no example in .*Give the same dataset from Python"):
        diptych.train(tiny_recipe("pix2pix", toy_pairs), tmp_path / "run")
    diptych.train(tiny_recipe("pix2pix", toy_pairs), tmp_path / "folder")
    with pytest.raises(UsageError, match=rf"Give data\.folder={toy_pairs} to go on"):
        own(tmp_path / "folder", recipe_of(), toy_pairs)


def test_the_command_says_that_the_data_came_from_python(toy_pairs: Path, typed: Typed, tmp_path: Path) -> None:
    run = own(tmp_path / "run", recipe_of(), toy_pairs)
    for words in ([], ["--dry-run"], ["training.steps=9"]):
        refused(typed("train", run.folder, *words), 2, "came from Python", "diptych.train(recipe, folder, dataset=...)")
    assert weights(run)


def test_terms_belong_to_the_run(toy_pairs: Path, typed: Typed, tmp_path: Path) -> None:
    def bright(source: torch.Tensor, target: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        return fake.square().mean()

    recipe = tiny_recipe("pix2pix", toy_pairs)
    straight = diptych.train(recipe, tmp_path / "straight", terms={"bright": (5.0, bright)})
    broken = diptych.train(recipe, tmp_path / "broken", terms={"bright": (5.0, bright)})
    broken.path_of(6).unlink()
    with pytest.raises(UsageError, match=r"was trained with bright=5 extra loss terms, and this start has bright=4"):
        diptych.train(recipe, tmp_path / "broken", terms={"bright": (4.0, bright)})
    refused(typed("train", tmp_path / "broken"), 2, "bright=5 extra loss terms, and this start has none", "terms=")
    resumed = diptych.train(recipe, tmp_path / "broken", terms={"bright": (5.0, bright)})
    assert_equal(weights(straight), weights(resumed))
    assert all(entry["generator.bright"] > 0 for entry in resumed.entries("log.jsonl"))
    plain = diptych.train(recipe, tmp_path / "plain")
    with pytest.raises(UsageError, match="was trained with no extra loss terms"):
        diptych.train(recipe, plain.folder, terms={"bright": (5.0, bright)})


def test_an_error_of_the_dataset_ends_the_run_saved(toy_pairs: Path, tmp_path: Path) -> None:
    class Failing(Files):
        reads = 0

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            Failing.reads += 1
            if Failing.reads == 20:  # 12 for its identity and the sentences, then five steps
                raise ConnectionError("the store is away")
            return super().__getitem__(index)

    recipe = recipe_of("training.checkpoint_every=100", "training.statistics_pictures=0")
    with pytest.raises(ConnectionError, match="the store is away") as raised:
        own(tmp_path / "run", recipe, toy_pairs, Failing, validation=None)
    assert "of the dataset." in raised.value.__notes__[0]
    saved = Run(tmp_path / "run", recipe).saved_steps()
    assert len(saved) == 1
    straight = own(tmp_path / "straight", recipe, toy_pairs, validation=None)
    assert_equal(weights(straight), weights(own(tmp_path / "run", recipe, toy_pairs, validation=None)))


@pytest.mark.parametrize(
    ("words", "more", "sentence"),
    [
        ((), {"dataset": None}, "validation= goes with dataset="),
        (('training.metrics=["ms-ssim"]',), {"validation": None}, r"training\.metrics need pictures to validate on"),
        (('training.metrics=["fcn"]',), {}, "fcn of training.metrics needs label pictures"),
        (("data.direction=b-to-a",), {}, r"leave data\.direction at a-to-b"),
        (("data.resident=on",), {}, "samples are made in another way"),
        (("training.batch_size=13",), {}, "there are only 12 training pictures"),
        ((), {"callbacks": [print]}, r"is no diptych\.Callback"),
        ((), {"callbacks": [diptych.Callback]}, r"is no diptych\.Callback"),
        ((), {"terms": {"x": 1.0}}, "the term x is 1.0"),
        ((), {"overrides": ["training.steps=1"]}, "takes no overrides"),
    ],
)
def test_what_does_not_go_together(
    words: tuple[str, ...], more: dict[str, Any], sentence: str, toy_pairs: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=sentence):
        own(tmp_path / "run", recipe_of(*words), toy_pairs, **more)
    assert not (tmp_path / "run").exists()


def test_a_folder_of_pictures_beside_a_dataset_is_refused(toy_pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a folder of pictures and dataset= are both given"):
        diptych.train(toy_pairs, tmp_path / "run", dataset=Files(toy_pairs / "train"))
