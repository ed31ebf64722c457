"""Whether threads that wait for each other sleep or spin."""

import os

import pytest

from diptych.cli import choose_waiting

WAITING = "OMP_WAIT_POLICY"


@pytest.mark.skipif(not hasattr(os, "getloadavg"), reason="this system does not say how busy it is")
@pytest.mark.parametrize(
    ("words", "load", "expected"),
    [
        (["train", "pix2pix-facades"], 0.1, None),
        (["demo"], 0.1, None),
        (["train", "pix2pix-facades"], 1.3, "passive"),
        (["serve", "RUN"], 0.1, "passive"),
        ([], 0.1, "passive"),
    ],
)
def test_threads_spin_only_where_they_train_alone(
    words: list[str], load: float, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WAITING, "")  # so that it is brought back
    monkeypatch.delenv(WAITING)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    choose_waiting(words)
    assert os.environ.get(WAITING) == expected


def test_what_the_user_chose_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WAITING, "active")
    choose_waiting(["serve"])
    assert os.environ[WAITING] == "active"
