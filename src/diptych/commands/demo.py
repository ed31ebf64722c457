"""``diptych demo``: two short trainings on OpenMoji, scored on drawings that neither has seen."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from diptych.translator.translator import Translator

RECIPE = "pix2pix-openmoji-small"
SHEET_ROWS, SHEET_COLUMNS = 10, 2


def demo(folder: Path = Path("runs/demo"), *, steps: int = 0) -> int:
    """Train on OpenMoji drawings, outline -> colour, and show what came of it; 9 minutes on two cores with bfloat16, longer without.

    Trains the recipe pix2pix-openmoji-small and, for comparison, the same generator with L1 alone for as many steps, then
    scores both on the held-out test split and writes a contact sheet. Called again it goes on where it stopped.

    Parameters
    ----------
    folder
        Where the two runs and the contact sheet go.
    steps
        Length of each run; 0 = the recipe's.
    """
    from diptych.data.openmoji.drawings import ATTRIBUTION
    from diptych.data.public.catalog import get
    from diptych.judging.ablate import trained
    from diptych.pictures import formats
    from diptych.recipe import read
    from diptych.translator.translator import Translator

    print("Drawing OpenMoji outlines and drawings ...")
    get(read(RECIPE).data.folder)
    length = [f"training.steps={steps}"] if steps else []
    run = folder / "l1-cgan"
    runs = {"L1 + cGAN": (run, length), "L1 alone": (folder / "l1", [*length, 'options.objective="l1"'])}
    for name, (place, overrides) in runs.items():
        print(f"\nTraining {name}: diptych train {RECIPE} {' '.join(overrides)} --out {place}")
        if not trained(read(RECIPE, overrides), place):
            print("Saved. The same command goes on from here.")
            return 130
    table, sheet = score({name: Translator.load(place) for name, (place, _) in runs.items()})
    formats.write(folder / "contact-sheet.png", sheet)
    print("\nHeld-out test drawings, pictures in [-1, 1]:      L1   PSNR dB     SSIM")
    for name, (l1, psnr, ssim) in table.items():
        print(f"  {name:42}{l1:8.4f}{psnr:10.2f}{ssim:9.3f}")
    print(f"\nContact sheet (outline | L1 + cGAN | L1 alone | drawing): {folder / 'contact-sheet.png'}")
    if (run / "report.html").is_file():
        print(f"The whole run as a page for the browser: {run / 'report.html'}")
    print(ATTRIBUTION, end="")
    print(f"""
Draw on it yourself, in a web page:       diptych serve {run}
A folder that any web host can serve:     diptych export {run} --to web --out {folder / "page"}""")
    return 0


def score(translators: "dict[str, Translator]") -> "tuple[dict[str, list[float]], np.ndarray]":
    """Mean L1, PSNR and SSIM over the test split by name, with "copy the input", and the contact sheet."""
    import numpy as np

    from diptych.data import open_dataset
    from diptych.evaluation.paired import l1, psnr, ssim
    from diptych.recipe import read

    settings = read(RECIPE).data
    dataset = open_dataset(settings, "test", train=False)
    rows: dict[str, list[list[float]]] = {name: [] for name in ("copy the input", *translators)}
    shown = choose_examples([dataset.name(index) for index in range(len(dataset))])
    strips = []
    for index in range(len(dataset)):
        source, target = (tensor[None] for tensor in dataset.sample(index, np.random.default_rng(0)))
        outputs = {"copy the input": source} | {name: one.batch(source) for name, one in translators.items()}
        for name, output in outputs.items():
            rows[name].append([metric(output, target).item() for metric in (l1, psnr, ssim)])
        if index in shown:
            views = [*outputs.values(), target]
            strips.append(np.concatenate([settings.target.preview(view[0]) for view in views], axis=1))
    height = len(strips) // SHEET_COLUMNS
    columns = [np.concatenate(strips[i * height : (i + 1) * height]) for i in range(SHEET_COLUMNS)]
    return {name: np.mean(found, axis=0).tolist() for name, found in rows.items()}, np.concatenate(columns, axis=1)


def choose_examples(names: list[str]) -> set[int]:
    """Drawings for the sheet, spread evenly, without variants in skin tone, which an outline cannot show."""
    from diptych.data.openmoji.drawings import TONES

    plain = [index for index, name in enumerate(names) if not any(tone in name for tone in TONES)]
    count = SHEET_ROWS * SHEET_COLUMNS
    return {plain[place * len(plain) // count] for place in range(count)}
