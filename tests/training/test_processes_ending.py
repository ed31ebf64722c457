"""One of several processes is asked to stop, fails, or dies: what becomes of the others and of the run."""

import signal
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest
import torch
from several import both, torchrun, two, words
from toys import tiny_recipe, weights

from diptych.training.run import Run

DIE = """
import os, sys
from diptych.systems import Pix2Pix
plain = Pix2Pix.losses
def losses(self, batch, step):
    if step == 4 and os.environ["RANK"] == "1":
        os._exit(9)
    yield from plain(self, batch, step)
Pix2Pix.losses = losses
"""


UNREADABLE = """
import os
from diptych.data.stream import Positions
from diptych.errors import DiptychError
plain = Positions.sample
def sample(self, position):
    if position >= 9 and os.environ["RANK"] == "1":
        raise DiptychError("x.png is not there.")
    return plain(self, position)
Positions.sample = sample
"""


@pytest.mark.slow
def test_a_picture_that_one_process_cannot_read_ends_all_with_what_is_kept(toy_pairs: Path, tmp_path: Path) -> None:
    result = torchrun(2, words(toy_pairs), tmp_path / "run", UNREADABLE)
    assert result.returncode != 0
    kept = "the checkpoint of step 3 is whole, and the same command goes on from it."
    assert f"diptych: x.png is not there. One process alone saves nothing: {kept}" in result.stderr
    assert "Traceback" not in result.stdout
    again = torchrun(2, words(toy_pairs), tmp_path / "run")
    assert "Resumed at step 3 of 6." in again.stdout, again.stderr


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run_with_a_message_and_a_good_checkpoint(toy_pairs: Path, tmp_path: Path) -> None:
    result = torchrun(2, words(toy_pairs), tmp_path / "run", DIE)
    assert result.returncode != 0
    assert "another process of this run has ended" in result.stderr
    assert "the checkpoint of step 3 is whole, and the same command goes on from it" in result.stderr
    run = Run(tmp_path / "run", tiny_recipe("pix2pix", toy_pairs))
    assert run.saved_steps() == [3]
    assert all(torch.isfinite(tensor).all() for tensor in weights(run).values())


ENDLESS = ("training.steps=100000", "training.checkpoint_every=100000", "training.log_every=1")


ASKED = "Stopping after this step, and saving. Once more stops at once and saves nothing."


def signalled(rank: int, number: int) -> Callable[[list[Popen[str]]], None]:
    """Sends a signal to one process once they train."""

    def act(started: list[Popen[str]]) -> None:
        assert started[0].stdout is not None
        for line in started[0].stdout:
            if line.startswith("step 3/"):
                break
        started[rank].send_signal(number)

    return act


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asking_one_process_to_stop_stops_all(number: int, rank: int, toy_pairs: Path, tmp_path: Path) -> None:
    (code, out, err), (other_code, other_out, other_err) = two(
        words(toy_pairs, *ENDLESS), tmp_path / "run", signalled(rank, number)
    )
    assert (code, other_code) == (130, 130)
    assert err.strip() == ASKED
    assert "Done" not in out
    assert out.strip().splitlines()[-1].startswith("Saved. The same command goes on from here")
    assert (other_out, other_err) == ("", "")
    run = Run(tmp_path / "run", tiny_recipe("pix2pix", toy_pairs))
    assert [event["kind"] for event in run.entries("events.jsonl") if event["kind"] in ("pause", "end")] == ["pause"]
    assert len(run.saved_steps()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_the_others_say_in_a_sentence_that_one_has_died(rank: int, toy_pairs: Path, tmp_path: Path) -> None:
    ended = two(words(toy_pairs, *ENDLESS), tmp_path / "run", signalled(rank, signal.SIGKILL))
    code, _, told = ended[1 - rank]
    assert code == 1
    assert told.strip() == (
        "diptych: another process of this run has ended or does not answer; "
        "no checkpoint was saved yet, and the same command begins anew."
    )


@pytest.mark.slow
def test_a_start_that_one_process_refuses(toy_pairs: Path, tmp_path: Path) -> None:
    """Only the one that leads looks at the folder; the other must not end with a traceback."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("irreplaceable")
    (code, _, told), (other_code, _, other_told) = two(words(toy_pairs), tmp_path / "thesis", lambda started: None)
    assert (code, other_code) == (1, 1)
    assert "is not empty and holds no run" in told
    assert "another process of this run has ended" in other_told
    assert "Traceback" not in told + other_told


@pytest.mark.slow
def test_a_process_that_ends_while_another_works_alone_is_told_of_at_once(tmp_path: Path) -> None:
    script = "import os\nfrom diptych.errors import DiptychError\nfrom diptych.training.processes import join\n"
    script += "processes = join('cpu')\nprocesses.wait()\n"
    script += "if not processes.leads:\n    os._exit(0)\n"
    script += "try:\n    with processes.explaining(lambda: 'nothing is lost'):\n        processes.wait()\n"
    script += "except DiptychError as problem:\n    print(problem)\n"
    done = both(script, tmp_path)
    assert "another process of this run has ended" in done.stdout, done.stderr
