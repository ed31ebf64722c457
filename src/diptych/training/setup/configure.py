"""The rules by which ``diptych train FOLDER`` chooses a recipe, from top to bottom; docs/data.md has them as a table.

What the folder holds is told by ``diptych.data.checks.survey``. Each rule gives keys of a recipe with a value and its reason. What is
stated on the command line stands in place of a rule. The same folder gives the same recipe on the same machine.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from diptych.data.checks.folder_names import folder_words, named_source
from diptych.data.checks.survey import Side, Survey, survey
from diptych.data.settings import as_size, root_of
from diptych.errors import DiptychError, UsageError
from diptych.machine.devices import choose, total_bytes
from diptych.machine.threads import usable_cores
from diptych.training.setup.choice import Choice, Chosen, Rule, folder_word, made, stated_data, stated_keys
from diptych.training.setup.sizes import sizes

GIB = 2**30
Machine = Literal["processor", "GPU"]
Task = Literal["pairs", "labelled", "unpaired"]
Way = Literal["a-to-b", "b-to-a"]


@dataclass(frozen=True)
class Plan:
    """What is trained on one sort of folder on one sort of machine."""

    recipe: str
    profile: str
    side: int  # of the crop, where pictures are large enough
    batch: int
    epochs: int  # passes over the training pictures, as far as the bounds of the steps allow
    least: int
    most: int
    fixed_gib: float  # of memory, and for each picture of a batch of such crops
    each_gib: float


# Memory was measured by training/setup/estimate.py on a processor, and for GPUs scaled from there.
PLANS: dict[tuple[Task, Machine], Plan] = {
    ("pairs", "processor"): Plan("pix2pix", "small", 128, 8, 100, 2_500, 10_000, 0.5, 0.02),
    ("labelled", "processor"): Plan("spade", "small", 128, 4, 100, 2_500, 10_000, 0.5, 0.24),
    ("unpaired", "processor"): Plan("cyclegan", "small", 128, 1, 100, 10_000, 40_000, 0.4, 0.23),
    ("pairs", "GPU"): Plan("pix2pix", "", 256, 4, 200, 10_000, 200_000, 2.0, 0.2),
    ("labelled", "GPU"): Plan("spade", "", 256, 16, 200, 10_000, 200_000, 4.0, 2.0),
    ("unpaired", "GPU"): Plan("cyclegan", "", 256, 1, 200, 20_000, 200_000, 3.0, 2.0),
}
WHY: dict[Task, str] = {
    "pairs": "pairs of pictures",
    "labelled": "class maps in numbers, which SPADE takes as classes and pix2pix as shades of grey",
    "unpaired": "two sets without pairs",
}
SINGLES = {
    "shrunk": ("enlarge others", "srresnet"),
    "holed": ("fill holes", "inpainting"),
    "colorization": ("colour grey ones", "pix2pix-colorization"),
    "edges": ("paint edges", "pix2pix data.task=edges"),
    "greyscale": ("paint grey ones", "pix2pix data.task=greyscale"),
}
"""What can be learned from single pictures, and how that is said, by data.task."""
BETWEEN, MOST_BETWEEN = 0.08, 1000  # two validations: share of the run, and steps at most
MEMORY_SHARE = 0.5  # of the machine's, which training may take


def configure(folder: str, overrides: Sequence[str] = (), profile: str = "", minutes: float | None = None) -> Choice:
    """Choose a recipe for a folder of pictures or shards.

    Args:
        folder: where the pictures are.
        overrides: ``key.sub=value``, each in place of what would be chosen.
        profile: in place of the one that would be chosen.
        minutes: the length, where it is stated so.

    Raises:
        DiptychError: when the folder holds nothing that can be trained on without a further word, with what to say.
        UsageError: for an override that is wrong.
    """
    stated = stated_keys(overrides)
    device = choose(str(stated.get("training.device", "auto")))
    machine: Machine = "processor" if device.type == "cpu" else "GPU"
    memory = total_bytes(device)
    if (task_stated := stated.get("data.task")) in SINGLES:
        raise UsageError(
            f"data.task={task_stated} is for a recipe, which must be named, {ways(folder, machine, str(task_stated))}."
        )
    settings = stated_data(folder, overrides)
    found = survey(settings, task_stated="data.task" in stated)
    if found.holds == "singles":
        raise DiptychError(of_singles(found, machine))
    task = task_of(found)
    plan = PLANS[task, machine]

    rules: Rule = {"data.folder": Chosen(folder, contents(found))} | tasks(found, task)
    rules |= {} if settings.slices else direction(found, task)  # plain and rich are not told apart by colours there
    way: Way = found.settings.direction
    if "data.direction" in rules and "data.direction" not in stated:
        way = rules["data.direction"].value
    rules |= kinds(found, task, way, stated) | sizes(found, plan.side, stated)
    rules |= batch(found, plan, rules["data.crop_size"].value, memory)
    rules |= length(found, plan, rules, stated) if minutes is None else {}

    shown = f"{memory / GIB:.0f} GiB" if memory < float("inf") else "an unknown size"
    place = "the profile is given" if profile else f"a {machine} ({usable_cores()} cores, {shown} of memory)"
    return made(plan.recipe, profile or plan.profile, f"{WHY[task]}; {place}", rules, overrides, minutes)


# 1. What is there to learn?


def task_of(found: Survey) -> Task:
    """Class maps whose files hold numbers are labelled; coloured ones are pictures like others."""
    if found.holds == "unpaired":
        return "unpaired"
    labelled = found.settings.task == "labelled" or bool(found.a.numbers) != bool(found.b.numbers)
    return "labelled" if labelled else "pairs"


def contents(found: Survey) -> str:
    counts = [f"{len(entries)} {split}" for split, _, entries in found.layout.domains()]
    damaged = f"; {found.unopened} of the sample's examples cannot be opened" if found.unopened else ""
    return f"{found.why.partition('; ')[0]}: {', '.join(counts)}{damaged}"


def of_singles(found: Survey, machine: Machine) -> str:
    """What to say of single pictures, of which nothing tells what to learn."""
    folder = found.settings.folder
    return (
        f"{folder} holds single pictures ({found.why}), and nothing tells what to learn from them: say it, "
        f"{ways(folder, machine)}; if they are pairs side by side, add data.layout=side-by-side."
    )


def ways(folder: str, machine: Machine, task: str = "") -> str:
    """Commands that train on single pictures."""
    profile = " --profile small" if machine == "processor" else ""
    chosen = [SINGLES[task]] if task else list(SINGLES.values())[:3]
    return ", ".join(f"to {what}: diptych train {recipe}{profile} {folder_word(folder)}" for what, recipe in chosen)


def tasks(found: Survey, task: Task) -> Rule:
    """The layout of side-by-side pictures, and the task where it is not that of plain pairs."""
    rule: Rule = {}
    if found.holds == "halves":
        rule["data.layout"] = Chosen("side-by-side", "each picture holds both halves")
    if found.layout.held_out:
        share = found.settings.validation_share
        rule["data.validation_share"] = Chosen(
            share, "there is no val folder: this share is held out, by a hash of the names"
        )
    if task != "pairs":
        rule["data.task"] = Chosen(task, "no partners by name" if task == "unpaired" else "one side is class maps")
    return rule


# 2. Which side is the source?


def direction(found: Survey, task: Task) -> Rule:
    """Class maps; else what the folders' names say; else the side that is clearly plainer; else a."""
    root = root_of(found.settings)
    places = next(iter(found.layout.folders.values()), [])
    named = named_source(*(os.path.relpath(place, root) for place in places)) if len(places) == 2 else ""
    side: Literal["a", "b"] = "a"
    if task == "unpaired":
        reason = "both directions are learned"
    elif task == "labelled" and (found.a.numbers or found.b.numbers):
        side, reason = "a" if found.a.numbers else "b", "class maps are the source"
    elif named:
        side, reason = named, "the folders' names say so"
    elif found.plainer:
        side, reason = found.plainer, f"the source has {found.plainness}, as drawings and class maps have"
    else:
        reason = f"the source is the {'left half' if found.holds == 'halves' else 'first folder'}, as neither is clearly plainer"
    way, other = ("a-to-b", "b-to-a") if side == "a" else ("b-to-a", "a-to-b")
    turned = f"; data.direction={other} turns it" if task == "pairs" else ""
    if sources := found.settings.source_folders:
        turned = f"; {folder_words(found.settings.target_folder, sources[0])} turns it" if task == "pairs" else ""
        return {
            "data.source_folders": Chosen(list(sources), reason + turned),
            "data.target_folder": Chosen(found.settings.target_folder, "the other folder"),
        }
    return {"data.direction": Chosen(way, reason + turned)}


