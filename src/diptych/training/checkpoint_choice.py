"""Which checkpoint of a run a command takes, and whether the run knows a better one."""

from contextlib import suppress
from pathlib import Path

from diptych.checkpoints import DamagedCheckpoint, read_facts
from diptych.evaluation.metrics import direction
from diptych.report.curves import number
from diptych.training.run import RECIPE, read_lines
from diptych.translator.weights import weights_path


def checkpoint_note(place: Path, checkpoint: str) -> str:
    """A line on the checkpoint of a run that ``checkpoint`` names, and on the best one where that is better.

    Empty for what is no run: a model folder or a file has no choice.

    Raises:
        DiptychError: when the run has no such checkpoint.
    """
    if not (place / RECIPE).is_file():
        return ""
    chosen = weights_path(place, checkpoint)
    best, score, value = best_of(chosen.with_stem("best"))
    if chosen.stem == "best":
        return f"Checkpoint best, of step {best}: {score} {value:.4f}." if score else "Checkpoint best."
    if not chosen.stem.isdecimal():
        return ""
    step = int(chosen.stem)
    message = f"Checkpoint of step {step}."
    if not score or best == step:
        return message
    own = [number(line.get(score)) for line in read_lines(place / "scores.jsonl") if line["step"] == step]
    sign = 1 if direction(score) == "higher" else -1
    if own and own[-1] is not None and sign * own[-1] >= sign * value:
        return message
    against = f", here {own[-1]:.4f}" if own and own[-1] is not None else ""
    return f"{message} That of step {best} is better by {score} ({value:.4f}{against}): --checkpoint best takes it."


def named_by_step(place: Path, checkpoint: str) -> str:
    """The name of the checkpoint of a run: of the best one too that of its step, such as "00005000", where it is known."""
    path = weights_path(place, checkpoint)
    step = best_of(path)[0] if path.stem == "best" else -1
    return f"{step:08d}" if step >= 0 else path.stem


def best_of(path: Path) -> tuple[int, str, float]:
    """Step, score and its value of the best checkpoint; no score where there is none, or none that tells."""
    try:
        facts = read_facts(path)
    except DamagedCheckpoint:
        return -1, "", 0.0
    step, score, value = facts.get("step"), facts.get("score"), number(facts.get("value"))
    if isinstance(step, int) and isinstance(score, str) and value is not None:
        with suppress(KeyError):  # the score of another version
            direction(score)
            return step, score, value
    return -1, "", 0.0
