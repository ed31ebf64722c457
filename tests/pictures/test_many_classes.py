"""Class maps of more classes than a byte can number, from files to translations, scores and the service."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from toys import run_to_end, tiny_recipe

from diptych import Translator
from diptych.data import DataSettings, open_dataset
from diptych.data.checks.check import look_over
from diptych.evaluation.fcn_labels import Labels, Reader, count_of, resolved
from diptych.evaluation.labels import IGNORED
from diptych.exporting import onnx_files
from diptych.networks.semantics import Semantics
from diptych.pictures.kinds import Kind
from diptych.serving.service.limits import Limits
from diptych.serving.service.listing import kind_entry, preview_png
from diptych.serving.service.pictures import decode

CASES = [
    ("spade", 300, "index"),
    ("pix2pixhd", 1000, "index"),
    ("pix2pixhd", 300, "colours"),
    ("spade", 1000, "colours"),
]


def palette_of(classes: int) -> list[tuple[int, int, int]]:
    """As data sets draw theirs: no two alike."""
    return [(number % 10 * 25, number // 10 % 10 * 25, 20 + number // 100 * 23) for number in range(classes)]


def map_of(number: int, classes: int) -> np.ndarray:
    """(32, 32): blocks of classes, the last and such as lie 256 apart among them."""
    blocks = np.random.default_rng(number).integers(classes, size=(4, 4))
    blocks[0] = (classes - 1, classes - 1 - 256, 255, 256)
    return blocks.repeat(8, 0).repeat(8, 1).astype(np.uint16)


def drawn(folder: Path, classes: int, form: str) -> tuple[Path, DataSettings]:
    """Four examples to train and two to validate; photos are the classes' grey."""
    for split, first, count in (("train", 0, 4), ("val", 4, 2)):
        for part in ("label", "img"):
            (folder / f"{split}_{part}").mkdir(parents=True)
        for number in range(first, first + count):
            labels = map_of(number, classes)
            coloured = np.array(palette_of(classes), np.uint8)[labels]
            Image.fromarray(labels if form == "index" else coloured).save(folder / f"{split}_label" / f"{number}.png")
            photo = (labels * (250 / classes)).astype(np.uint8)[..., None].repeat(3, 2)
            Image.fromarray(photo).save(folder / f"{split}_img" / f"{number}.png")
    palette = tuple(palette_of(classes)) if form == "colours" else ()
    kind = Kind(colour="labels", classes=classes, palette=palette)
    return folder, DataSettings(folder=str(folder), task="labelled", source=kind, load_size=32, crop_size=32)


@pytest.mark.slow
@pytest.mark.parametrize(("system", "classes", "form"), CASES)
def test_from_files_to_translations(tmp_path: Path, system: str, classes: int, form: str) -> None:
    folder, settings = drawn(tmp_path / "data", classes, form)
    truth = map_of(4, classes)
    source, _ = open_dataset(settings, "val", train=False).sample(0, np.random.default_rng(0))
    assert (source[0].numpy() == truth).all()
    labels = resolved(Labels(), settings)
    reader = Reader(settings, "val", labels, settings.source.palette)
    assert (reader(0) == truth).all()
    assert count_of(labels, settings.source.palette, reader, settings) == classes
    listed = " ".join(look_over(settings).lines)
    assert f"{classes - 1} " in listed
    words = [f"data.source={{colour='labels',classes={classes},palette={[list(c) for c in settings.source.palette]}}}"]
    recipe = tiny_recipe(
        system, folder, "data.palette=[]", *words, "data.load_size=32", "data.crop_size=32", "training.steps=2"
    )
    run, _ = run_to_end(recipe, tmp_path / "run")
    translator = Translator.load(run.folder)
    made = translator(truth)
    assert made.std() > 0
    file = folder / "val_label" / "4.png"
    np.testing.assert_array_equal(translator(np.asarray(Image.open(file))), made)


@pytest.mark.parametrize("form", ["index", "colours", "none"])
@pytest.mark.parametrize("classes", [300, 1000])
def test_the_service_and_its_page_take_every_class(classes: int, form: str) -> None:
    """As an index picture of 16 bits, and as the page draws it, in the colours that the listing names."""
    palette = tuple(palette_of(classes)) if form == "colours" else ()
    kind = Kind(colour="labels", classes=classes, palette=palette)
    truth = np.arange(classes, dtype=np.uint16).reshape(-1, 20)
    file = io.BytesIO()
    Image.fromarray(truth).save(file, "PNG")
    assert (decode(file.getvalue(), kind, Limits())[..., 0] == truth).all()
    page = preview_png(kind, torch.from_numpy(truth.astype(np.int32))[None])
    assert (decode(page, kind, Limits())[..., 0] == truth).all()
    assert len({tuple(colour) for colour in kind_entry(kind).palette}) == classes


@pytest.mark.parametrize("classes", [300, 1000])
def test_one_hot_maps_of_many_classes(classes: int) -> None:
    truth = map_of(0, classes).astype(np.int32)
    maps = Semantics(classes=classes)(torch.from_numpy(truth)[None, None])
    assert maps.shape == (1, classes, 32, 32)
    assert (maps.argmax(1)[0].numpy() == truth).all()
    assert (maps.sum(1) == 1).all()


def test_labels_beside_pairs_and_what_is_unknown(tmp_path: Path) -> None:
    """Index pictures in a folder of their own, of 8 and of 16 bits; unknown pixels of labelled sources are not scored."""
    folder, settings = drawn(tmp_path / "data", 300, "index")
    reader = Reader(settings, "val", Labels(where=str(folder / "{split}_label"), ignore=256))
    assert (reader(0) == np.where(map_of(4, 300) == 256, IGNORED, map_of(4, 300))).all()
    assert count_of(reader.labels, (), reader, settings) == 300
    unknown = replace(settings, source=Kind(colour="labels", classes=299, unknown=299))
    truth = map_of(4, 300)
    found = Reader(unknown, "val", resolved(Labels(), unknown))(0)
    assert (found == np.where(truth == 299, IGNORED, truth)).all()


@pytest.mark.slow
def test_an_exported_file_takes_every_class(tmp_path: Path) -> None:
    folder, settings = drawn(tmp_path / "data", 300, "index")
    words = ["data.palette=[]", 'data.source={colour="labels",classes=300,palette=[]}']
    recipe = tiny_recipe("pix2pixhd", folder, *words, "data.load_size=32", "data.crop_size=32", "training.steps=1")
    translator = Translator.load(run_to_end(recipe, tmp_path / "run")[0].folder)
    onnx_files.write(translator, tmp_path / "labels.onnx", "inside")
    exported = Translator.load(tmp_path / "labels.onnx")
    truth = map_of(4, 300)
    apart = np.abs(exported(truth).astype(int) - translator(truth))
    assert apart.max() <= 1
    assert settings.source.classes == exported.card.source.classes
