"""A recipe describes a run: the system and its options, the data, the training. TOML in, frozen dataclasses out.

``read("pix2pix-facades", ["training.steps=8000"], profile="small")`` finds a shipped recipe or a file (``recipe_files.py``), lays
profile and overrides over it, and checks every key. Defaults of structure live in the dataclasses, the papers' numbers in
the shipped files.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w

from diptych.data.settings import DataSettings, as_size
from diptych.errors import UsageError, of_users_code
from diptych.evaluation.metrics import chosen, direction, refuse_other_name, scores_of
from diptych.evaluation.requirements import NETWORK
from diptych.networks import NETWORKS, on_meta_device, size_limits
from diptych.networks.features.pretrained import FEATURES
from diptych.pictures.values.batches import have_gaps
from diptych.recipe_files import find, spellings
from diptych.registry import Names, needs, require
from diptych.systems import SYSTEMS, Domains, System
from diptych.tables import as_typed, chosen_names, closest, convert, flatten, no_such, refuse_unknown, to_table
from diptych.translator.weights import MAX_ARGUMENT, output_problem

SystemName = Annotated[str, Names(SYSTEMS, *SYSTEMS.ours)]
LR = {"generator": 2e-4, "discriminator": 2e-4}


@dataclass(frozen=True)
class TrainingSettings:
    """The [training] table. Lengths are in steps (updates of the generator); one seed decides everything."""

    steps: int = 0  # length of the run; with epochs given too, the run ends at whichever comes first
    epochs: float = 0.0  # length in passes over the training pictures
    batch_size: int = 1  # pictures per update and process
    accumulate: int = 1  # batches whose gradients are averaged into one update
    learning_rate: dict[str, float] = field(default_factory=LR.copy)  # Adam's, per side; what is not given is 2e-4
    beta1: float = 0.5  # decay of Adam's mean of gradients (momentum)
    beta2: float = 0.999  # decay of Adam's mean of squared gradients
    schedule: Literal[
        "constant", "linear", "linear-pytorch", "linear-pytorch-old", "linear-torch", "step", "cosine"
    ] = "constant"  # how the learning rate falls; the three linear-... are the public codes', by epochs
    hold: float = 0.5  # share of the run before a linear or cosine schedule begins to fall
    step_every: float = 0.25  # share of the run between the drops of the step schedule
    step_factor: float = 0.1  # what each drop of the step schedule leaves of the rate
    discriminator_updates: int = 1  # updates of the discriminator for one of the generator, each on fresh pictures
    clip_gradient: float = 0.0  # largest norm of a side's gradient; 0 = not clipped
    teacher: str = ""  # a run or model folder that teaches the generator, as `diptych shrink` has it (docs/shrink.md)
    teacher_checkpoint: str = "latest"  # of a run that teaches: latest, best, or a step
    distill_features: float = 1.0  # weight of the distance of the teacher's maps, under learned 1x1 convolutions
    distill_outputs: float = 0.0  # weight of the L1 to the teacher's output
    average: float = 0.0  # decay of the running average of the weights; 0 = none
    average_translates: bool = True  # translation uses the average where there is one
    statistics_pictures: int = 256  # training pictures that give what leaves its batch-norm statistics; 0 = as they ran
    precision: Literal["auto", "float32", "bfloat16", "tf32"] = "auto"  # of networks; losses are float32
    channels_last: bool = True  # memory layout of pictures and weights
    checkpointing: Literal["none", "blocks"] = "none"  # activations: blocks run again in backward, in less memory
    device: str = "auto"  # where to train: auto, cpu, cuda, cuda:1, mps
    graph: bool = True  # on GPUs: a step is recorded as one CUDA graph and launched as a whole
    deterministic: bool = False  # on GPUs: slower kernels that repeat bitwise
    seed: int = 0  # decides first weights, samples, crops and noise: everything random
    init_from: str = ""  # a run, model folder or weights file to start from: what matches by name and shape is taken
    log_every: int = 50  # steps between lines of log.jsonl
    picture_every: int = 1000  # steps between sample grids in pictures/
    pictures: int = 8  # validation pictures in each sample grid
    validate_every: int = 1000  # steps between validations
    validate_pictures: int = 100  # pictures of a validation at most, the first of the split
    metrics: tuple[
        str, ...
    ] = ()  # of those of `diptych evaluate`, what is measured when validating, beside l1, psnr and ssim
    metrics_network: str = NETWORK  # feature network of those metrics that need one, as for `diptych evaluate`
    metrics_share: float = 0.1  # share of the training time that metrics may take; what would take more is passed over
    best: str = "l1"  # the score by which the best checkpoint is chosen: l1, psnr, ssim, or one of the metrics
    stop_after: int = 0  # validations without a new best after which the run ends; 0 = never
    patience: float = 0.0  # share of the run that must pass as well without a new best, before stop_after ends it
    checkpoint_every: int = 1000  # steps between checkpoints
    keep: int = 2  # newest checkpoints kept, beside the best
    max_faults: int = 3  # NaN or infinite values (faults) after which the run ends
    tensorboard: bool = False  # write losses, scores and pictures for TensorBoard too, into RUN/tensorboard
    report: bool = True  # keep RUN/report.html up to date at every checkpoint

    def __post_init__(self) -> None:
        if self.steps < 0 or self.epochs < 0:
            raise UsageError("training.steps and training.epochs may not be negative.")
        whole = "batch_size accumulate discriminator_updates log_every picture_every validate_every checkpoint_every"
        for name in [*whole.split(), "keep", "pictures", "validate_pictures"]:
            if getattr(self, name) < 1:
                raise UsageError(f"training.{name} is {getattr(self, name)}; it must be at least 1.")
        for name, low, high in [
            ("hold", 0, 1),
            ("metrics_share", 0, 1),
            ("patience", 0, 1),
            ("average", 0, 0.999999),
            ("beta1", 0, 0.999999),
            ("beta2", 0, 0.9999999),
        ]:
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"training.{name} is {getattr(self, name)}; it must lie between {low} and {high}.")
        not_negative = ["clip_gradient", "max_faults", "stop_after", "statistics_pictures"]
        not_negative += ["distill_features", "distill_outputs"]
        if self.step_every <= 0 or min(getattr(self, name) for name in not_negative) < 0:
            raise UsageError(f"training.step_every must be positive; {', '.join(not_negative)} not negative.")
        refuse_unknown(self.learning_rate, LR, "training.learning_rate")
        object.__setattr__(self, "learning_rate", LR | self.learning_rate)
        if min(self.learning_rate.values()) < 0:
            raise UsageError("training.learning_rate may not be negative.")
        self.check_metrics()
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"training.seed is {self.seed}; it must lie between 0 and {2**63 - 1}.")

    def check_metrics(self) -> None:
        chosen(",".join(self.metrics))
        if self.metrics_network not in FEATURES:
            raise no_such("feature network", self.metrics_network, FEATURES)
        scores = [score for metric in ("l1", "psnr", "ssim", *self.metrics) for score in scores_of(metric)]
        usable = [score for score in dict.fromkeys(scores) if direction(score) in ("higher", "lower")]
        if self.best not in usable:
            refuse_other_name(self.best)
            raise UsageError(
                f'training.best is "{self.best}"{closest(self.best, usable)}; choose from {", ".join(usable)}. '
                f"Others must first be among training.metrics."
            )


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run."""

    system: str
    options: Any  # the Options of the system
    data: DataSettings
    training: TrainingSettings
    name: str = ""  # of the shipped recipe or file it came from

    @classmethod
    def from_table(cls, table: Mapping[str, Any], name: str = "") -> "Recipe":
        """A recipe from nested tables, strictly.

        Raises:
            UsageError: for an unknown or missing key, a wrong type, an impossible value.
        """
        refuse_unknown(table, ("system", "options", "data", "training", "registered"))
        require_code(table, f'the recipe "{name}"' if name else "the recipe")
        system = convert(SystemName, table.get("system", ""), "system")
        kinds = {"options": SYSTEMS[system].Options, "data": DataSettings, "training": TrainingSettings}
        parts = {key: convert(kind, table.get(key, {}), key) for key, kind in kinds.items()}
        recipe = cls(system, **parts, name=name)
        if not recipe.training.steps and not recipe.training.epochs:
            raise UsageError("the recipe does not say how long to train; set training.steps or training.epochs.")
        return recipe

    def to_table(self) -> dict[str, Any]:
        """Nested tables with every key written out, as a run stores them; ``registered`` says whose code they need."""
        named = chosen_names(self.options) | chosen_names(self.data)
        registered = needs({"system": [self.system], "metric": self.training.metrics} | named)
        return (
            {"system": self.system}
            | {part: to_table(getattr(self, part)) for part in ("options", "data", "training")}
            | ({"registered": registered} if registered else {})
        )

    def to_toml(self) -> str:
        return tomli_w.dumps(self.to_table())

    @property
    def domains(self) -> Domains:
        """Between what the system translates."""
        data = self.data
        return Domains(data.source, data.target, as_size(data.crop_size), data.scale)

    def build(self) -> System:
        """The system with fresh weights.

        Raises:
            UsageError: when its options and the data do not go together.
            DiptychError: when weights that a loss needs cannot be had.
        """
        if not SYSTEMS.origin(self.system):
            return SYSTEMS[self.system](self.options, self.domains)
        with of_users_code(f'the system "{self.system}"'):
            system = SYSTEMS[self.system](self.options, self.domains)
            for part in (*system.sides, *(spec.module for spec in system.translators().values())):
                system.get_submodule(part)
        return system

    def examine(self) -> None:
        """Refuse now what could not be trained; the system is built of shapes alone, without weights.

        Raises:
            UsageError: when options, data and training do not go together.
        """
        for key, number in flatten(to_table(self.options), "options").items():
            if isinstance(number, int) and number > MAX_ARGUMENT:
                raise UsageError(f"{key} is {number}; no network can be built of numbers beyond {MAX_ARGUMENT}.")
        with on_meta_device():
            system = self.build()
        for module, network, reverse in system.translators().values():
            sides = (self.data.target, self.data.source) if reverse else (self.data.source, self.data.target)
            outline = system.get_submodule(module)
            limits = size_limits(outline)
            if NETWORKS.origin(network.name) and (
                problem := output_problem(outline, *sides, self.data.scale, limits.multiple)
            ):
                raise UsageError(f'the network "{network.name}" does not fit the data: {problem}.')
        if self.data.task == "unpaired" and system.needs_pairs:
            raise UsageError(
                f'{self.system} with these options compares each translation with its own target, and data.task = "unpaired" has '
                f"none; choose cyclegan or cut, or give pairs."
            )
        if have_gaps(self.data.source, self.data.target) and not system.takes_gaps:
            raise UsageError(
                f"{self.system} cannot leave out pixels without data, which nodata in data.source or data.target speaks of; "
                f"choose pix2pix, pix2pixhd, spade, cyclegan or reggan, or fill these pixels and leave nodata away."
            )
        if self.training.batch_size < (least := system.min_batch_size):
            raise UsageError(
                f"{self.system} compares the pictures of a batch; set training.batch_size to {least} or more, "
                f"not {self.training.batch_size}."
            )
        if self.training.batch_size % (parts := system.batch_multiple):
            raise UsageError(f"{self.system} divides each batch; set training.batch_size to a multiple of {parts}.")

    def replace(self, **training: Any) -> "Recipe":
        """The same recipe with other values in [training]."""
        return dataclasses.replace(self, training=dataclasses.replace(self.training, **training))


