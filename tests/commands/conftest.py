"""What the tests of commands share."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from commanding import save
from toys import run_to_end, tiny_recipe


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test in a folder of its own, without prepared sets; a training leaves no signal handlers behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    before = {number: signal.getsignal(number) for number in signal.Signals if number.name in names}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pix2pix run."""
    folder = tmp_path_factory.mktemp("translating")
    for split, count in (("train", 4), ("val", 2)):
        (folder / "pairs" / split).mkdir(parents=True)
        for number in range(count):
            save(folder / "pairs" / split / f"{number}.png", 20, 40)
    return run_to_end(tiny_recipe("pix2pix", folder / "pairs"), folder / "run")[0].folder
