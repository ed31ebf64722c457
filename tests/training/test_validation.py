"""What validation computes and shows, against the networks asked directly."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from toys import draw_labelled, draw_pairs
from validating import as_tile, asked, made

from diptych.evaluation import paired
from diptych.evaluation.evaluate import THROUGH
from diptych.evaluation.requirements import Resources
from diptych.pictures.kinds import Batch
from diptych.pictures.values.lab import rgb_to_lab
from diptych.training.validation import CurrentTranslator, Spread


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_pairs(tmp_path_factory.mktemp("drawn") / "pairs")


def mean_step(pictures: list[Tensor]) -> float:
    return float(np.mean([(b - a).abs().mean().item() for a, b in pairwise(pictures)]))


def test_pictures_are_spread_over_the_split_and_the_same_each_time(pairs: Path) -> None:
    validation, _ = made(pairs)
    assert [len(list(validation.pictures(count))) for count in (1, 2, 3, 4, 9)] == [1, 2, 3, 4, 4]
    seen = list(validation.pictures(2))
    drawn = [np.asarray(Image.open(pairs / "val" / f"{number}.png")) for number in (0, 2)]
    for one, again, picture in zip(seen, validation.pictures(2), drawn, strict=True):
        assert torch.equal(one.source, again.source)
        assert one.source.shape == one.target.shape == (1, 3, 16, 16)
        halves = (
            Image.fromarray(half).resize((16, 16), Image.Resampling.BICUBIC) for half in np.split(picture, 2, axis=1)
        )
        for tensor, half in zip(one, halves, strict=True):
            expected = torch.from_numpy(np.array(half)).permute(2, 0, 1)[None] / 127.5 - 1
            torch.testing.assert_close(tensor, expected, rtol=0, atol=2.1 / 127.5)


def test_what_is_drawn_for_a_picture_depends_on_the_seed_and_its_number(pairs: Path) -> None:
    words = (
        "data.task=holed",
        "data.source.colour=holed",
        "data.hole=strokes",
        "data.load_size=64",
        "data.crop_size=64",
    )
    holes = [
        torch.cat(
            [one.source[:, 3] for one in made(pairs, "inpainting", *words, f"training.seed={seed}")[0].pictures(2)]
        )
        for seed in (0, 0, 1)
    ]
    assert torch.equal(holes[0], holes[1])
    assert not torch.equal(holes[0], holes[2])
    assert not torch.equal(holes[0][0], holes[0][1])


def share_of_change(outputs: list[torch.Tensor], seen: list[Batch]) -> float:
    made = sum((output - one.source).abs().mean().item() for output, one in zip(outputs, seen, strict=True))
    return made / sum((one.target - one.source).abs().mean().item() for one in seen)


def test_of_kinds_that_differ_no_change_is_told(pairs: Path) -> None:
    validation, state = made(pairs, "pix2pix", "data.source.colour=grey")
    assert "change" not in validation.scores(state, 2)


def test_of_kinds_with_other_channels_no_change_is_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for side, channels in (("a", 5), ("b", 4)):
            (tmp_path / split / side).mkdir(parents=True)
            for number in range(2):
                np.save(tmp_path / split / side / f"{number}.npy", rng.random((20, 20, channels), np.float32))
    sides = [
        f"data.{side}={{colour='channels', channels={count}, depth='float32', low=0.0, high=1.0}}"
        for side, count in (("source", 5), ("target", 4))
    ]
    validation, state = made(tmp_path, "pix2pix", *sides)
    assert list(validation.scores(state, 2)) == ["l1", "psnr", "ssim", "l1_inverted", "diversity"]


def test_scores_of_one_way(pairs: Path) -> None:
    validation, state = made(pairs, "cut")
    found = validation.scores(state, 3)
    assert list(found) == ["change", "diversity"]
    assert validation.shown(found) == f"change {found['change']:.4f}"


def test_scores_of_pairs(pairs: Path) -> None:
    validation, state = made(pairs)
    found = validation.scores(state, 3)
    assert state.system.training
    seen = list(validation.pictures(3))
    outputs = [asked(state, "generator", one.source) for one in seen]
    both = [(output, one.target) for output, one in zip(outputs, seen, strict=True)]
    expected = {
        "l1": [(output - target).abs().mean().item() for output, target in both],
        "psnr": [10 * np.log10(4 / (output - target).square().mean().item()) for output, target in both],
        "ssim": [paired.ssim(output, target).item() for output, target in both],
        "l1_inverted": [(output + target).abs().mean().item() for output, target in both],
    }
    assert list(found) == [*expected, "change", "diversity"]
    assert found["change"] == pytest.approx(share_of_change(outputs, seen), rel=1e-5)
    for name, values in expected.items():
        assert found[name] == pytest.approx(np.mean(values), rel=1e-5)
    spread = mean_step(outputs) / mean_step([one.target for one in seen])
    assert found["diversity"] == pytest.approx(spread, rel=1e-5)


def test_scores_of_two_piles(pairs: Path) -> None:
    validation, state = made(pairs, "cyclegan", "data.task=unpaired")
    found = validation.scores(state, 3)
    assert state.system.training
    seen = list(validation.pictures(3))
    a_to_b, b_to_a = "generator.a_to_b", "generator.b_to_a"
    outputs = [asked(state, a_to_b, one.source) for one in seen]
    cycle_a = [
        (asked(state, b_to_a, out) - one.source).abs().mean().item() for out, one in zip(outputs, seen, strict=True)
    ]
    again = [asked(state, a_to_b, asked(state, b_to_a, one.target)) for one in seen]
    cycle_b = [(back - one.target).abs().mean().item() for back, one in zip(again, seen, strict=True)]
    assert list(found) == ["cycle_l1_a", "cycle_l1_b", "change", "diversity"]
    assert found["change"] == pytest.approx(share_of_change(outputs, seen), rel=1e-5)
    assert found["cycle_l1_a"] == pytest.approx(np.mean(cycle_a), rel=1e-5)
    assert found["cycle_l1_b"] == pytest.approx(np.mean(cycle_b), rel=1e-5)
    spread = mean_step(outputs) / mean_step([one.target for one in seen])
    assert found["diversity"] == pytest.approx(spread, rel=1e-5)


def test_metrics_are_of_the_same_pictures(pairs: Path) -> None:
    validation, state = made(pairs, "pix2pix", 'training.metrics=["l1", "sharpness", "lab"]')
    found = validation.measured(state, 3)
    assert state.system.training
    assert list(found) == ["l1", "sharpness", "lab L", "lab a", "lab b"]
    assert found["l1"] == pytest.approx(validation.scores(state, 3)["l1"], rel=1e-5)
    examples = list(validation.examples(state, 3))
    assert [example.name for example in examples] == ["0", "1", "2"]
    for example, seen in zip(examples, validation.pictures(3), strict=True):
        assert example.target is not None
        assert example.target_rgb is not None
        assert example.source is not None
        assert torch.equal(example.source, seen.source)
        assert torch.equal(example.target, seen.target)
        output = asked(state, "generator", seen.source)
        torch.testing.assert_close(example.output, output)
        torch.testing.assert_close(example.output_rgb, output, rtol=0, atol=0.51 / 127.5)
        torch.testing.assert_close(example.target_rgb, seen.target, rtol=0, atol=0.51 / 127.5)
        assert example.labels is None


def test_colours_are_laid_on_the_lightness_of_the_source(pairs: Path) -> None:
    """A drawing's own colours on its own lightness are the drawing."""
    words = ("data.task=colorization", "data.source.colour=lightness", "data.target.colour=chroma")
    validation, state = made(pairs, "pix2pix", *words)
    plain, _ = made(pairs, "pix2pix", "data.task=greyscale", "data.source.colour=grey")
    for example, seen in zip(validation.examples(state, 3), plain.pictures(3), strict=True):
        assert example.target_rgb is not None
        torch.testing.assert_close(example.target_rgb, seen.target, rtol=0, atol=4 / 127.5)
        lightness = [
            rgb_to_lab((picture[0].numpy() + np.float32(1)) / np.float32(2))[0]
            for picture in (example.output_rgb, seen.target)
        ]
        assert float(np.median(np.abs(lightness[0] - lightness[1]))) < 2  # of 100
    row = validation.grid(state, 1)
    assert row.shape == (16, 48, 3)
    assert np.abs(row[:, 32:].astype(int) - as_tile(next(plain.pictures(1)).target)).max() <= 4


