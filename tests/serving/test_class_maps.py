"""What the service takes for a class map where no colours were stated."""

import io

import numpy as np
import pytest
from PIL import Image

from diptych.pictures.kinds import Kind
from diptych.serving.service.limits import Limits
from diptych.serving.service.pictures import decode
from diptych.serving.service.problems import Problem

LABELS = Kind(colour="labels", classes=4)
MAP = np.random.default_rng(0).integers(0, 4, (8, 12), dtype=np.uint8)


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def test_numbers_and_the_listed_colours_are_class_maps() -> None:
    indexed = Image.fromarray(MAP)
    indexed.putpalette(LABELS.colours()[:4].tobytes())
    for picture in (Image.fromarray(MAP), indexed, Image.fromarray(LABELS.colours()[MAP])):
        assert np.array_equal(decode(png(picture), LABELS, Limits())[..., 0], MAP)


def test_a_photo_is_none() -> None:
    photo = Image.fromarray(np.random.default_rng(1).integers(0, 256, (8, 12, 3), dtype=np.uint8))
    with pytest.raises(Problem) as refused:
        decode(png(photo), LABELS, Limits())
    assert refused.value.status == 422
    assert "no class map" in refused.value.detail
