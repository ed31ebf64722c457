"""Recipes by name, file and profile: what each comes to, written out in full, and the sentences for what is not there."""

import tomllib
from pathlib import Path

import pytest

from diptych.errors import UsageError
from diptych.recipe import Recipe, differences, read
from diptych.recipe_files import find, merge, shipped, spellings
from diptych.systems import SYSTEMS

FACADES = """[[0, 0, 222], [0, 48, 255], [0, 128, 255], [0, 207, 255], [33, 255, 226], [112, 254, 145],
    [191, 254, 66], [254, 240, 2], [255, 160, 0], [254, 80, 2], [252, 1, 1], [174, 0, 1]]"""
WRITTEN_OUT = {
    "pix2pix-facades": f"""
        system = "pix2pix"
        data = {{ folder = "facades", direction = "b-to-a", palette = {FACADES} }}
        training = {{ epochs = 200 }}
    """,
    "pix2pix-facades-small": f"""
        system = "pix2pix"
        data = {{ folder = "facades", direction = "b-to-a", load_size = 143, crop_size = 128, palette = {FACADES} }}
        [options]
        width = 32
        discriminator_width = 32
        discriminator_layers = 2
        feature_matching = 30.0
        upsample = "resize"
        statistics = "running"
        dropout = []
        [training]
        steps = 5_000
        batch_size = 8
        learning_rate = {{ generator = 4e-4, discriminator = 4e-4 }}
        average = 0.999
        validate_every = 400
        best = "ssim"
        stop_after = 5
        patience = 0.64
    """,
    "pix2pix-edges2shoes-small": """
        system = "pix2pix"
        data = { folder = "edges2shoes", load_size = 128, crop_size = 128, mirror = false }
        [options]
        width = 32
        discriminator_width = 32
        discriminator_layers = 2
        feature_matching = 30.0
        upsample = "resize"
        statistics = "running"
        dropout = []
        [training]
        steps = 20_000
        batch_size = 8
        learning_rate = { generator = 4e-4, discriminator = 4e-4 }
        average = 0.999
        validate_every = 1_600
        best = "ssim"
        stop_after = 5
        patience = 0.64
    """,
    "pix2pix-openmoji-small": """
        system = "pix2pix"
        data = { folder = "openmoji-143", load_size = 143, crop_size = 128 }
        [options]
        width = 32
        discriminator_width = 32
        gradient_difference = 200.0
        upsample = "resize"
        statistics = "running"
        dropout = []
        [training]
        steps = 1_600
        batch_size = 8
        average = 0.995
        schedule = "linear"
        validate_every = 400
        picture_every = 400
    """,
    "cyclegan-monet2photo": """
        system = "cyclegan"
        options = { identity = 0.5 }
        data = { folder = "monet2photo", task = "unpaired" }
        training = { epochs = 200, schedule = "linear-pytorch-old" }
    """,
    "cyclegan-monet2photo-small": """
        system = "cyclegan"
        options = { identity = 0.5, width = 32, discriminator_width = 32 }
        data = { folder = "monet2photo", task = "unpaired", load_size = 143, crop_size = 128 }
        training = { steps = 20_000, schedule = "linear" }
    """,
    "pix2pixhd-pictures": """
        system = "pix2pixhd"
        data = { task = "pairs", load_size = 512, crop_size = 512 }
        training = { epochs = 200, schedule = "linear-torch" }
    """,
    "pix2pixhd-cityscapes-1024p-small": """
        system = "pix2pixhd"
        training = { steps = 4_000, batch_size = 4, schedule = "linear" }
        [options]
        width = 16
        downs = 3
        blocks = 6
        features = 3
        encoder_width = 8
        discriminator_width = 24
        upsample = "resize"
        perceptual_network = "efficientnet-lite0"
        perceptual = 1.0
        enhancers = 1
        fix_coarse_steps = 1000
        [data]
        task = "labelled"
        source = { colour = "labels", classes = 35, instances = true }
        load_size = [256, 512]
        crop_size = [256, 512]
    """,
    "spade-cityscapes-small": """
        system = "spade"
        [options]
        width = 16
        hidden = 48
        discriminator_width = 24
        perceptual_network = "efficientnet-lite0"
        perceptual = 1.0
        [data]
        task = "labelled"
        source = { colour = "labels", classes = 35, instances = true }
        load_size = [128, 256]
        crop_size = [128, 256]
        [training]
        steps = 8_000
        batch_size = 4
        learning_rate = { generator = 1e-4, discriminator = 4e-4 }
        beta1 = 0.0
        beta2 = 0.9
        schedule = "linear"
    """,
    "srgan-small": """
        system = "srgan"
        data = { task = "shrunk", factor = 4, crop_size = 96, fit = "none" }
        [options]
        content = "lite0-fine"
        content_weight = 5e-4
        mse = 1.0
        adversarial = 1e-3
        pretrain_steps = 12_000
        blocks = 8
        width = 32
        discriminator_width = 32
        [training]
        steps = 16_000
        batch_size = 8
        learning_rate = { generator = 4e-4, discriminator = 1e-4 }
        beta1 = 0.9
        schedule = "cosine"
        hold = 0.75
    """,
}


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_what_a_recipe_comes_to(name: str) -> None:
    assert differences(read(name), Recipe.from_table(tomllib.loads(WRITTEN_OUT[name]))) == {}


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_recipe_is_whole_with_every_profile(name: str, tmp_path: Path) -> None:
    assert find(name).about
    for profile in ("", *shipped()[name]["profiles"]):
        recipe = read(name, profile=profile)
        assert recipe.name == "-".join(filter(None, (name, profile)))
        assert name.split("-")[0] == recipe.system or name == "srresnet"  # which is SRGAN without its adversary
        assert recipe.training.epochs == 0 or recipe.training.steps == 0
        (tmp_path / "copy.toml").write_text(recipe.to_toml())
        assert differences(recipe, read(tmp_path / "copy.toml")) == {}