# 3. What are the pictures?


def kinds(found: Survey, task: Task, way: Way, stated: Mapping[str, Any]) -> Rule:
    """Channels and depth of source and target as the files have them, where they are not RGB of 8 bits."""
    rule: Rule = {}
    sides = (found.b, found.a) if way == "b-to-a" else (found.a, found.b)
    for end, side in zip(("source", "target"), sides, strict=True):
        key = f"data.{end}"
        if task == "labelled" and end == "source":
            rule |= classes(side) if side.numbers else {}
            continue
        low, high = side.reaches
        if (low < 0 or high > 1) and not {f"{key}.low", f"{key}.high"} & stated.keys():
            raise DiptychError(
                f"the {end} pictures in {found.settings.folder} are {side.kind.depth} and reach from {low:g} to {high:g}, and their "
                f"range must be said: {key}.low={low:g} {key}.high={high:g} {key}.depth={side.kind.depth}, or wider."
            )
        rule |= channels(key, side)
    return rule


def classes(side: Side) -> Rule:
    """The classes that the maps number; a 255 apart from the others stands for no class."""
    *others, last = side.numbers
    apart = last in (255, 65535) and bool(others) and last > others[-1] + 1
    highest = others[-1] if apart else last
    rule = {
        "data.source.colour": Chosen("labels", "class numbers"),
        "data.source.classes": Chosen(highest + 1, f"the highest number is {highest}"),
    }
    return rule | ({"data.source.unknown": Chosen(last, "stands apart, for no class")} if apart else {})


