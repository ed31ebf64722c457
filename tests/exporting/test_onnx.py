"""ONNX files: any size and batch, noise by a seed, comparison with the network, and refusal of wrong files."""

import json
import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from commanding import Typed, refused
from torch import Tensor
from toys import Made

from diptych import DiptychError, Translator
from diptych.errors import UsageError
from diptych.exporting import comparison, engine_cache, onnx_files
from diptych.exporting.samples import Sample
from diptych.exporting.tracing import example
from diptych.machine.runtimes import CARD, PRECISION
from diptych.systems import SYSTEMS

RNG = np.random.default_rng(0)
pytestmark = pytest.mark.slow


def difference(one: Translator, other: Translator, source: Tensor, seed: int) -> float:
    return (one.batch(source, seed=seed) - other.batch(source, seed=seed)).abs().max().item()


@pytest.mark.parametrize("system", list(SYSTEMS))
def test_every_system_in_any_size_batch_and_seed(system: str, made: Made, tmp_path: Path) -> None:
    translator = Translator.load(made(system))
    onnx_files.write(translator, tmp_path / "whole.onnx")
    exported = Translator.load(tmp_path / "whole.onnx")
    assert exported.card == translator.card
    for count, repeats in ((1, (1, 1)), (3, (2, 1)), (2, (3, 4))):
        source = example(translator.card, "outside", count, repeats)
        for seed in (0, 2**31 + 5):
            assert difference(translator, exported, source, seed) < 1e-4


def test_the_seed_is_an_input_and_may_be_left_out(made: Made, typed: Typed, tmp_path: Path) -> None:
    run = made("pix2pix")
    assert typed("export", run, "--to", "onnx", "--out", tmp_path / "noise.onnx").code == 0
    assert typed("export", run, "--to", "onnx", "--out", tmp_path / "still.onnx", "--no-noise").code == 0
    noise, still = (onnxruntime.InferenceSession(str(tmp_path / f"{name}.onnx")) for name in ("noise", "still"))
    assert [(one.name, one.type) for one in noise.get_inputs()] == [
        ("source", "tensor(float)"),
        ("seed", "tensor(int32)"),
    ]
    assert [one.name for one in still.get_inputs()] == ["source"]
    assert noise.get_inputs()[0].shape == ["batch", 3, "16*rows", "16*columns"]
    source = example(Translator.load(run).card, "outside", 1, (1, 1)).numpy()
    one, other = (noise.run(None, {"source": source, "seed": np.array(seed, np.int32)})[0] for seed in (1, 2))
    assert abs(one - other).max() > 1e-4


