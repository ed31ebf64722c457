"""What the tests of many pictures share."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from commanding import save

from diptych.networks import NetworkSpec
from diptych.pictures.kinds import Kind
from diptych.translator.card import Card
from diptych.translator.many import Job
from diptych.translator.translator import Translator


def translator_of(source: Kind | None = None, target: Kind | None = None, **arguments: object) -> Translator:
    """A tiny network with random weights."""
    source, target = source or Kind(), target or Kind()
    torch.manual_seed(0)
    told = {"width": 4, "blocks": 1, "norm": "none", **arguments}
    spec = NetworkSpec(
        "resnet", {"channels_in": source.stored_channels, "channels_out": target.stored_channels, **told}
    )
    return Translator(spec.build(), Card("a-to-b", "generator", "resnet", spec.arguments, source, target, 4, (16, 16)))


@pytest.fixture(scope="session")
def translator() -> Translator:
    return translator_of()


@pytest.fixture
def job(translator: Translator) -> Job:
    return Job(translator)


@pytest.fixture
def pictures(tmp_path: Path) -> list[tuple[Path, Path]]:
    """Ten pictures of two sizes, each with its place."""
    for number in range(10):
        save(tmp_path / "in" / f"{number}.png", 16 + 4 * (number % 2), 20)
    return [(path, Path(path.name)) for path in sorted((tmp_path / "in").iterdir())]


@pytest.fixture
def made_of() -> Callable[..., Translator]:
    """A translator of other Kinds."""
    return translator_of