def test_the_recipes_of_the_papers_are_there() -> None:
    sets = "openmoji facades maps edges2shoes edges2handbags cityscapes day2night colorization"
    wanted = [f"pix2pix-{name}" for name in sets.split()] + ["cyclegan-horse2zebra", "cyclegan-maps", *SYSTEMS]
    assert [name for name in wanted if "small" not in shipped()[name]["profiles"]] == []


def test_a_profile_is_spelt_in_the_name_or_beside_it() -> None:
    apart = read("pix2pix-facades", profile="small")
    for name in ("pix2pix-facades-small", "pix2pix-small-facades", "pix2pix-facades-fast", "pix2pix-fast-facades"):
        assert spellings()[name] == ("pix2pix-facades", "small")
        assert read(name).name == name
        assert differences(apart, read(name)) == differences(apart, read(name, profile="small")) == {}
    assert differences(apart, read("pix2pix-facades", profile="fast")) == {}  # the former name


def test_overrides_win_over_the_profile_and_change_no_recipe() -> None:
    for words in (["training.steps=5"], ["training.learning_rate.generator=1e-3"]):
        changed, plain = (read("srgan", more, "small").to_table() for more in (words, []))
        assert changed != plain
    assert read("srgan", ["training.steps=5"], "small").training.steps == 5
    assert read("srgan").training.steps == 200_000


def test_tables_merge_and_all_else_is_replaced() -> None:
    below = {"a": {"b": 1, "c": [1, 2]}, "d": {"e": 1}}
    assert merge(below, {"a": {"c": [3]}, "d": 4, "f": {"g": 5}}) == {
        "a": {"b": 1, "c": [3]},
        "d": 4,
        "f": {"g": 5},
    }
    assert below == {"a": {"b": 1, "c": [1, 2]}, "d": {"e": 1}}


def test_a_file_of_ones_own_may_have_profiles(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('about = "mine"\nsystem = "pix2pix"\ntraining.steps = 10\nprofiles.long.training.steps = 99')
    assert (read(file).training.steps, read(file, profile="long").training.steps) == (10, 99)
    assert (read(file).name, read(file, profile="long").name) == ("mine", "mine-long")
    with pytest.raises(UsageError, match=r'mine has no profile "lng" \(did you mean "long"'):
        read(file, profile="lng")


@pytest.mark.parametrize(
    ("text", "profile", "message"),
    [
        ("", "small", 'mine has no profile "small"; it has none'),
        ("profiles = 3", "", "mine: profiles must be tables"),
        ("about = 3", "", 'mine: "about" must be a text'),
        ("profiles.long = 3", "long", "mine: profiles must be tables"),
        ('profiles.long.also = "far"', "far", 'mine: "also" of a profile must be a list'),
        ("profiles.long.training.stepps = 3", "long", '"training.stepps" is not known .did you mean "steps"'),
        ("recipes.other.training.steps = 3", "", '"recipes" is not known'),
        ("steps = pix2pix", "", r"mine\.toml is no readable TOML"),
    ],
)
def test_mistakes_in_a_file(text: str, profile: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(f'system = "pix2pix"\n{text}')
    with pytest.raises(UsageError, match=message):
        read(tmp_path / "mine.toml", profile=profile)


@pytest.mark.parametrize(
    ("name", "profile", "message"),
    [
        ("pix2pix-facade", "", r'no recipe or file "pix2pix-facade" \(did you mean "pix2pix-facades"'),
        ("pix2pix-facades-smal", "", r'did you mean "pix2pix-facades-small"'),
        ("cyclegan", "fast", r'^cyclegan has no profile "fast"; it has small\.$'),
        ("pix2pix-small", "quick", 'pix2pix-small is pix2pix with the profile "small"; .* pix2pix --profile quick'),
    ],
)
def test_names_that_are_not_there(name: str, profile: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refusal:
        read(name, profile=profile)
    assert "\n" not in str(refusal.value)