def test_how_scores_are_shown_and_marked(pairs: Path) -> None:
    validation, _ = made(pairs)
    scores = {"l1": 0.25, "kernel": 1.0, "diversity": 0.5}
    assert validation.shown(scores) == "l1 0.2500  kernel 1.0000"
    assert validation.remarks(scores) == {}
    validation.flattering = ("kernel", "frechet")
    assert validation.shown(scores) == f"l1 0.2500  kernel 1.0000 ({THROUGH})"
    assert validation.remarks(scores) == {THROUGH: ["kernel"]}


@pytest.mark.parametrize(
    ("system", "overrides", "expected"),
    [
        ("pix2pix", ["data.load_size=[18, 34]", "data.crop_size=[16, 32]"], {"side": 16}),
        ("pix2pix", ["data.load_size=[34, 18]", "data.crop_size=[32, 16]"], {"side": 16}),
        ("cyclegan", ["data.task=unpaired"], {"paired": False, "side": 16}),
        ("srgan", [], {"factor": 2, "side": 20}),
        ("inpainting", [], {"holed": True, "side": 64}),
    ],
)
def test_what_there_is_to_judge_with(
    pairs: Path, monkeypatch: pytest.MonkeyPatch, system: str, overrides: list[str], expected: dict[str, Any]
) -> None:
    asked: list[Resources] = []

    def choose(names: object, resources: Resources) -> tuple[list[object], list[str]]:
        asked.append(resources)
        return [], []

    monkeypatch.setattr("diptych.training.validation.choose", choose)
    validation, state = made(pairs, system, *overrides)
    validation.device = torch.device("cpu", 0)
    assert validation.measured(state, 3) == {}
    assert asked == [Resources(pictures=3, device=torch.device("cpu", 0), **expected)]


