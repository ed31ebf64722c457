"""Every system that translates facade labels to photos, with its small profile, at equal minutes of one core: a row each.

The systems are those that the registry has; one whose task needs other data is left out, and a line says why. First a step of each is
timed, in turn and in the processor's time (``steps.py``), which fixes how many steps the minutes are. Then they train one after the
other with one thread. Their translations of the validation split are judged at 128x128 against the photos. Unpaired systems train
without the pairing, and are judged with it. A judge through whose network a system was trained has no number in that row. Usage:

    python benchmarks/every_system.py --data FACADES --minutes 8 --out FOLDER

What ``--out`` holds stays: the same command goes on where it was stopped, and prints the table of what is there.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table

from diptych.errors import DiptychError
from diptych.evaluation.evaluate import THROUGH
from diptych.evaluation.fcn_labels import Labels
from diptych.evaluation.metrics import chosen
from diptych.files import as_json, write_text
from diptych.judging.judge import judge, keep, sheet_of
from diptych.judging.runs import subject_of_outputs
from diptych.judging.subjects import EvaluationSplit, Request
from diptych.networks.features.pretrained import trained_through, weights_file
from diptych.pictures import formats
from diptych.pictures.resizing import resize
from diptych.recipe import read
from diptych.recipe_files import shipped
from diptych.systems import SYSTEMS
from diptych.tables import quoted
from diptych.training.run import read_recipe
from diptych.training.state import build
from diptych.translator.translator import Translator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks import steps
from benchmarks._data import DATA

JUDGED_AS = "pix2pix-facades-small"
"""The recipe whose pairs, palette and scale the judges use."""
SIDE = 128
TASKS = ("pairs", "unpaired", "labelled")
METRICS = "fcn,frechet,kernel,diversity,sharpness"
SHOWN = ("fcn pixel accuracy", "fcn class iou", "frechet", "kernel", "diversity", "sharpness")


class Entrant(NamedTuple):
    """A system's recipe with a small profile, on this data."""

    name: str
    recipe: str
    task: str

    def words(self, data: str) -> list[str]:
        """Overrides: side-by-side pairs, photo left and label right."""
        return [f"data.folder={quoted(data)}", "data.direction=b-to-a"]


def entrants(data: str) -> tuple[list[Entrant], list[str]]:
    """One for every small profile of a system that fits the data, and a sentence for every system that does not."""
    found, sentences = list[Entrant](), list[str]()
    for system in SYSTEMS:
        recipe = f"{system}-facades" if f"{system}-facades" in shipped() else system
        table = shipped().get(recipe, {})
        profiles = [name for name in table.get("profiles", {}) if name == "small" or name.endswith("-small")]
        if not profiles:
            sentences.append(f"{system} is left out: it has no recipe with a small profile.")
        for profile in profiles:
            name = f"{recipe}-{profile}"
            task = read(name).data.task
            entrant = Entrant(name.replace("-facades", ""), name, task)
            if task not in TASKS:
                sentences.append(f"{entrant.name} is left out: its task is {task}, not labels to photos.")
                continue
            try:
                build(read(name, entrant.words(data)))
            except DiptychError as problem:
                sentences.append(f"{entrant.name} is left out: {problem}")
            else:
                found.append(entrant)
    return found, sentences


def timed(chosen_ones: Sequence[Entrant], data: str, place: Path, rounds: int) -> dict[str, dict[str, float]]:
    """By name the seconds of a step and its memory, measured together; measured anew where somebody is missing."""
    known: dict[str, dict[str, float]] = json.loads(place.read_text()) if place.is_file() else {}
    if not all(one.name in known for one in chosen_ones):
        print("Timing a step of each, in turn ...", flush=True)
        cases = {one.name: " ".join([one.recipe, "data.direction=b-to-a"]) for one in chosen_ones}
        for name, taken in steps.measured(cases, rounds, 1).items():
            seconds = statistics.median(step.seconds for step in taken)
            known.setdefault(name, {"seconds": seconds, "mib": taken[-1].mib})  # who has begun keeps its steps
        write_text(place, as_json(known, indent=1))
    return known