def channels(key: str, side: Side) -> Rule:
    rule: Rule = {}
    if side.kind.colour == "grey":
        rule[f"{key}.colour"] = Chosen("grey", "one channel")
    if side.kind.colour == "channels":
        rule[f"{key}.colour"] = Chosen("channels", "other channels than grey and RGB")
        rule[f"{key}.channels"] = Chosen(side.kind.channels, "as in the files")
    if side.kind.depth != "uint8":
        rule[f"{key}.depth"] = Chosen(side.kind.depth, "as in the files")
    if side.see_through:
        rule[f"{key}.background"] = Chosen([255, 255, 255], "opacity is laid on white")
    return rule


# 4. How much at once, and for how long?


def batch(found: Survey, plan: Plan, crop: int | tuple[int, int], memory: float) -> Rule:
    """The plan's, halved until there are so many pictures, and until training takes at most half of the memory."""
    height, width = as_size(crop)
    each = plan.each_gib * height * width / plan.side**2
    count = plan.batch
    while count > 1 and count > found.train:
        count //= 2
    few = f"; there are {found.train} training pictures" if count < plan.batch else ""
    by_pictures = count
    while count > 1 and (plan.fixed_gib + count * each) * GIB > MEMORY_SHARE * memory:
        count //= 2
    full = f"; {by_pictures} would take {plan.fixed_gib + by_pictures * each:.1f}, of {memory / GIB:.1f}"
    reason = f"about {plan.fixed_gib + count * each:.1f} GiB of memory"
    return {"training.batch_size": Chosen(count, reason + few + (full if count < by_pictures else ""))}


def length(found: Survey, plan: Plan, rules: Rule, stated: Mapping[str, Any]) -> Rule:
    """So many passes over the training pictures, between two bounds; validated after equal shares of them."""
    if "training.epochs" in stated:
        return {"training.steps": Chosen(0, "the length is counted in epochs")}
    size = stated.get("training.batch_size")
    size = size if isinstance(size, int) and size > 0 else rules["training.batch_size"].value
    wanted = plan.epochs * found.train / size
    steps = round(min(max(wanted, plan.least), plan.most) / 100) * 100
    bound = f", the {'least' if wanted < plan.least else 'most'}" if not plan.least <= wanted <= plan.most else ""
    reason = f"{steps * size / found.train:.0f} passes over {found.train} training pictures{bound}"
    said = stated.get("training.steps")
    length = said if isinstance(said, int) and said > 0 else steps
    every = max(1, min(round(BETWEEN * length), MOST_BETWEEN))
    return {
        "training.epochs": Chosen(0, "the length is counted in steps"),
        "training.steps": Chosen(steps, reason),
        "training.validate_every": Chosen(every, f"{length // every} validations"),
    }
