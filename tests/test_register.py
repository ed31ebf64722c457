"""What users register works as ours does: networks in pix2pix and CycleGAN, adversaries, metrics, layouts, systems."""

from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from building import apply, batch_of, build
from torch import Tensor, nn
from toys import assert_equal, run_to_end, tiny_recipe, weights

import diptych
from diptych import DiptychError, Translator, UsageError, register
from diptych.commands.options import every_option
from diptych.evaluation.evaluate import evaluate
from diptych.evaluation.metrics import Example, Score, direction
from diptych.evaluation.requirements import Resources
from diptych.evaluation.set_metrics import SetMetric
from diptych.networks import NetworkSpec
from diptych.systems import CycleGAN, Pix2Pix, System
from diptych.systems.system import SystemOptions
from diptych.translator.card import read_cards

pytestmark = pytest.mark.usefixtures("own_code")


class Plain(nn.Module):
    multiple, min_size = 4, 8

    def __init__(self, channels_in: int, channels_out: int, width: int = 8, *, depth: int = 3) -> None:
        super().__init__()
        self.depth = depth
        self.layer = nn.Conv2d(channels_in, channels_out, 3, 1, 1)
        nn.init.constant_(self.layer.weight, 0.25)

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.tanh(self.layer(pictures))


class Judge(nn.Module):
    multiple = min_size = 1

    def __init__(self, channels_in: int, width: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(channels_in, width, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.layer(pictures).mean((1, 2, 3))
        return logits


def far(real: Tensor, fake: Tensor) -> Tensor:
    return fake.float().mean() - real.float().mean() + 5


def near(fake: Tensor) -> Tensor:
    return -fake.float().mean() + 7


@pytest.fixture
def registered(own_code: Path) -> None:
    register.network("plain")(Plain)
    register.network("judge")(Judge)
    register.adversary("mean", far, near, midpoint=1.0)


@pytest.mark.usefixtures("registered")
def test_pix2pix_takes_registered_networks_and_adversaries() -> None:
    """Each gets the options that it has arguments for, and keeps the weights with which it is made."""
    system = build("pix2pix", generator="plain", discriminator="judge", adversary="mean", width=6, depth=5)
    assert isinstance(system, Pix2Pix)
    assert system.spec == NetworkSpec("plain", {"channels_in": 3, "channels_out": 3, "width": 6, "depth": 5})
    assert isinstance(system.generator, Plain)
    assert isinstance(system.discriminator, Judge)
    assert bool((system.generator.layer.weight == 0.25).all())
    (source, target), judge = batch_of(), system.discriminator
    fake = system.generator(source)
    real, judged = judge(torch.cat([source, target], 1)), judge(torch.cat([source, fake], 1))
    discriminator, generator = system.losses(batch_of(), 0)
    torch.testing.assert_close(discriminator.terms["adversarial"], 0.5 * far(real, judged))
    torch.testing.assert_close(generator.terms["adversarial"], near(judged))
    shares = ((real > 1).float().mean() + (judged < 1).float().mean()) / 2
    torch.testing.assert_close(discriminator.figures["accuracy"], shares)
    assert apply(system, batch_of()) == ["discriminator", "generator"]


@pytest.mark.usefixtures("registered")
def test_cyclegan_takes_them_for_both_ways() -> None:
    system = build("cyclegan", (1, 3), generator="plain", discriminator="judge", adversary="mean", width=6)
    assert isinstance(system, CycleGAN)
    assert system.specs["b_to_a"] == NetworkSpec("plain", {"channels_in": 3, "channels_out": 1, "width": 6})
    assert [type(network) for network in system.discriminator.values()] == [Judge, Judge]
    assert apply(system, batch_of(channels=(1, 3))) == ["generator", "discriminator"]


@pytest.mark.usefixtures("registered")
def test_a_run_says_whose_network_it_needs(toy_pairs: Path, tmp_path: Path) -> None:
    """It goes on bitwise, and its card names the network, which is built again only where it is registered."""
    words = ("options.generator=plain", "options.discriminator=judge", "options.adversary=mean")
    recipe = tiny_recipe("pix2pix", toy_pairs, *words)
    straight, _ = run_to_end(recipe, tmp_path / "straight")
    broken, _ = run_to_end(recipe, tmp_path / "run")
    broken.path_of(6).unlink()
    resumed, _ = run_to_end(recipe, tmp_path / "run")
    assert_equal(weights(straight), weights(resumed))
    (card,) = read_cards(tmp_path / "run" / "card.json").values()
    assert (card.network, card.provenance["registered by"]) == ("plain", f"module:{__name__}")
    assert card.multiple == 4
    picture = np.random.default_rng(0).integers(0, 256, (13, 18, 3), np.uint8)
    assert Translator.load(tmp_path / "run")(picture).shape == picture.shape
    for table in diptych.registry.TABLES.values():
        table.added.clear()
        table.makers.clear()
    with pytest.raises(
        DiptychError, match=f'run needs the network "plain", which the module {__name__} had registered'
    ):
        Translator.load(tmp_path / "run")


def unstated(self: Any, channels_in: int, channels_out: int) -> None:
    nn.Module.__init__(self)


def test_networks_that_do_not_fit_are_refused(toy_pairs: Path) -> None:
    networks: dict[str, dict[str, Any]] = {
        "unstated": {"__init__": unstated},
        "half": {"forward": lambda self, pictures: Plain.forward(self, pictures)[..., ::2]},
        "broken": {"forward": lambda self, pictures: pictures @ pictures[:, :, :3]},
        "needy": {"__init__": lambda self, channels_in, heads: None},
    }
    for name, parts in networks.items():
        base: type[nn.Module] = nn.Module if name == "unstated" else Plain
        register.network(name)(type(name, (base,), parts))
    for name, words in {
        "unstated": 'the network "unstated" states no multiple; set multiple = 1',
        "half": 'the network "half" does not fit the data: of 1x3x8x8 it makes 1x3x8x4, not 1x3x8x8',
        "broken": 'the network "broken" does not fit the data: ',
        "needy": 'the network "needy" needs heads, and is given',
        "nothing": 'options.generator" is \'nothing\'; choose from "unet", "encoder-decoder", "resnet", "unstated"',
    }.items():
        with pytest.raises(UsageError) as refusal:
            tiny_recipe("pix2pix", toy_pairs, f"options.generator={name}")
        assert words in str(refusal.value)


@pytest.mark.usefixtures("registered")
def test_maps_are_matched_only_where_there_are_some() -> None:
    with pytest.raises(UsageError, match=r'network "judge" has no method maps, and options\.feature_matching compares'):
        build("pix2pix", discriminator="judge", feature_matching=1.0)


def bright(example: Example) -> Tensor:
    return example.output.mean()


class Count(SetMetric):
    def __init__(self) -> None:
        self.seen = 0

    def add(self, example: Example) -> None:
        self.seen += 1

    def scores(self) -> list[Score]:
        return [Score("count", self.seen, self.seen, self.seen, "higher", self.seen)]


def test_metrics_of_pictures_and_of_sets(toy_pairs: Path, tmp_path: Path) -> None:
    register.metric("bright", better="near 1", paired=False)(bright)
    register.metric("count", better="higher")(Count)
    pictures = [torch.full((1, 3, 4, 4), value) for value in (0.5, 0.0)]
    examples = [Example(str(number), one, one, -one) for number, one in enumerate(pictures)]
    found = {score.metric: score.value for score in evaluate(examples, ["count", "bright", "l1"], Resources()).scores}
    assert found == {"count": 2, "bright": 0.25, "l1": 0.5}
    assert (direction("bright"), direction("count")) == ("near 1", "higher")
    recipe = tiny_recipe("pix2pix", toy_pairs, 'training.metrics=["bright","count"]', "training.best=count")
    run, _ = run_to_end(recipe, tmp_path / "run")
    assert [entry["count"] for entry in run.entries("scores.jsonl")] == [4, 4]
    assert all(abs(entry["bright"]) <= 1 for entry in run.entries("scores.jsonl"))


@dataclass(frozen=True)
class OwnOptions(SystemOptions):
    own: float = 1.0  # what is only here


def test_what_is_none_of_its_kind_is_refused() -> None:
    loose: Any = register  # as it is called by who has not read its types
    whole = {"Options": OwnOptions, "losses": lambda self, batch, step: iter(())}
    for decorate, made, words in (
        (
            loose.system("own"),
            Plain,
            "Plain cannot be registered as a system; register.system takes a subclass of System",
        ),
        (loose.system("own"), type("Own", (System,), {"Options": OwnOptions}), "takes one that has losses"),
        (
            loose.system("own"),
            type("Own", (System,), whole | {"Options": int}),
            "takes one whose Options is a dataclass",
        ),
        (loose.network("own"), bright, "takes a subclass of torch.nn.Module"),
        (loose.metric("own", better="lower"), Plain, "takes a function of an Example, or a subclass of SetMetric"),
        (loose.metric("own", better="less"), bright, 'is better "less"; choose from higher, lower, near 1'),
        (loose.layout("own"), Plain, "takes a function of a folder"),
    ):
        with pytest.raises(UsageError) as refusal:
            decorate(made)
        assert words in str(refusal.value)
    with pytest.raises(UsageError, match="takes two functions of logits"):
        loose.adversary("own", far, 1.0)
    with pytest.raises(UsageError, match=r'register\.system takes a name first, such as @register\.system\("mine"\)'):
        loose.system(Plain)


def test_options_of_a_system_are_told() -> None:
    """Those that it inherits too; of one without source, such as in an interpreter, all but the meaning."""
    own = {"losses": lambda self, batch, step: iter(())}
    derived = make_dataclass("Derived", [("more", int, 3)], bases=(OwnOptions,), frozen=True)
    register.system("own")(type("Own", (System,), own | {"Options": OwnOptions}))
    register.system("derived")(type("Derived", (System,), own | {"Options": derived}))
    told = {(field.system, field.key): field for field in every_option()}
    assert told["own", "options.own"].meaning == told["derived", "options.own"].meaning == "what is only here"
    assert told["derived", "options.more"].default == "3"
    adversaries = told["pix2pix", "options.adversary"].kind
    assert adversaries == '"vanilla", "least-squares", "hinge", "wasserstein", or a registered one'