def train(entrant: Entrant, data: str, count: int, seed: int, folder: Path) -> None:
    """In a process of its own, which goes on with what is there.

    Raises:
        SystemExit: when it was interrupted or failed.
    """
    length = [f"training.steps={count}", "training.epochs=0", "training.device=cpu", f"training.seed={seed}"]
    quiet = ["training.report=false", "data.workers=0", f"training.validate_every={count}"]
    words = [*entrant.words(data), *length, *quiet, "training.stop_after=0", "training.patience=0"]
    command = [sys.executable, "-m", "diptych", "train", entrant.recipe, *words, "--out", str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    if code := subprocess.run(command, check=False, env=environment).returncode:
        raise SystemExit(f"{entrant.name} ended with {code}; the same command goes on.")


def translate(run: Path, out: Path) -> None:
    """Every validation source at the scale of training, as PNG of 128x128 by the example's name."""
    translator = Translator.load(run, "a-to-b", "latest", "cpu")
    split = EvaluationSplit.open(read_recipe(run).data, "val", 0)
    out.mkdir(exist_ok=True)
    for number in split.chosen:
        source = translator.card.source.to_tensor(split.stored(number)[0])[None]
        stored = translator.card.target.to_stored(translator.batch(source)[0])
        formats.write(out / f"{split.dataset.name(number)}.png", resize(stored, SIDE, SIDE))


def judged(run: Path, outputs: Path, data: str, labels: str, network: str) -> dict[str, Any]:
    """The scores by name; None for one whose network the training looked through."""
    wanted = chosen(METRICS)
    subject = subject_of_outputs(
        outputs, None, False, Request(data=data, split="val"), JUDGED_AS, Labels(labels), wanted
    )
    looked = trained_through(Translator.load(run, "a-to-b").card.provenance)
    subject = replace(subject, resources=replace(subject.resources, trained_through=looked))
    result = judge(subject, wanted, network)
    keep(result, run / "judged", sheet_of(subject, result))
    return {one.metric: None if one.note.endswith(THROUGH) else (one.value, one.low, one.high) for one in result.scores}


def table_of(rows: Sequence[dict[str, Any]], minutes: float, network: str) -> Table:
    title = f"{minutes:g} minutes of a core each, distances of {network}"
    table = Table("system", "data", "ms a step", "MiB", "steps", *SHOWN, title=title)
    for row in rows:
        cells = [cell(row["scores"].get(name)) for name in SHOWN]
        table.add_row(
            row["name"], row["task"], f"{1000 * row['seconds']:.0f}", f"{row['mib']:.0f}", str(row["steps"]), *cells
        )
    return table


def cell(score: Sequence[float] | None) -> str:
    if score is None:
        return "-"
    value, low, high = score
    digits = 0 if value >= 10 else 3
    return f"{value:.{digits}f}" if low == high else f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def second_network() -> str:
    """A second network's weights where they are here: many small profiles are trained through the first."""
    try:
        weights_file("squeezenet1.1-caffe")
    except DiptychError:
        return "efficientnet-lite0"
    return "squeezenet1.1-caffe"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(DATA / "facades"), help="side-by-side pairs, photo left, label right")
    parser.add_argument("--minutes", type=float, default=8.0, help="of one core, for each")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="as the first column has it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3, help="of the timing")
    parser.add_argument(
        "--labels", default="", help="class maps for the FCN-score, as for diptych evaluate; smaller ones are quicker"
    )
    parser.add_argument("--network", default="", help="of the distances; by default squeezenet1.1-caffe where it is")
    parser.add_argument("--out", type=Path, default=Path("runs/every-system"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    data, network = str(Path(arguments.data).resolve()), arguments.network or second_network()
    known, sentences = entrants(data)
    if strange := set(arguments.only) - {one.name for one in known}:
        raise SystemExit(f"--only names {min(strange)}; choose from {', '.join(one.name for one in known)}.")
    print("\n".join(sentences), flush=True)
    wanted = [one for one in known if not arguments.only or one.name in arguments.only]
    measures, rows = timed(wanted, data, arguments.out / "steps.json", arguments.rounds), []
    for entrant in wanted:
        run, place = arguments.out / entrant.name, arguments.out / f"{entrant.name}.json"
        if not place.is_file():
            measure = measures[entrant.name]
            count = max(round(60 * arguments.minutes / measure["seconds"]), 1)
            train(entrant, data, count, arguments.seed, run)
            translate(run, run / "outputs")
            row = {**entrant._asdict(), **measure, "steps": count, "minutes": arguments.minutes, "network": network}
            write_text(
                place,
                as_json({**row, "scores": judged(run, run / "outputs", data, arguments.labels, network)}, indent=1),
            )
        rows.append(json.loads(place.read_text()))
        if (rows[-1]["minutes"], rows[-1]["network"]) != (arguments.minutes, network):
            raise SystemExit(f"{place} is of other minutes or another network; give another --out.")
    Console(width=200).print(table_of(rows, arguments.minutes, network))


if __name__ == "__main__":
    main()