def test_with_processing_inside_it_takes_pixels_of_any_size(made: Made, typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "inside.onnx"
    said = typed("export", made("pix2pix"), "--to", "onnx", "--out", file, "--processing", "inside")
    assert said.code == 0
    session = onnxruntime.InferenceSession(str(file))
    assert [one.type for one in session.get_inputs()] == ["tensor(uint8)", "tensor(int32)"]
    translator = Translator.load(made("pix2pix"))
    for shape in ((1, 1), (5, 40), (33, 17)):
        picture = RNG.integers(0, 256, (*shape, 3)).astype(np.uint8)
        (found,) = session.run(None, {"picture": picture[None], "seed": np.array(0, np.int32)})
        assert found.shape == (1, *shape, 3)
        assert found.dtype == np.uint8
        with pytest.raises(UsageError, match="draws its style by the seed"):
            Translator.load(file)(picture, style=1)
        assert (
            abs(found[0].astype(int) - translator(picture, size="own")).max() <= 1
        )  # a value may lie between two levels
        exported = Translator.load(file)
        np.testing.assert_array_equal(exported(picture, size="own"), found[0])
        assert abs(exported(picture).astype(int) - translator(picture)).max() <= 2  # which resizing back enlarges


def test_class_maps_inside(made: Made, tmp_path: Path) -> None:
    translator = Translator.load(made("pix2pixhd"))
    onnx_files.write(translator, tmp_path / "labels.onnx", "inside")
    picture = RNG.integers(0, 3, (40, 56, 1)).astype(np.uint16)
    exported = Translator.load(tmp_path / "labels.onnx")
    assert abs(exported.stored(picture).astype(int) - translator.stored(picture)).max() <= 1


def test_half_the_bytes_for_a_small_difference(made: Made, typed: Typed, tmp_path: Path) -> None:
    run = made("cyclegan")
    for name in ("float32", "float16"):
        said = typed("export", run, "--to", "onnx", "--out", tmp_path / f"{name}.onnx", "--precision", name)
        assert said.code == 0
        assert "PSNR" in said.out
    assert (tmp_path / "float16.onnx").stat().st_size < (tmp_path / "float32.onnx").stat().st_size
    translator, half = Translator.load(run), Translator.load(tmp_path / "float16.onnx")
    assert half.engine.precision == "float16"
    assert 0 < difference(translator, half, example(translator.card, "outside", 1, (2, 2)), 0) < 0.02


def test_int8_is_calibrated_on_training_pictures(made: Made, typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "small.onnx"
    said = typed("export", made("cyclegan"), "--to", "onnx", "--out", file, "--precision", "int8")
    assert said.code == 0
    kinds = {node.op_type for node in onnx.load(file).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    exported, translator = Translator.load(file), Translator.load(made("cyclegan"))
    assert exported.engine.precision == "int8"
    assert 1e-4 < difference(translator, exported, example(translator.card, "outside", 1, (2, 2)), 0) < 0.5


def test_int8_without_pictures_says_what_it_needs(made: Made, typed: Typed, tmp_path: Path) -> None:
    assert typed("export", made("pix2pix"), "--to", "model", "--out", tmp_path / "model").code == 0
    said = typed("export", tmp_path / "model", "--to", "onnx", "--precision", "int8", "--out", tmp_path / "x.onnx")
    refused(said, 1, "int8 is calibrated on training pictures", "--data")
    assert not (tmp_path / "x.onnx").exists()


def test_a_file_says_what_it_is_and_nothing_of_this_machine(made: Made, tmp_path: Path) -> None:
    onnx_files.write(Translator.load(made("pix2pix")), tmp_path / "a.onnx", precision="float16")
    model = onnx.load(tmp_path / "a.onnx")
    told = {one.key: one.value for one in model.metadata_props}
    assert told[PRECISION] == "float16"
    assert json.loads(told[CARD])["way"] == "a-to-b"
    assert str(Path(onnx_files.__file__).parent.parent).encode() not in (tmp_path / "a.onnx").read_bytes()
    assert not [node for node in model.graph.node if node.doc_string or node.metadata_props]


def test_a_file_that_is_off_is_not_kept(
    made: Made, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = onnx_files.traced

    def spoilt(*arguments: object) -> object:
        model = real(*arguments)  # type: ignore[arg-type]  # passed on as they came
        weights = next(one for one in model.graph.initializer if len(one.dims) == 4)
        values = onnx.numpy_helper.to_array(weights) * 1.5
        weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))
        return model

    monkeypatch.setattr(onnx_files, "traced", spoilt)
    file = tmp_path / "off.onnx"
    refused(typed("export", made("pix2pix"), "--to", "onnx", "--out", file), 1, "was not kept", "off by")
    assert not file.exists()


@pytest.mark.parametrize("form", ["model", "onnx", "pt2"])
def test_what_ends_early_leaves_nothing(
    form: str, made: Made, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> None:
        raise DiptychError("the comparison ended early.")

    monkeypatch.setattr(comparison, "compare", interrupted)
    place = tmp_path / {"model": "folder", "onnx": "a.onnx", "pt2": "a.pt2"}[form]
    refused(typed("export", made("pix2pix"), "--to", form, "--out", place), 1, "ended early")
    assert not place.exists()


def test_the_cache_of_engines_keeps_what_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_cache, "KEPT", 2)
    files = [tmp_path / f"{number}.onnx" for number in range(5)]
    for age, file in enumerate(files):
        file.touch()
        os.utime(file, (1000 + age, 1000 + age))
    monkeypatch.setattr(engine_cache, "USED", {files[0]})
    engine_cache.forget_old(tmp_path)
    assert sorted(tmp_path.iterdir()) == [files[0], files[3], files[4]]


def test_not_a_number_is_refused(made: Made) -> None:
    translator = Translator.load(made("pix2pix"))
    with pytest.raises(DiptychError, match="NaN"):
        comparison.compare(translator, lambda source: torch.full_like(source, torch.nan), [])


def test_not_a_number_on_a_real_picture_is_refused(made: Made) -> None:
    """Also on the second, where the largest of a number and NaN would be the number."""
    translator = Translator.load(made("pix2pix"))
    plain, dark = (Sample(torch.full((1, 3, 16, 16), light), None) for light in (0.5, -1.0))

    def spoilt(source: torch.Tensor) -> torch.Tensor:
        found = translator.batch(source, seed=comparison.SEED)
        return found if source.max() > -1 else found * torch.nan

    with pytest.raises(DiptychError, match="NaN"):
        comparison.compare(translator, spoilt, [plain, dark])
