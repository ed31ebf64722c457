"""What results keep of their sources: depth, channels, place, colour profile."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from icc import ADOBE
from PIL import Image, ImageCms

from diptych.networks import NetworkSpec
from diptych.pictures.kinds import Kind
from diptych.translator.card import Card
from diptych.translator.many import Job
from diptych.translator.many.pipeline import StageSeconds, run_pipeline
from diptych.translator.many.plan import make_plan
from diptych.translator.translator import Translator

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
TAGS = [
    (33550, 12, 3, (30.0, 20.0, 0.0), True),
    (33922, 12, 6, (0.0, 0.0, 0.0, 5e5, 4e6, 0.0), True),
    (34735, 3, 8, (1, 1, 0, 1, 1025, 0, 1, 1), True),
]
RNG = np.random.default_rng(0)


def through(job: Job, source: Path, out: Path) -> Path:
    """The result's place."""
    plan = make_plan(job, [(source, Path(source.name))], out)
    outcomes = list(run_pipeline(job, plan.tasks, StageSeconds()))
    assert [outcome.problem for outcome in outcomes] == [""]
    return outcomes[0].task.place


@pytest.mark.parametrize("channels", [1, 4, 6])
def test_deep_tiffs_of_many_channels_come_out_as_deep(
    channels: int, made_of: Callable[..., Translator], tmp_path: Path
) -> None:
    kind = Kind("channels", "uint16", channels=channels)
    picture = RNG.integers(0, 65536, (20, 16, channels)).astype(np.uint16)
    plain = picture[..., 0] if channels == 1 else picture
    options: dict[str, Any] = {} if channels == 1 else {"planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "a.tif", plain, photometric="minisblack", extratags=TAGS, **options)
    place = through(Job(made_of(kind, kind)), tmp_path / "a.tif", tmp_path / "out")
    assert place.suffix == ".tif"
    with tifffile.TiffFile(place) as file:
        page: Any = file.pages[0]
        assert (page.dtype, page.samplesperpixel) == (np.uint16, channels)
        assert len(np.unique(page.asarray())) > 256  # more than 8 bits hold
        assert page.tags[33922].value == TAGS[1][3]


def test_a_larger_result_lies_on_the_same_ground(tmp_path: Path) -> None:
    arguments = {"channels_in": 3, "channels_out": 3, "width": 4, "blocks": 1, "factor": 2}
    card = Card("a-to-b", "generator", "srresnet", arguments, Kind(), Kind(), 1, (8, 8), scale=2)
    job = Job(Translator(NetworkSpec("srresnet", arguments).build(), card))
    picture = RNG.integers(0, 256, (12, 10, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb", extratags=TAGS, iccprofile=PROFILE)
    with tifffile.TiffFile(through(job, tmp_path / "a.tif", tmp_path / "out")) as file:
        page: Any = file.pages[0]
        assert page.shape == (24, 20, 3)
        assert page.tags[33550].value == (15.0, 10.0, 0.0)
        assert page.iccprofile == PROFILE


def fills_holes() -> Translator:
    arguments = {"channels_in": 4, "channels_out": 3, "width": 4, "blocks": 1}
    card = Card("a-to-b", "generator", "resnet", arguments, Kind("holed"), Kind(), 4, (8, 8))
    return Translator(NetworkSpec("resnet", arguments).build(), card)


@pytest.mark.parametrize("ending", ["png", "webp", "tif"])
def test_a_colour_profile_goes_along_with_the_same_picture_alone(
    ending: str, job: Job, made_of: Callable[..., Translator], tmp_path: Path
) -> None:
    """Where a hole is filled the rest is the source; a counterpart is in the colours of the targets."""
    colours, opacity = RNG.integers(0, 256, (16, 20, 3), dtype=np.uint8), np.full((16, 20, 1), 255, np.uint8)
    opacity[4:8, 4:8] = 0
    source = tmp_path / f"a.{ending}"
    Image.fromarray(np.concatenate([colours, opacity], axis=2)).save(source, icc_profile=PROFILE)
    with Image.open(through(Job(fills_holes()), source, tmp_path / "filled")) as result:
        assert result.info["icc_profile"] == PROFILE
    for number, other in enumerate((job, Job(made_of(Kind(), Kind("grey"))), replace(job, grid=True))):
        with Image.open(through(other, source, tmp_path / str(number))) as result:
            assert "icc_profile" not in result.info


def test_what_was_brought_to_srgb_keeps_no_profile(job: Job, tmp_path: Path) -> None:
    """The result is that of the picture which Pillow brought to sRGB, and says nothing of other colours."""
    picture = Image.fromarray(RNG.integers(0, 256, (16, 20, 3), dtype=np.uint8))
    picture.save(tmp_path / "a.png", icc_profile=ADOBE)
    wanted = ImageCms.profileToProfile(picture, io.BytesIO(ADOBE), ImageCms.createProfile("sRGB"))
    with Image.open(through(job, tmp_path / "a.png", tmp_path / "out")) as result:
        assert "icc_profile" not in result.info
        np.testing.assert_array_equal(np.asarray(result), job.translator(np.asarray(wanted)))
