"""``diptych translate``."""

import glob
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from diptych.commands import STREAM
from diptych.errors import DiptychError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from diptych.translator.many import Job
    from diptych.translator.translator import Style, Translator

ENOUGH = 64
"""Pictures from which exporting to a faster engine, which takes seconds, pays."""


def translate(
    run: Path,
    *inputs: str,
    out: Annotated[str, Parameter(name=["--out", "-o"])],
    way: str = "",
    checkpoint: str = "latest",
    format: Annotated[str, Parameter(name=["--format"])] = "",
    size: str = "",
    seed: int | None = None,
    style: str = "",
    style_from: Path | None = None,
    instances: Path | None = None,
    mask: Path | None = None,
    stack: tuple[Path, ...] = (),
    batch: int = 1,
    tile: int | None = None,
    engine: str = "auto",
    ray: int = 0,
    overwrite: bool = False,
    grid: bool = False,
    device: str = "auto",
) -> int:
    """Translate pictures with a run, a model folder or an exported ONNX file.

    Stopped halfway, the same command goes on where it was.

    Example: diptych translate runs/facades drawings/ more.png --out translated/

    Parameters
    ----------
    run
        A run folder, a model folder or an ONNX file.
    inputs
        Pictures, folders of pictures, patterns such as "in/*.png", or - for standard input.
    out
        A folder; a file name when there is one input; - for standard output.
    way
        a-to-b or b-to-a, for a run that can do both.
    checkpoint
        latest, best, or a step such as 8000.
    format
        Ending of the results, such as jpg; by default png, of TIFFs and arrays their own, and tif where png cannot hold them.
    size
        At which the network sees each picture, before the result is brought back: training, the scale of training and the
        default; own, the picture's own, the default with --tile; a side such as 256; or HEIGHTxWIDTH.
    seed
        Draw other noise than the run's own.
    style
        Of SPADE and pix2pixHD with an encoder: a whole number draws another style; "window=3,door=1" chooses styles by class.
    style_from
        Take the style of this picture.
    instances
        Folder of instance maps, by the names of the class maps.
    mask
        For inpainting: a mask, white where the hole is, or a folder of masks by the pictures' names.
    stack
        Of runs on several source folders (data.source_folders): the folder of the second pictures, by the names of the first, and so on.
    batch
        Pictures translated at once, where the network sees them at one size.
    tile
        Side of the tiles in which larger pictures are translated; 0 = always whole; by default as memory asks for it.
    engine
        torch, onnx, openvino or openvino-bfloat16; auto takes the fastest exact one for many pictures, and torch for few.
    ray
        Workers on Ray Data, on this machine or the cluster that RAY_ADDRESS names; 0 = none.
    overwrite
        Replace results that exist.
    grid
        Write each result beside its input, as one picture.
    device
        Where to run: cpu, cuda, cuda:1, mps; auto takes a GPU where there is one.
    """
    from diptych.pictures.sizes import parse_size
    from diptych.training.checkpoint_choice import checkpoint_note
    from diptych.translator.engines import device_for
    from diptych.translator.many import write_all
    from diptych.translator.translator import Translator

    check(inputs, format, seed, batch, tile, ray)
    seen = parse_size(size or None)
    load = partial(Translator.load, run, way, checkpoint, device_for(engine, device))
    translator = load()
    check_fit(translator, tile, instances, mask)
    check_stack(run, translator, stack)
    pictures = [] if STREAM in (*inputs, out) else found(inputs, Path(out))
    options = {
        "size": seen,
        "seed": seed,
        "batch": batch,
        "overwrite": overwrite,
        "grid": grid,
        "format": format.lstrip("."),
        "instances": instances,
        "masks": mask,
        "stack": stack,
    }
    if engine == "auto" and (len(pictures) < ENOUGH or style or style_from):
        engine = ""
    make = partial(made, options=options, tile=tile, style=style, style_from=style_from)
    job, words = make(translator, engine=engine)
    told = "\n".join(filter(None, (checkpoint_note(run, checkpoint), words)))
    if not pictures:
        code = through_pipes(job, list(inputs), out)
        print(told, end="\n" if told else "", file=sys.stderr)  # a failure is one sentence
        return code
    print(told, end="\n" if told else "", flush=True)
    return write_all(job, pictures, Path(out), ray, partial(remade, load, make, engine and job.translator.engine.name))


def check(inputs: tuple[str, ...], format: str, seed: int | None, batch: int, tile: int | None, ray: int) -> None:
    """Raises: UsageError for options that nothing can be made of."""
    from diptych.pictures.formats import ENDINGS

    if not inputs:
        raise UsageError("name at least one picture, folder or pattern to translate, or - for standard input.")
    if batch < 1:
        raise UsageError(f"--batch must be at least 1; it is {batch}.")
    if seed is not None and not 0 <= seed < 2**63:
        raise UsageError(f"--seed is {seed}; it must lie between 0 and {2**63 - 1}.")
    if format and f".{format.lstrip('.')}" not in ENDINGS:
        raise UsageError(f'--format is "{format}"; choose from {" ".join(sorted(ENDINGS))}.')
    if ray < 0 or (tile is not None and tile < 0):
        raise UsageError("--tile and --ray may not be negative.")


def check_fit(translator: "Translator", tile: int | None, instances: Path | None, mask: Path | None) -> None:
    """Raises: UsageError for options that are not for this translator."""
    from diptych.translator.tiling import least_tile

    card = translator.card
    if mask is not None and card.source.colour != "holed":
        raise UsageError("--mask is for inpainting, and this translator fills no holes; leave it away.")
    if instances is not None and not card.source.instances:
        raise UsageError(
            "--instances is for class maps with instances, which this translator does not take; leave it away."
        )
    if tile and tile < least_tile(card.multiple):
        raise UsageError(
            f"--tile is {tile}, too small beside the overlap of tiles; give {least_tile(card.multiple)} or more."
        )


