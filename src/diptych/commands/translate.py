"""``diptych translate``."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from diptych.commands import STREAM
from diptych.commands.parameters import OUT, Checkpoint, Device, RunPlace, Way
from diptych.commands.places import find_pictures
from diptych.commands.terminal import result_output
from diptych.commands.translating.films import MIN_FOR_EXPORT, check_places, refuse_given, translate_one
from diptych.commands.translating.live import translate_live
from diptych.commands.translating.styles import StyleOptions
from diptych.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from diptych.translator.many import Job
    from diptych.translator.translator import Translator


def translate(
    run: RunPlace,
    *inputs: str,
    out: Annotated[str, OUT] = "",
    way: Way = "",
    checkpoint: Checkpoint = "latest",
    format: str = "",
    size: str = "",
    seed: int | None = None,
    style: str = "",
    style_from: Path | None = None,
    style_to: str = "",
    styles: int = 0,
    instances: Path | None = None,
    mask: Path | None = None,
    valid: Path | None = None,
    stack: tuple[Path, ...] = (),
    axis: str = "",
    batch: int = 1,
    tile: int | None = None,
    engine: str = "auto",
    ray: int = 0,
    overwrite: bool = False,
    grid: bool = False,
    temporal_smoothing: float = 0.0,
    rate: str = "",
    codec: str = "",
    crf: int | None = None,
    live: str = "",
    port: int = 8000,
    device: Device = "auto",
) -> int:
    """Translate pictures, films or volumes with a run, a model folder or an exported ONNX file.

    Stopped halfway, the same command goes on where it was.

    Example: diptych translate runs/facades drawings/ more.png --out translated/
    and: diptych translate runs/facades film.mp4 --out film-out.mp4

    Parameters
    ----------
    run
        A run folder, a model folder or an ONNX file.
    inputs
        Pictures, folders of pictures, patterns such as "in/*.png", or - for standard input; or one film, or animated picture.
        For runs on slices: volumes, such as a .nii.gz file or the folder of a DICOM series.
    out
        A folder; a file name when there is one input; - for standard output. Of films and folders of frames: .mp4, .mkv, .webm,
        .gif, .webp.
    format
        Ending of the results, such as jpg; by default png, of TIFFs and arrays their own, and tif where png cannot hold them.
    size
        Of each picture for the network; the result is resized back. training, the default: the scale of training; own, the
        default with --tile: the picture's own; a side such as 256; or HEIGHTxWIDTH.
    seed
        Seed of the noise; by default the run's own.
    style
        For BicycleGAN, OASIS, and SPADE and pix2pixHD with an encoder: a whole number draws another style; "window=3,door=1"
        chooses those of pix2pixHD and OASIS by class. For OASIS also class:7 or place:7: another draw for each class or place.
    style_from
        Take the style of this picture.
    style_to
        With --styles: walk from the style to this one, a whole number or a picture.
    styles
        Write a sheet for each input: the input and this many styles of it, side by side; they begin at --style.
    instances
        Folder of instance maps, by the names of the class maps.
    mask
        For inpainting: a mask, white where the hole is, or a folder of masks by the pictures' names.
    valid
        A mask, white where there is data, or a folder of masks by the pictures' names; for runs with nodata.
    stack
        For runs on several source folders (data.source_folders): the folder of the second pictures, of the same names, and so on.
    axis
        Of volumes: axial, coronal or sagittal slices, or all for the mean of the three; by default those of training.
    batch
        Pictures translated at once, where they have one size for the network.
    tile
        Side of the tiles in which larger pictures are translated; 0 = always whole; by default chosen by the free memory.
    engine
        torch, onnx, openvino or openvino-bfloat16; auto takes the fastest exact one for many pictures, and torch for few.
    ray
        Workers on Ray Data, on this machine or the cluster that RAY_ADDRESS names; 0 = none.
    overwrite
        Replace results that exist.
    grid
        Write each result beside its input, as one picture.
    temporal_smoothing
        Of frames: the share, such as 0.6, of the frame before, moved along the flow, that is blended in against flicker; 0 = none.
    rate
        Of a folder of frames that becomes a film: frames a second, such as 30000/1001; by default 25.
    codec
        Of a film: av1, vp9 or h264; by default av1, and vp9 for odd sides.
    crf
        Of a film: its quality, from 0, the best, to 63 (h264: 51).
    live
        Instead of inputs and --out: the number of a camera, such as 0, or a film; what it shows is translated at once, and
        served to this machine as MJPEG.
    port
        Of --live; 0 takes a free one.
    """
    from diptych.commands.translating.volumes import VolumeOptions, translate_volumes, volumes_among
    from diptych.pictures.sizes import parse_size
    from diptych.training.checkpoint_choice import checkpoint_note
    from diptych.translator.engines import device_for
    from diptych.translator.many import translate_all
    from diptych.translator.many.films import FilmOptions
    from diptych.translator.translator import Translator

    check_options(format, seed, batch, tile, ray)
    still = {"ray": ray, "instances": instances, "mask": mask, "valid": valid, "stack": stack, "styles": styles}
    if out and (volumes := volumes_among(inputs)):
        other = {"size": size, "format": format, "style": style, "style-from": style_from, "grid": grid, "live": live}
        refuse_given(still | other | {"stack": ()}, "pictures", "a volume")
        refuse_given(
            {"temporal-smoothing": temporal_smoothing, "rate": rate, "codec": codec, "crf": crf}, "films", "a volume"
        )
        for_volumes = VolumeOptions(axis, batch, seed, tile, overwrite)
        load_volumes = partial(Translator.load, run, way, checkpoint, device_for(engine, device))
        return translate_volumes(load_volumes(), volumes, stack, Path(out), for_volumes)
    if axis:
        raise UsageError("--axis is for volumes, and the inputs are none; leave it away.")
    film = FilmOptions(codec, crf, temporal_smoothing)
    moving = check_places(inputs, out, live, film, rate, still)
    wanted = StyleOptions(style, style_from, style_to, styles)
    options = {
        "size": parse_size(size or None),
        "seed": seed,
        "batch": batch,
        "overwrite": overwrite,
        "grid": grid or styles > 0,
        "format": format.lstrip("."),
        "instances": instances,
        "masks": mask,
        "valid": valid,
        "stack": stack,
    }
    load = partial(Translator.load, run, way, checkpoint, device_for(engine, device))
    translator = load()
    check_translator(translator, tile, instances, mask, valid)
    check_stack(run, translator, stack)
    make = partial(make_job, options=options, tile=tile, wanted=wanted)
    unfit = wanted.any  # chosen styles are computed by torch

    def prepared(few: bool = False) -> "tuple[Job, str]":
        job, note = make(translator, engine="" if engine == "auto" and (few or unfit) else engine)
        return job, "\n".join(filter(None, (checkpoint_note(run, checkpoint), note)))

    if live:
        return translate_live(*prepared(), live, port, film)
    if moving:
        return translate_one(prepared, translator.card.source, inputs[0], out, rate, film)
    pictures = [] if STREAM in (*inputs, out) else find_pictures(inputs, Path(out))
    job, notes = prepared(few=len(pictures) < MIN_FOR_EXPORT)
    if not pictures:
        code = translate_stream(job, list(inputs), out)
        print(notes, end="\n" if notes else "", file=sys.stderr)  # a failure is one sentence
        return code
    print(notes, end="\n" if notes else "", flush=True)
    chosen = engine and (
        "" if engine == "auto" and (len(pictures) < MIN_FOR_EXPORT or unfit) else job.translator.engine.name
    )
    return translate_all(job, pictures, Path(out), ray, partial(make_job_again, load, make, chosen))


def check_options(format: str, seed: int | None, batch: int, tile: int | None, ray: int) -> None:
    """Raises: UsageError for impossible values."""
    from diptych.pictures.formats import ENDINGS

    if batch < 1:
        raise UsageError(f"--batch must be at least 1; it is {batch}.")
    if seed is not None and not 0 <= seed < 2**63:
        raise UsageError(f"--seed is {seed}; it must lie between 0 and {2**63 - 1}.")
    if format and f".{format.lstrip('.')}" not in ENDINGS:
        raise UsageError(f'--format is "{format}"; choose from {" ".join(sorted(ENDINGS))}.')
    if ray < 0 or (tile is not None and tile < 0):
        raise UsageError("--tile and --ray may not be negative.")


def check_translator(
    translator: "Translator", tile: int | None, instances: Path | None, mask: Path | None, valid: Path | None
) -> None:
    """Raises: UsageError for options that are not for this translator."""
    from diptych.translator.tiling import min_tile

    card = translator.card
    if mask is not None and card.source.colour != "holed":
        raise UsageError("--mask is for inpainting, and this translator fills no holes; leave it away.")
    if valid is not None and not card.source.has_gaps:
        raise UsageError("--valid is for runs whose source states nodata, and this one does not; leave it away.")
    if valid is not None and not valid.exists():
        raise UsageError(f"there is no {valid}; correct --valid.")
    if instances is not None and not card.source.instances:
        raise UsageError(
            "--instances is for class maps with instances, which this translator does not take; leave it away."
        )
    if tile and tile < min_tile(card.multiple):
        raise UsageError(
            f"--tile is {tile}, too small beside the overlap of tiles; give {min_tile(card.multiple)} or more."
        )


def check_stack(run: Path, translator: "Translator", stack: tuple[Path, ...]) -> None:
    """Raises: UsageError for other folders than the run was trained on, where its recipe is known."""
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


def make_job(
    translator: "Translator",
    *,
    options: dict[str, Any],
    tile: int | None,
    wanted: StyleOptions,
    engine: str,
) -> "tuple[Job, str]":
    """The job, and a sentence on its engine; without ``engine`` the translator keeps its own."""
    from diptych.translator.many import Job

    engine_note = ""
    if engine:
        from diptych.exporting.engine_cache import with_engine

        translator, engine_note = with_engine(translator, engine)
    if tile and translator.eager is None:
        raise UsageError(
            "tiles take the network itself, which an ONNX file is not; name the run, or leave --tile away."
        )
    if tile and engine_note and translator.engine is not translator.eager:
        engine_note += " Pictures in tiles are computed by torch."
    translator.tile = tile
    return Job(translator, **options, **wanted.of(translator)), engine_note


def make_job_again(load: "Callable[[], Translator]", make: "Callable[..., tuple[Job, str]]", engine: str) -> "Job":
    """The same job in another process."""
    return make(load(), engine=engine)[0]


def translate_stream(job: "Job", inputs: list[str], out: str) -> int:
    """One picture from a file or standard input to a file or standard output."""
    from diptych.pictures.formats import open_file, write

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
        with result_output() as stream:
            write(stream, result.picture, job.format or "png", result.tags)
    else:
        job.write_new(Path(out), *result)
    return 0
