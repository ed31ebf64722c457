"""What is put into the environment before torch is loaded."""

import os

import pytest

from diptych.machine.threads import ASLEEP, SPINNING, prepare

NAMES = [*ASLEEP, *SPINNING]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "")  # so that it is brought back
        monkeypatch.delenv(name)


def found() -> dict[str, str]:
    return {name: os.environ[name] for name in NAMES if name in os.environ}


@pytest.mark.parametrize(
    ("words", "load", "expected"),
    [
        (["train", "pix2pix-facades"], 0.1, SPINNING),
        (["data", "check", "FOLDER"], 0.1, SPINNING),
        (["evaluate", "RUN"], 0.1, SPINNING),
        (["translate", "RUN", "FOLDER"], 0.1, SPINNING),
        (["translate", "RUN", "FOLDER", "--ray", "2"], 0.1, ASLEEP),
        (["translate", "RUN", "FOLDER", "--ray=2"], 0.1, ASLEEP),
        (["train", "pix2pix-facades"], 1.3, ASLEEP),
        (["evaluate", "RUN"], 1.3, ASLEEP),
        (["serve", "RUN"], 0.1, ASLEEP),
        ([], 0.1, SPINNING),
    ],
)
def test_threads_spin_only_where_nothing_else_runs(
    words: list[str], load: float, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    prepare(words)
    assert found() == expected


def test_where_the_system_does_not_say_how_busy_it_is_they_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "getloadavg", raising=False)
    prepare(["train"])
    assert found() == ASLEEP


@pytest.mark.parametrize("own", [{"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "9"}], ids=["policy", "count"])
def test_what_the_user_chose_stands(own: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    prepare(["train"])
    assert found() == own