def check_stack(run: Path, translator: "Translator", stack: tuple[Path, ...]) -> None:
    """Raises: UsageError for other folders than the run was trained on, where it tells."""
    from diptych.training.run import RECIPE, read_recipe

    kind = translator.card.source
    if stack and kind.colour != "channels":
        raise UsageError(
            "--stack is for runs on several source folders, and this translator takes one picture; leave it away."
        )
    for folder in stack:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}; correct --stack.")
    if kind.colour != "channels":
        return
    trained = read_recipe(run).data.source_folders if (run / RECIPE).is_file() else ()
    if len(trained) < 2 or len(stack) == len(trained) - 1:
        return
    wanted = f"{run} was trained on {', '.join(trained)}, stacked"
    if stack:
        raise UsageError(f"{wanted}; give --stack once for each after the first.")
    print(f"{wanted}: give the first as input and the others with --stack, unless a file holds all.", file=sys.stderr)


def made(
    translator: "Translator",
    *,
    options: dict[str, Any],
    tile: int | None,
    style: str,
    style_from: Path | None,
    engine: str,
) -> "tuple[Job, str]":
    """The job, and a sentence on its engine; without ``engine`` it is the one that the translator was loaded with."""
    from diptych.translator.many import Job

    words = ""
    if engine:
        from diptych.exporting.engine_cache import with_engine

        translator, words = with_engine(translator, engine)
    if tile and translator.plain is None:
        raise UsageError(
            "tiles take the network itself, which an ONNX file is not; name the run, or leave --tile away."
        )
    if tile and words and translator.engine is not translator.plain:
        words += " Pictures in tiles are computed by torch."
    translator.tile = tile
    return Job(translator, **options, style=style_of(translator, style, style_from)), words


def remade(load: "Callable[[], Translator]", make: "Callable[..., tuple[Job, str]]", engine: str) -> "Job":
    """The same job in another process."""
    return make(load(), engine=engine)[0]


def style_of(translator: "Translator", style: str, picture: Path | None) -> "Style":
    """The style that the options name."""
    from diptych.pictures.formats import read

    if style and picture is not None:
        raise UsageError("--style and --style-from both say which style; leave one away.")
    if picture is not None:
        return read(picture, translator.card.target)
    if not style:
        return None
    if style.isdecimal() and int(style) < 2**63:
        return int(style)
    pairs = [part.partition("=") for part in style.split(",")]
    if any(not equals or not cluster.strip().isdecimal() for _, equals, cluster in pairs):
        raise UsageError(f'--style is "{style}"; give a whole number, or classes such as window=3,door=1.')
    return {name.strip(): int(cluster) for name, _, cluster in pairs}


def through_pipes(job: "Job", inputs: list[str], out: str) -> int:
    """One picture from a file or standard input to a file or standard output."""
    from diptych.pictures.formats import open_file

    if len(inputs) != 1:
        raise UsageError("standard input and output carry one picture; give exactly one input.")
    if out != STREAM and Path(out).is_dir():
        raise UsageError(f"{out} is a folder, and standard input has no name to keep there; give --out a file name.")
    if inputs[0] == STREAM and sys.stdin is None:
        raise UsageError("standard input is closed; pipe a picture into it, or name one.")
    name = "standard input" if inputs[0] == STREAM else inputs[0]
    with sys.stdin.buffer if inputs[0] == STREAM else open_file(Path(name)) as file:
        result = job.translate_bytes(file.read(), name)
    if out == STREAM:
        job.write(sys.stdout.buffer, *result, job.format or "png")
    else:
        job.write_new(Path(out), *result)
    return 0


def found(inputs: tuple[str, ...], out: Path) -> list[tuple[Path, Path]]:
    """Every picture that the inputs name, with its place under the output folder.

    Results of an earlier command are no inputs: what lies in ``out`` is passed over where ``out`` is in an input folder.

    Raises:
        DiptychError: for an input that is not there, or a folder without pictures.
    """
    from diptych.pictures.formats import ENDINGS, ignored_files

    pictures: dict[Path, Path] = {}
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file() and file.suffix.lower() in ENDINGS)
            inside = [file for file in files if not any(map(is_hidden, file.relative_to(path).parts))]
            if path.resolve() in out.resolve().parents:
                inside = without_results(inside, out)
            if words := ignored_files(path):
                print(words, file=sys.stderr)
            if not inside:
                raise DiptychError(f"there is no picture in {path} (endings: {' '.join(sorted(ENDINGS))}).")
            pictures |= {picture: picture.relative_to(path) for picture in inside}
        elif path.exists():
            pictures[path] = Path(path.name)
        else:
            matches = sorted(Path(match) for match in glob.glob(text, recursive=True) if Path(match).is_file())
            if not matches:
                raise DiptychError(f"there is no {text}; name pictures, folders, or patterns that match something.")
            if any(out.resolve() not in match.resolve().parents for match in matches):
                matches = without_results(matches, out)
            pictures |= {match: Path(match.name) for match in matches}
    return list(pictures.items())


def is_hidden(name: str) -> bool:
    return name.startswith(".")


def without_results(pictures: list[Path], out: Path) -> list[Path]:
    """Those that do not lie in ``out``; how many do is said."""
    place = out.resolve()
    kept = [picture for picture in pictures if not picture.resolve().is_relative_to(place)]
    if passed := len(pictures) - len(kept):
        print(f"passed over in {out}, where the results go: {passed} of the pictures.", file=sys.stderr)
    return kept
