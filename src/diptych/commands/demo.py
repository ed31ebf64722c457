"""``diptych demo``: a short training on OpenMoji, scored on drawings that it has not seen."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diptych.evaluation.metrics import Example

RECIPE = "pix2pix-openmoji-small"
METRICS = ["l1", "psnr", "ssim", "blotches", "sharpness"]
EXAMPLES = 12  # on the sheet


def demo(folder: Path = Path("runs/demo"), *, steps: int = 0) -> int:
    """Train on OpenMoji drawings, outline -> colour, and show what came of it; half an hour of processor time in float32.

    Trains the recipe pix2pix-openmoji-small, scores it on the held-out test split beside the input itself, and writes
    a contact sheet. Called again it goes on where it stopped.

    Parameters
    ----------
    folder
        Where the run and the contact sheet go.
    steps
        Length of the training; 0 = the recipe's.
    """
    from dataclasses import replace

    from diptych.data.openmoji.drawings import ATTRIBUTION
    from diptych.data.public.catalog import get
    from diptych.evaluation.bootstrap import evenly_spaced
    from diptych.evaluation.fcn_labels import Labels
    from diptych.judging.ablate import trained
    from diptych.judging.contact_sheet import contact_sheet
    from diptych.judging.judge import judge, table
    from diptych.judging.runs import subject_of
    from diptych.judging.subjects import Request
    from diptych.pictures import formats
    from diptych.recipe import read

    print("Drawing OpenMoji outlines and drawings ...")
    get(read(RECIPE).data.folder)
    length = [f"training.steps={steps}"] if steps else []
    print(f"\nTraining: diptych train {' '.join([RECIPE, *length])} --out {folder}")
    if not trained(read(RECIPE, length), folder):
        print("Saved. The same command goes on from here.")
        return 130
    subject = subject_of(folder, Request(split="test"), Labels(), METRICS)
    copies = replace(subject, name="The input itself", read=lambda place: copy_of(subject.read(place)))
    result = judge(subject, METRICS)
    print(f"\n{table(judge(copies, METRICS))}\n\n{table(result)}")
    sheet = folder / "contact-sheet.png"
    shown = [subject.read(place) for place in evenly_spaced(subject.count, EXAMPLES)]
    formats.write(sheet, contact_sheet(shown, ("outline", "diptych", "drawing")))
    print(f"\nContact sheet (outline | diptych | drawing): {sheet}")
    if (folder / "report.html").is_file():
        print(f"The whole run as a page for the browser: {folder / 'report.html'}")
    print(ATTRIBUTION, end="")
    print(f"""
Draw on it yourself, in a web page:       diptych serve {folder}
A folder that any web host can serve:     diptych export {folder} --to web --out {folder / "page"}""")
    return 0


def copy_of(example: "Example") -> "Example":
    """The example as if the outline were the output."""
    assert example.source is not None
    assert example.source_rgb is not None
    return example._replace(output=example.source, output_rgb=example.source_rgb)