def test_the_average_translates_where_there_is_one(pairs: Path) -> None:
    for wanted in ("true", "false"):
        overrides = ("training.average=0.9", f"training.average_translates={wanted}")
        validation, state = made(pairs, "cyclegan", "data.task=unpaired", *overrides)
        picture = next(validation.pictures(1)).source
        before = asked(state, "generator.b_to_a", picture)
        with torch.no_grad():
            for parameter in state.system.parameters():
                parameter.mul_(1.5)
        after = asked(state, "generator.b_to_a", picture)
        state.system.train()
        with torch.inference_mode():
            found = CurrentTranslator(state)("b-to-a", picture)
        torch.testing.assert_close(found, before if wanted == "true" else after)
        assert not torch.allclose(before, after)
        assert found.dtype == torch.float32


def test_spread_is_the_mean_difference_of_neighbours() -> None:
    spread = Spread()
    assert spread.mean() == 0
    for value in (0.0, 1.0, -2.0):
        spread.add(torch.full((1, 1, 2, 2), value))
    spread.add(torch.zeros(1, 1, 3, 3))  # of another size: not compared
    spread.add(torch.full((1, 1, 3, 3), 0.5))
    assert spread.differences == [1, 3, 0.5]
    assert spread.mean() == pytest.approx(4.5 / 3)


def test_the_segmenter_has_as_many_classes_as_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    said: list[str] = []
    monkeypatch.setattr("diptych.training.validation.segmenter_for", lambda *given: asked.append(given[3]))
    metrics = ('training.metrics=["fcn"]', "training.best=l1")
    labelled = draw_labelled(tmp_path / "labelled")
    maps, _ = made(labelled, "spade", *metrics, "data.palette=[]", "data.source.classes=7")
    maps.prepare(said.append)
    colours, _ = made(
        draw_pairs(tmp_path / "pairs"), "pix2pix", *metrics, "data.palette=[[0,0,0],[9,9,9],[255,255,255]]"
    )
    colours.prepare(said.append)
    assert asked == [7, 3]
