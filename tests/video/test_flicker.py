"""The flow, the flicker score, and smoothing, against motion that is known."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from commanding import Typed, refused
from filming import Jitter, film, job_of

from diptych.evaluation.flicker import Flicker, warping_error
from diptych.evaluation.metrics import Example
from diptych.judging.judge import kept
from diptych.pictures.kinds import Kind
from diptych.translator.many.films import FilmOptions, translate_moving
from diptych.video.films import Film
from diptych.video.flow import grey_of, motion, warp
from diptych.video.smoothing import Smoother


def textured(count: int, step: int = 2) -> list[np.ndarray]:
    """A picture with detail, moved to the left by ``step`` a frame."""
    rng = np.random.default_rng(1)
    wide = cv2.resize(rng.integers(0, 256, (24, 60, 3), dtype=np.uint8), (240, 96), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(wide[:, step * one : step * one + 160]) for one in range(count)]


def example(output: np.ndarray, source: np.ndarray | None = None) -> Example:
    def tensor(rgb: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None] / 127.5 - 1

    return Example("0", tensor(output), tensor(output), source_rgb=None if source is None else tensor(source))


def test_the_flow_is_the_motion_and_what_comes_into_view_is_not_known() -> None:
    one, two = textured(2, 3)
    found = motion(grey_of(one), grey_of(two))
    inner = (slice(10, -10), slice(10, -14))
    assert np.abs(found.back[inner] - (3, 0)).max() < 0.5
    assert found.known[inner].mean() > 0.99
    assert not found.known[:, -2:].any()  # which was outside of the frame before
    moved = warp(one, found.back)
    still = np.abs(one[inner].astype(int) - two[inner]).mean()
    assert np.abs(moved[inner].astype(int) - two[inner]).mean() < 0.2 * still


def test_large_frames_take_their_flow_from_a_smaller_copy() -> None:
    one, two = (
        cv2.resize(frame, (1600, 960), interpolation=cv2.INTER_CUBIC).astype(np.uint8) for frame in textured(2, 1)
    )
    found = motion(grey_of(one), grey_of(two))
    assert np.abs(found.back[200:-200, 200:-200].mean(axis=(0, 1)) - (10, 0)).max() < 0.5


def test_flicker_is_the_brightness_that_changes_and_not_the_motion() -> None:
    frames = textured(6)
    steady, restless = Flicker(), Flicker()
    for number, frame in enumerate(frames):
        steady.add(example(frame, frame))
        restless.add(example(np.clip(frame * 0.8 + 10 + 20 * (number % 2), 0, 255).astype(np.uint8), frame))
    (score,), (other,) = steady.scores(), restless.scores()
    assert score.value < 0.02
    assert score.note.startswith("sources: ")
    assert abs(other.value - 20 / 127.5) < 0.02
    assert (score.count, len(steady.pictures()["flicker"])) == (5, 6)
    plain = np.abs(frames[1].astype(float) - frames[0]).mean() / 127.5
    assert plain > 5 * score.value  # a difference without the flow would be the motion's


def test_the_warping_error_is_the_mean_where_the_flow_is_known() -> None:
    before, now = np.zeros((4, 6, 3), np.float32), np.full((4, 6, 3), 0.5, np.float32)
    known = np.zeros((4, 6), bool)
    known[:2] = True
    now[2:] = 9
    from diptych.video.flow import Motion

    assert warping_error(before, now, Motion(np.zeros((4, 6, 2), np.float32), known)) == 0.5


def test_smoothing_is_a_recursive_mean_along_the_motion_and_stops_at_a_cut() -> None:
    source = textured(1)[0]
    smoother, rng = Smoother(0.5, (0, 255)), np.random.default_rng(0)
    results = [(100 + rng.integers(-20, 21, source.shape)).astype(np.uint8) for _ in range(12)]
    made = [smoother.next(source, result) for result in results]
    wanted = results[0].astype(np.float64)
    for result in results[1:]:
        wanted = 0.5 * wanted + 0.5 * result
    assert np.abs(made[-1] - wanted).max() < 2  # a film that stands still
    assert made[-1].std() < 0.65 * results[-1].std()  # sqrt(1/3), by the geometric series
    cut = np.ascontiguousarray(255 - source[::-1, ::-1])
    after = smoother.next(cut, np.full(source.shape, 200, np.uint8))
    assert np.abs(after.astype(int) - 200).mean() < 8  # of 100


def test_smoothing_lowers_the_flicker_of_a_restless_translator_by_half(typed: Typed, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", textured(20), matrix=6)
    for name, share in (("plain", 0.0), ("smooth", 0.6)):
        options = FilmOptions("vp9", 4, smoothing=share)
        assert (
            translate_moving(job_of(Jitter()), Film(tmp_path / "a.mp4", Kind()), tmp_path / f"{name}.mp4", options) == 0
        )
        words = ["--outputs", tmp_path / f"{name}.mp4", "--sources", tmp_path / "a.mp4", "--metrics", "flicker"]
        said = typed("evaluate", *words, "--out", tmp_path / name)
        assert said.code == 0, said
    plain, smooth = (kept(tmp_path / name).scores[0].value for name in ("plain", "smooth"))
    assert smooth < 0.5 * plain


def test_films_that_do_not_belong_together_are_refused(typed: Typed, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", textured(3))
    film(tmp_path / "b.mp4", textured(4))
    words = ["evaluate", "--outputs", tmp_path / "a.mp4"]
    refused(typed(*words, "--sources", tmp_path / "b.mp4"), 1, "has 3 frames and", "has 4")
    refused(typed(*words, "--unpaired", "--targets", tmp_path / "a.mp4"), 2, "films are judged frame by frame")
    refused(typed("evaluate", "run", "--sources", tmp_path / "b.mp4"), 2, "--sources belongs to --outputs")


@pytest.mark.parametrize("shape", [(8, 8), (17, 31)])
def test_tiny_frames_have_a_flow_too(shape: tuple[int, int]) -> None:
    grey = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert motion(grey, grey).back.shape == (*shape, 2)