def require_code(table: Mapping[str, Any], place: object) -> None:
    """Refuse a recipe whose ``registered`` names what no code here has registered.

    Raises:
        UsageError: where that says nothing that can be read.
        DiptychError: naming ``place``, the name, whose code it is, and the remedy.
    """
    require(convert(dict[str, dict[str, str]], table.get("registered", {}), "registered"), place)


def read(name_or_file: str | Path, overrides: Sequence[str] = (), profile: str = "") -> Recipe:
    """A shipped recipe by name, or a TOML file, with a profile of it and ``key.sub=value`` overrides laid over it.

    Raises:
        UsageError: for a name that is neither, a file that is no TOML, an unknown profile, an override or a key that is wrong, and
            for values that do not go together.
        DiptychError: for a file that cannot be read.
    """
    found = find(str(name_or_file), profile)
    for override in overrides:
        lay_over(found.table, override)
    recipe = Recipe.from_table(found.table, name=found.name)
    recipe.examine()
    return recipe


def lay_over(table: dict[str, Any], override: str) -> None:
    """Set one ``key.sub=value`` in nested tables.

    The value is read as TOML; where a text is wanted, and where it is no TOML, it is what was typed.
    """
    key, equals, text = override.partition("=")
    if not equals or not all(key.split(".")):
        recipe = (
            " (it is a recipe's name: `diptych train` takes one as its first word, `diptych data` by --recipe)"
            if override in spellings()
            else ""
        )
        raise UsageError(f'"{override}" is no override{recipe}; write key=value, such as training.steps=8000.')
    value = as_typed(text)
    *places, last = key.strip().split(".")
    for place in places:
        table = table.setdefault(place, {})
        if not isinstance(table, dict):
            raise UsageError(f'"{key}" is no key: "{place}" is not a table.')
    if isinstance(value, dict) and isinstance(table.get(last), dict):
        table[last] = table[last] | value
    else:
        table[last] = value


def differences(one: Recipe, other: Recipe) -> dict[str, tuple[Any, Any]]:
    """The dotted keys in which two recipes differ, with both values."""
    first, second = flatten(one.to_table()), flatten(other.to_table())
    return {key: (first.get(key), second.get(key)) for key in first | second if first.get(key) != second.get(key)}
