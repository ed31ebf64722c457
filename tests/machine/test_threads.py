"""What is put into the environment before torch is loaded."""

import os

import pytest

from diptych.machine.threads import BLOCKS, SPINS, prepare

NAMES = [*BLOCKS, *SPINS]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "")  # so that it is brought back
        monkeypatch.delenv(name)


def found() -> dict[str, str]:
    return {name: os.environ[name] for name in NAMES if name in os.environ}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train", "pix2pix-facades"], SPINS),
        (["data", "check", "FOLDER"], SPINS),
        (["translate", "RUN", "FOLDER"], SPINS),
        (["translate", "RUN", "FOLDER", "--ray", "2"], BLOCKS),
        (["translate", "RUN", "FOLDER", "--ray=2"], BLOCKS),
        (["serve", "RUN"], BLOCKS),
        ([], SPINS),
    ],
)
@pytest.mark.parametrize("load", [0.1, 9.0])
def test_the_command_alone_decides_how_threads_wait(
    words: list[str], expected: dict[str, str], load: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However busy the machine is: a command that is repeated behaves as it did."""
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    prepare(words)
    assert found() == expected


@pytest.mark.parametrize("own", [{"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "9"}], ids=["policy", "count"])
def test_what_the_user_chose_stands(own: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    prepare(["train"])
    assert found() == own
