"""``diptych data``: check a folder, pack it into shards, list and get public sets."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from diptych.machine.progress import show_share

if TYPE_CHECKING:
    from diptych.data import DataSettings
    from diptych.recipe import Recipe

app = App(
    name="data", result_action="return_value", help="Check or pack a folder of pictures; list and get public sets."
)


@app.command
def check(folder: str, *overrides: str, recipe: str = "", profile: str = "", task: str = "") -> int:
    """Check a folder: layout, counts, sizes, depths, and every problem by file. Exit code 1 when training would fail.

    Parameters
    ----------
    folder
        A folder of pictures or of shards, the address of shards, or the name of a prepared data set.
    overrides
        Any number of key=value for the recipe, such as data.direction=b-to-a.
    recipe
        Check for this recipe, such as pix2pix or pix2pix-small, and estimate its memory and its time for a thousand steps.
    profile
        Lay this profile of the recipe over it, such as small.
    task
        pairs, unpaired, labelled, edges, greyscale, colorization, holed or shrunk; by default what the recipe says, else what
        the folder looks like.
    """
    from diptych.data.checks.check import look_over
    from diptych.data.settings import OF_TWO
    from diptych.training.setup.estimate import estimate

    settings = read_settings(folder, overrides, recipe, task, profile)
    report = look_over(settings.data, progress=partial(show_share, "checking"))
    for line in report.messages():
        print(line)
    if recipe:
        print(estimate(settings))
    if not report.fatal:
        stated = (*overrides, f"data.task={task}") if task in OF_TWO else overrides
        print(how_to_train(settings.data, report.doubtful, folder, stated, recipe, profile))
    return 1 if report.fatal else 0


def recipe_for(task: str) -> str:
    """The recipe for a task where none is named."""
    from diptych.training.setup.configure import SINGLES

    known = {"unpaired": "cyclegan"} | {name: words.split()[0] for name, (_, words) in SINGLES.items()}
    return known.get(task, "pix2pix")  # for labelled, since SPADE's recipes have the classes of a set


def how_to_train(
    data: "DataSettings", doubtful: bool, folder: str, overrides: tuple[str, ...], recipe: str, profile: str
) -> str:
    """As what the pictures are used, and the command that trains on them; without a recipe, what `diptych train FOLDER` chooses."""
    from shlex import join

    from diptych.data.settings import OF_TWO
    from diptych.errors import DiptychError, UsageError
    from diptych.recipe import read
    from diptych.registry import import_words
    from diptych.tables import as_word
    from diptych.training.setup.configure import configure

    shortest = join(["diptych", "train", folder, *overrides, *import_words()])
    choice = None
    if not recipe and data.task in OF_TWO:
        try:
            choice = configure(folder, overrides)
        except DiptychError as problem:
            return f"{shortest} would refuse: {problem}"
        data = choice.recipe.data
    used = f"Used as {data.task} (data.task={data.task})"
    if not recipe and data.task == "unpaired" and (why := why_no_pairs(data)):
        used = f"No pairs: {why} {used}"
    if doubtful:
        return f"{used}, unless that is wrong: see the warning above."
    if choice is not None:
        return f"{used}. Train with: {shortest}"
    name = recipe or recipe_for(data.task)
    words = [f"data.folder={as_word(folder)}", *overrides]
    try:
        if read(name, words, profile).data.task != data.task:
            words.append(f"data.task={data.task}")
    except UsageError:  # an override that is for another recipe
        return f"{used}."
    named = ["--profile", profile] if profile else []
    return f"{used}. Train with: {join(['diptych', 'train', name, *named, *words, *import_words()])}"


def why_no_pairs(data: "DataSettings") -> str:
    """Why a folder of two piles holds no pairs, in a sentence; empty where its pairs were taken apart on purpose."""
    from dataclasses import replace

    from diptych.data.layouts import discover
    from diptych.errors import DiptychError

    try:
        discover(replace(data, task="pairs"))
    except DiptychError as problem:
        return str(problem)
    return ""


@app.command
def pack(
    folder: str, *overrides: str, out: Path, shard_megabytes: float = 256, recipe: str = "", task: str = ""
) -> None:
    """Pack a folder into tar shards, which training reads from a disk or over HTTP; the files' bytes stay as they are.

    Parameters
    ----------
    folder
        A folder of pictures, or the name of a prepared data set.
    overrides
        Any number of key=value for the recipe, such as data.validation_share=0.05.
    out
        The new folder of the shards and their index, shards.json.
    shard_megabytes
        About the size of a shard, in millions of bytes.
    recipe
        Group the files of an example as this recipe does.
    task
        As of `diptych data check`.
    """
    from diptych.data.shards.packing import pack

    settings = read_settings(folder, overrides, recipe, task)
    index = pack(settings.data, out, shard_megabytes, partial(show_share, "packing"))
    examples = sum(len(shard.examples) for shard in index.shards)
    print(f"{examples} examples ({index.words}) in {len(index.shards)} shards of {index.size / 1e6:,.1f} MB: {out}")
    print(f"Train on them with data.folder={out}, or with the address at which you serve that folder.")


def read_settings(folder: str, overrides: tuple[str, ...], recipe: str, task: str, profile: str = "") -> "Recipe":
    """The recipe for the data of a folder; without a recipe one that fits the task, and without a task a guessed one."""
    from dataclasses import replace

    from diptych.data.checks.survey import guess
    from diptych.errors import UsageError
    from diptych.recipe import read
    from diptych.tables import quoted

    task_override = [f"data.task={task}"] if task else []
    if profile and not recipe:
        raise UsageError(f"--profile {profile} is laid over a recipe; name one with --recipe.")
    settings = read(recipe or recipe_for(task), [*overrides, f"data.folder={quoted(folder)}", *task_override], profile)
    return settings if recipe or task else replace(settings, data=guess(settings.data))


@app.command
def palette(folder: Path, classes: int, half: str = "") -> int:
    """Find the colours of label pictures, as a line for a recipe: the most frequent ones that differ clearly.

    Parameters
    ----------
    folder
        A folder of label pictures.
    classes
        How many classes there are.
    half
        left or right, where label and photo lie side by side in one picture.
    """
    from diptych.errors import DiptychError, UsageError
    from diptych.evaluation.labels import learn_palette
    from diptych.pictures.formats import list_pictures, read
    from diptych.pictures.kinds import Kind

    if half not in ("", "left", "right"):
        raise UsageError(f'--half is "{half}"; choose left or right.')
    if classes < 2:
        raise UsageError(f"CLASSES is {classes}; give 2 or more.")
    files = list_pictures(folder)
    if not files:
        raise DiptychError(f"there is no picture in {folder}.")
    chosen = files[:: max(len(files) // 50, 1)]
    pictures = (read(path, Kind()) for path in chosen)
    if half:
        pictures = (p[:, : p.shape[1] // 2] if half == "left" else p[:, p.shape[1] // 2 :] for p in pictures)
    found = learn_palette(pictures, classes)
    print(f"palette = [{', '.join(str(list(colour)) for colour in found)}]")
    return 0


@app.command
def segmenter(
    recipe: str,
    *overrides: str,
    profile: str = "",
    labels: str = "",
    classes: int = 0,
    steps: int = 500,
    out: Path,
    device: str = "auto",
) -> None:
    """Train the segmenter that options.labels of CUT and CycleGAN looks through, on sources and their class maps.

    Example: diptych data segmenter cut-small data.folder=streets --labels 'maps/{split}' --out segmenter.safetensors

    Parameters
    ----------
    recipe
        The recipe that will be trained with it, whose pictures and scale it learns.
    overrides
        Any number of key=value for the recipe, such as data.folder=streets.
    profile
        Lay this profile of the recipe over it, such as small.
    labels
        A folder of index pictures with the sources' names, with {split} in it where there is one a split.
    classes
        How many classes there are, where the index pictures do not hold them all.
    steps
        How long it is trained, in steps of 8 pictures.
    out
        The file to write, named in options.segmenter.
    device
        Where to train: cpu, cuda, cuda:1, mps; auto takes a GPU where there is one.
    """
    from diptych.errors import UsageError
    from diptych.evaluation.fcn_labels import Labels
    from diptych.machine.devices import choose
    from diptych.recipe import read
    from diptych.training.setup.segmenter import write_segmenter

    if steps < 1:
        raise UsageError(f"--steps is {steps}; give 1 or more.")
    if out.suffix != ".safetensors":
        raise UsageError(f"--out is {out}; name a file that ends in .safetensors.")
    settings, place = read(recipe, overrides, profile).data, choose(device, "--device")
    print(
        write_segmenter(
            settings, Labels(labels, classes, steps=steps), out, lambda words: print(words, flush=True), place
        )
    )


@app.command(name="list")
def listing() -> None:
    """List the public data sets of the pix2pix and CycleGAN papers, and the embedded one."""
    from diptych.data.public.catalog import cache_folder, listing

    print(
        "openmoji         embedded, no download: outlines | drawings, CC BY-SA 4.0; openmoji-SIZE for another size than 256"
    )
    for name, entry in listing().items():
        here = " (here)" if (cache_folder() / name).is_dir() else ""
        print(f"{name:16} {entry.megabytes} MB{here}: {entry.layout}; {entry.pictures}")
        print(f"{'':16} {entry.address}")
        print(f"{'':16} licence: {entry.licence}; cite: {entry.citation}")


@app.command
def get(name: str, folder: Path | None = None, archive: Path | None = None) -> None:
    """Get a data set: download, verify and unpack it, or draw the embedded one. An interrupted download goes on.

    Parameters
    ----------
    name
        As `diptych data list` shows it.
    folder
        Where to put it; by default the user's cache folder, where recipes find it by name.
    archive
        The set's archive, such as facades.tar.gz, if you have it: it is verified and unpacked without a network.
    """
    from diptych.data.public.catalog import get
    from diptych.data.public.unpack import remembered

    place = get(name, folder, show_share, archive)
    print(f"{name} is in {place}")
    if sha256 := remembered(place):
        print(f"SHA-256 of its archive: {sha256}")
    notice = place / "ATTRIBUTION.txt"
    if notice.is_file():
        print(notice.read_text(encoding="utf-8"), end="")
