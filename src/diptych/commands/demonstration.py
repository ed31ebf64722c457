"""The demonstration: two short trainings on OpenMoji, judged on drawings that neither has seen."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import Tensor

from diptych.data import open_dataset
from diptych.data.openmoji.drawings import ATTRIBUTION, TONES
from diptych.data.public.catalog import get
from diptych.evaluation import paired
from diptych.judging.ablate import trained
from diptych.pictures import formats
from diptych.recipe import read
from diptych.translator.translator import Translator

RECIPE = "pix2pix-openmoji-small"
SHEET_ROWS, SHEET_COLUMNS = 10, 2
SCORES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"L1": paired.l1, "PSNR": paired.psnr, "SSIM": paired.ssim}


def run_demo(folder: Path, steps: int = 0) -> int:
    """Train both, print the scores, write the sheet; 130 when interrupted."""
    data = read(RECIPE).data
    print("Drawing OpenMoji outlines and drawings ...")
    get(data.folder)
    length = [f"training.steps={steps}"] if steps else []
    runs = {
        "L1 + cGAN": (folder / "l1-cgan", length),
        "L1 alone": (folder / "l1", [*length, 'options.objective="l1"']),
    }
    for name, (place, overrides) in runs.items():
        print(f"\nTraining {name}: diptych train {RECIPE} {' '.join(overrides)} --out {place}")
        if not trained(read(RECIPE, overrides), place):
            print("Saved. The same command goes on from here.")
            return 130
    translators = {name: Translator.load(place) for name, (place, _) in runs.items()}
    table, sheet = score(translators)
    place = folder / "contact-sheet.png"
    formats.write(place, sheet)
    print("\nHeld-out test drawings, pictures in [-1, 1]:      L1   PSNR dB     SSIM")
    for name, (l1, psnr, ssim) in table.items():
        print(f"  {name:42}{l1:8.4f}{psnr:10.2f}{ssim:9.3f}")
    print(f"\nContact sheet (outline | L1 + cGAN | L1 alone | drawing): {place}")
    if (folder / "l1-cgan" / "report.html").is_file():
        print(f"The whole run as a page for the browser: {folder / 'l1-cgan' / 'report.html'}")
    print(ATTRIBUTION, end="")
    run = folder / "l1-cgan"
    print(f"""
Draw on it yourself, in a web page:       diptych serve {run}
A folder that any web host can serve:     diptych export {run} --to web --out {folder / "page"}""")
    return 0


def choose_examples(names: list[str]) -> set[int]:
    """Drawings for the sheet, spread evenly, without variants in skin tone, which an outline cannot show."""
    plain = [index for index, name in enumerate(names) if not any(tone in name for tone in TONES)]
    return {plain[place * len(plain) // (SHEET_ROWS * SHEET_COLUMNS)] for place in range(SHEET_ROWS * SHEET_COLUMNS)}


def score(translators: dict[str, Translator]) -> tuple[dict[str, list[float]], np.ndarray]:
    """Mean scores over the test split by name, "copy the input" included, and the contact sheet."""
    settings = read(RECIPE).data
    dataset = open_dataset(settings, "test", train=False)
    rows: dict[str, list[list[float]]] = {name: [] for name in ("copy the input", *translators)}
    shown = choose_examples([dataset.name(index) for index in range(len(dataset))])
    strips = []
    for index in range(len(dataset)):
        source, target = (tensor[None] for tensor in dataset.sample(index, np.random.default_rng(0)))
        outputs = {"copy the input": source} | {name: one.batch(source) for name, one in translators.items()}
        for name, output in outputs.items():
            rows[name].append([metric(output, target).item() for metric in SCORES.values()])
        if index in shown:
            views = [*outputs.values(), target]
            strips.append(np.concatenate([settings.target.preview(view[0]) for view in views], axis=1))
    height = len(strips) // SHEET_COLUMNS
    columns = [np.concatenate(strips[i * height : (i + 1) * height]) for i in range(SHEET_COLUMNS)]
    return {name: np.mean(found, axis=0).tolist() for name, found in rows.items()}, np.concatenate(columns, axis=1)
