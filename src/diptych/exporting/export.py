"""Export a run in one of several forms and check the result against its network."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from diptych.errors import DiptychError, UsageError, write_error
from diptych.exporting import comparison, models, onnx_files, torch_export, web
from diptych.exporting.page_metadata import COLUMNS, PageMetadata, RGBArray
from diptych.exporting.samples import Sample, samples, samples_or_reason
from diptych.exporting.showcase import showcase
from diptych.exporting.tracing import NetworkOnly, Noise, has_noise, style_numbers, traceable
from diptych.files import atomic_output, is_vacant
from diptych.pictures.padding import pad
from diptych.serving.service.listing import Offer, unique_name
from diptych.training.checkpoint_choice import checkpoint_note
from diptych.translator.engines import Eager
from diptych.translator.translator import Translator

FORMS = {
    "model": "a folder",
    "onnx": "a file such as translator.onnx",
    "pt2": "a file such as translator.pt2",
    "web": "a folder",
}
PRECISIONS = {
    "model": ("float32", "float16", "bfloat16"),
    "onnx": ("float32", "float16", "int8"),
    "pt2": ("float32",),
    "web": ("float16", "float32", "int8"),
}
"""Precisions of each form; the first is the default."""
CALIBRATION = 32
"""Number of training pictures that int8 is calibrated on."""
COMPARED = 10
SHOWN = 8


@dataclass(frozen=True)
class ExportSettings:
    """The run, the form of the export and its options."""

    run: Path
    to: str
    out: Path
    way: str = ""
    checkpoint: str = "latest"
    precision: str = ""
    processing: str = "outside"
    noise: bool = True
    data: str = ""
    licence: str = ""
    attribution: str = ""
    runtime: Path | None = None
    title: str = ""
    address: str = ""
    style_input: bool = False

    def __post_init__(self) -> None:
        if self.to not in FORMS:
            raise UsageError(f'--to is "{self.to}"; choose from {", ".join(FORMS)}.')
        if not self.precision:
            object.__setattr__(self, "precision", PRECISIONS[self.to][0])
        if self.precision not in PRECISIONS[self.to]:
            raise UsageError(f"{self.to} has the precisions {', '.join(PRECISIONS[self.to])}, not {self.precision}.")
        if self.processing not in ("inside", "outside"):
            raise UsageError(f'--processing is "{self.processing}"; choose inside or outside.')
        if self.processing == "inside" and self.to != "onnx":
            raise UsageError("--processing inside is for --to onnx; the others leave it outside.")
        if self.precision == "int8" and self.processing == "inside":
            raise UsageError("int8 is calibrated on the network alone; leave out --processing inside.")
        if self.style_input and (self.to != "onnx" or self.precision == "int8" or not self.noise):
            raise UsageError("--style-input is for --to onnx in float32 or float16, without --no-noise.")
        if self.to != "web" and (self.title or self.address):
            raise UsageError("--title and --address are for --to web.")
        if self.address and not self.address.startswith(("https://", "http://")):
            raise UsageError(f"--address is {self.address}; it must begin with https:// or http://.")

    @property
    def takes(self) -> Noise:
        """What the file takes beside its source."""
        return "style" if self.style_input else "seed" if self.noise else "none"


def export(settings: ExportSettings) -> list[str]:
    """Export a run; the result in sentences.

    Raises:
        UsageError: when ``out`` does not fit the form, or the run is exported already.
        DiptychError: when it cannot be made, or does not compute what its network does; nothing is left then.
    """
    free = is_vacant(settings.out)
    if FORMS[settings.to] == "a folder" and not free:
        raise DiptychError(f"{settings.out} exists and is not empty; give another --out.")
    if FORMS[settings.to] != "a folder" and settings.out.suffix != f".{settings.to}":
        raise UsageError(f"--out is {settings.out}; name {FORMS[settings.to]}.")
    if FORMS[settings.to] != "a folder" and settings.out.exists():
        raise DiptychError(f"{settings.out} exists; give another --out.")
    translator = Translator.load(settings.run, settings.way, settings.checkpoint)
    if not isinstance(translator.engine, Eager):
        raise UsageError(f"{settings.run} is exported already; name the run or the model folder that it came from.")
    if settings.style_input and not style_numbers(network_of(translator)):
        raise UsageError(f"{settings.run} has no styles that are vectors; leave --style-input away.")
    real, why = samples_or_reason(settings.run, translator, settings.data, "held-out", max(COMPARED, SHOWN))
    notes = [f"Compared with random pictures only: {why}"] if why else []
    notes += filter(None, [checkpoint_note(settings.run, settings.checkpoint)])
    make = {"model": model, "onnx": onnx, "pt2": program, "web": page}[settings.to]
    try:
        with atomic_output(settings.out) as place:
            return make(settings, place, translator, real) + notes
    except OSError as problem:
        raise write_error(settings.out, problem) from None


def model(settings: ExportSettings, place: Path, translator: Translator, real: list[Sample]) -> list[str]:
    terms = models.terms_for(settings.run, translator.card, settings.licence, settings.attribution)
    models.write_model(translator, settings.run, place, settings.checkpoint, settings.precision, terms)
    compared = check(settings, translator, Translator.load(place), real, tolerance=0.0)
    return [f"{settings.out}: card.json, weights.safetensors ({settings.precision}), README.md; {compared}"]


def onnx(settings: ExportSettings, place: Path, translator: Translator, real: list[Sample]) -> list[str]:
    compared = write_onnx(settings, place, translator, real)
    size = f"{place.stat().st_size / 2**20:.1f} MiB"
    return [f"{settings.out}: {size}, {settings.precision}, processing {settings.processing}; {compared}"]


def write_onnx(settings: ExportSettings, file: Path, translator: Translator, real: list[Sample]) -> str:
    """Write an ONNX file and compare it; the sentence of the comparison."""
    inputs = calibration(settings, translator) if settings.precision == "int8" else []
    onnx_files.write(translator, file, settings.processing, settings.takes, settings.precision, inputs)
    return check(settings, reference(settings, translator), Translator.load(file), real)


def program(settings: ExportSettings, place: Path, translator: Translator, real: list[Sample]) -> list[str]:
    torch_export.write(translator, place, settings.takes)
    run = torch_export.runner(place, translator)
    compared = check(settings, reference(settings, translator), run, real)
    return [f"{settings.out}: a torch.export program, {place.stat().st_size / 2**20:.1f} MiB; {compared}"]


def check(
    settings: ExportSettings,
    wanted: Translator,
    exported: Translator | comparison.BatchFunction,
    real: list[Sample],
    tolerance: float | None = None,  # the largest difference allowed in float32; None = that of its form
) -> str:
    """Compare an exported file; the sentence of the comparison.

    Raises:
        DiptychError: for a float32 file that does not compute what its network does.
    """
    found = comparison.compare(wanted, exported, real)
    allowed = comparison.tolerance(exported) if tolerance is None else tolerance
    if settings.precision == "float32" and not found.max_difference <= allowed:
        raise DiptychError(
            f"{settings.out} was not kept: it is off by {found.max_difference:.1e}, and at most {allowed:.0e} is right in float32; "
            f"this is a fault of the exporter, please report it with the recipe."
        )
    return found.sentence()


def reference(settings: ExportSettings, translator: Translator) -> Translator:
    """The translator, without noise where the exported file has none."""
    if settings.takes == "seed" or not has_noise(network_of(translator)):
        return translator
    inner = traceable(translator, "outside", settings.takes)
    assert isinstance(inner, NetworkOnly)
    return Translator(inner.network if inner.style else inner, translator.card)


def network_of(translator: Translator) -> nn.Module:
    assert isinstance(translator.engine, Eager)
    return translator.engine.network


def page(settings: ExportSettings, place: Path, translator: Translator, real: list[Sample]) -> list[str]:
    terms = models.terms_for(settings.run, translator.card, settings.licence, settings.attribution)
    name = unique_name(settings.run, settings.way, ())
    offer = Offer(
        name,
        translator,
        settings.noise and has_noise(network_of(translator)),
        terms.licence,
        terms.attribution,
        **showcase(reference(settings, translator), real[:SHOWN], name)
        | ({"title": settings.title} if settings.title else {}),
    )
    shown = PageMetadata(offer.title, pairs_of(translator, real), terms.attribution, settings.address)
    with tempfile.TemporaryDirectory(prefix="diptych-") as folder:
        file = Path(folder) / "model.onnx"
        compared = write_onnx(settings, file, translator, real)
        size = web.write(offer, shown, file, place, settings.runtime, settings.precision)
        network = file.stat().st_size
    return [
        f"{settings.out}: a page of {size / 2**20:.1f} MiB, {network / 2**20:.1f} of them the network ({settings.precision}); {compared}",
        f"Look at it with: python3 -m http.server --directory {settings.out}",
        web.HOSTS.replace("THIS_FOLDER", str(settings.out)).rstrip(),
    ]


def pairs_of(translator: Translator, real: list[Sample]) -> list[tuple[RGBArray, RGBArray]]:
    """Held-out sources and their translations, 8-bit RGB."""
    source, target = translator.card.source, translator.card.target
    spread = real[:: max(1, len(real) // COLUMNS)][:COLUMNS]
    return [(source.preview(one.source[0]), target.preview(translator.batch(one.source)[0])) for one in spread]


def calibration(settings: ExportSettings, translator: Translator) -> list[np.ndarray]:
    """Training pictures as inputs of the network."""
    try:
        found = samples(settings.run, translator, settings.data, "train", CALIBRATION)
    except DiptychError as problem:
        raise DiptychError(f"int8 is calibrated on training pictures, and they are not at hand: {problem}") from None
    return [pad(sample.source, translator.card.multiple).numpy() for sample in found]
