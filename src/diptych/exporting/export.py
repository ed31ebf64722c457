"""A run becomes something to hand on: one order, one artefact, checked against the network that it comes from."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from diptych.errors import DiptychError, UsageError
from diptych.exporting import comparison, models, onnx_files, torch_export, web
from diptych.exporting.page_metadata import COLUMNS, PageMetadata, RGBArray, title_of
from diptych.exporting.samples import Sample, samples, samples_or_reason
from diptych.exporting.tracing import NetworkOnly, has_noise, traceable
from diptych.files import made_aside, vacant
from diptych.pictures.padding import pad
from diptych.serving.service.listing import Offer, drawing, name_for
from diptych.training.checkpoint_choice import taken
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
"""By form; the first is meant where none is named."""
CALIBRATION = 32
"""Training pictures that int8 measures its ranges on."""
COMPARED = 10
EXAMPLES = 8


@dataclass(frozen=True)
class ExportSettings:
    """What is to be made of which run."""

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

    def __post_init__(self) -> None:
        if self.to not in FORMS:
            raise UsageError(f'--to is "{self.to}"; choose from {", ".join(FORMS)}.')
        if not self.precision:
            object.__setattr__(self, "precision", PRECISIONS[self.to][0])
        if self.precision not in PRECISIONS[self.to]:
            raise UsageError(f"{self.to} knows the precisions {', '.join(PRECISIONS[self.to])}, not {self.precision}.")
        if self.processing not in ("inside", "outside"):
            raise UsageError(f'--processing is "{self.processing}"; choose inside or outside.')
        if self.processing == "inside" and self.to != "onnx":
            raise UsageError("--processing inside is for --to onnx; the others leave it outside.")
        if self.precision == "int8" and self.processing == "inside":
            raise UsageError("int8 is calibrated on the network alone; leave --processing inside away.")
        if self.to != "web" and (self.title or self.address):
            raise UsageError("--title and --address are for --to web.")
        if self.address and not self.address.startswith(("https://", "http://")):
            raise UsageError(f"--address is {self.address}; it must begin with https:// or http://.")


def export(order: ExportSettings) -> list[str]:
    """Carry out an order; what is to be told of it, in sentences.

    Raises:
        DiptychError: when it cannot be made, or does not compute what its network does; nothing is left then.
    """
    free = vacant(order.out)
    if FORMS[order.to] == "a folder" and not free:
        raise DiptychError(f"{order.out} exists and is not empty; give another --out.")
    if FORMS[order.to] != "a folder" and (order.out.exists() or order.out.suffix != f".{order.to}"):
        raise UsageError(f"--out is {order.out}; name {FORMS[order.to]} that is not there yet.")
    translator = Translator.load(order.run, order.way, order.checkpoint)
    if not isinstance(translator.engine, Eager):
        raise UsageError(f"{order.run} is exported already; name the run or the model folder that it came from.")
    real, why = samples_or_reason(order.run, translator, order.data, "held-out", max(COMPARED, EXAMPLES))
    told = [f"Compared with random pictures only: {why}"] if why else []
    told += filter(None, [taken(order.run, order.checkpoint)])
    make = {"model": model, "onnx": onnx, "pt2": program, "web": page}[order.to]
    try:
        with made_aside(order.out) as place:
            return make(order, place, translator, real) + told
    except OSError as problem:
        raise DiptychError(
            f"{order.out} cannot be written: {problem.strerror or problem}; make room or name another place."
        ) from None


def model(order: ExportSettings, place: Path, translator: Translator, real: list[Sample]) -> list[str]:
    terms = models.terms_for(order.run, order.licence, order.attribution)
    models.write_model(translator, order.run, place, order.checkpoint, order.precision, terms)
    found = comparison.compare(translator, Translator.load(place), real)
    if order.precision == "float32":
        comparison.refuse(found, 0.0, str(order.out))
    return [f"{order.out}: card.json, weights.safetensors ({order.precision}), README.md; {found.words()}"]


def onnx(order: ExportSettings, place: Path, translator: Translator, real: list[Sample]) -> list[str]:
    inputs = calibration(order, translator) if order.precision == "int8" else []
    onnx_files.write(translator, place, order.processing, order.noise, order.precision, inputs)
    words = checked(order, translator, place, real)
    size = place.stat().st_size / 2**20
    return [f"{order.out}: {size:.1f} MiB, {order.precision}, processing {order.processing}; {words}"]


def checked(order: ExportSettings, translator: Translator, place: Path, real: list[Sample]) -> str:
    """What the comparison of an ONNX file says.

    Raises:
        DiptychError: for a float32 file that is off.
    """
    exported = Translator.load(place)
    beside = translator if order.noise or not has_noise(network_of(translator)) else noiseless(translator)
    found = comparison.compare(beside, exported, real)
    if order.precision == "float32":
        comparison.refuse(found, comparison.tolerance(exported), str(order.out))
    return found.words()


def network_of(translator: Translator) -> nn.Module:
    assert isinstance(translator.engine, Eager)
    return translator.engine.network


def noiseless(translator: Translator) -> Translator:
    """With the dropout off, as the file has it."""
    inner = traceable(translator, "outside", noise=False)
    assert isinstance(inner, NetworkOnly)
    return Translator(inner, translator.card)


def program(order: ExportSettings, place: Path, translator: Translator, real: list[Sample]) -> list[str]:
    torch_export.write(translator, place, order.noise)
    beside = translator if order.noise or not has_noise(network_of(translator)) else noiseless(translator)
    found = comparison.compare(beside, torch_export.runner(place, translator), real)
    comparison.refuse(found, comparison.TOLERANCE, str(order.out))
    return [f"{order.out}: a torch.export program, {place.stat().st_size / 2**20:.1f} MiB; {found.words()}"]


def page(order: ExportSettings, place: Path, translator: Translator, real: list[Sample]) -> list[str]:
    terms = models.terms_for(order.run, order.licence, order.attribution)
    offer = Offer(
        name_for(order.run, order.way, ()),
        translator,
        order.noise and has_noise(network_of(translator)),
        terms.licence,
        terms.attribution,
        [drawing(translator.card.source, sample.source[0]) for sample in real[:EXAMPLES]],
    )
    shown = PageMetadata(
        order.title or title_of(translator.card, offer.name),
        pairs_of(translator, real),
        terms.attribution,
        order.address,
    )
    with tempfile.TemporaryDirectory(prefix="diptych-") as folder:
        file = Path(folder) / "model.onnx"
        inputs = calibration(order, translator) if order.precision == "int8" else []
        onnx_files.write(translator, file, "outside", order.noise, order.precision, inputs)
        words = checked(order, translator, file, real)
        size = web.write(offer, shown, file, place, order.runtime, order.precision)
        network = file.stat().st_size
    return [
        f"{order.out}: a page of {size / 2**20:.1f} MiB, {network / 2**20:.1f} of them the network ({order.precision}); {words}",
        f"Look at it with: python3 -m http.server --directory {order.out}",
    ]


def pairs_of(translator: Translator, real: list[Sample]) -> list[tuple[RGBArray, RGBArray]]:
    """Held-out pictures and what the translator makes of them, to look at."""
    source, target = translator.card.source, translator.card.target
    spread = real[:: max(1, len(real) // COLUMNS)][:COLUMNS]
    return [(source.preview(one.source[0]), target.preview(translator.batch(one.source)[0])) for one in spread]


def calibration(order: ExportSettings, translator: Translator) -> list[np.ndarray]:
    """Training pictures as the network takes them."""
    try:
        found = samples(order.run, translator, order.data, "train", CALIBRATION)
    except DiptychError as problem:
        raise DiptychError(f"int8 is calibrated on training pictures, and they are not at hand: {problem}") from None
    return [pad(sample.source, translator.card.multiple).numpy() for sample in found]
