"""What options may not be, alone and together, and on which crops."""

from typing import Any

import pytest
from building import build

from diptych.errors import UsageError
from diptych.pictures.kinds import Kind
from diptych.systems import SYSTEMS, Domains

LEAST = {  # what may be 0 but no less, and what may be 1 but no less
    "pix2pix": (
        "l1 l1_pyramid gradient_difference feature_matching perceptual gradient_penalty style mode_seeking mode_seeking_knee",
        "width discriminator_width blocks",
    ),
    "cyclegan": ("cycle identity pool blocks", "width discriminator_width"),
    "travelgan": ("travel margin apart angle length", "width latent"),
    "srgan": (
        "content_weight mse adversarial total_variation pretrain_steps",
        "blocks width discriminator_width",
    ),
    "inpainting": ("l1 whole patch", "blocks width downs discriminator_width"),
    "reggan": ("correction smoothness pool", "blocks width registration_width discriminator_width"),
    "oasis": ("noise label_mix", "width hidden"),
    "bicyclegan": ("l1 kl latent", "style width encoder_width discriminator_width"),
    "cut": ("nce", "blocks width head_width discriminator_width"),
    "pix2pixhd": (
        "feature_matching perceptual enhancers fix_coarse_steps features",
        "width downs blocks enhancer_blocks encoder_width scales discriminator_layers discriminator_width",
    ),
    "spade": (
        "feature_matching perceptual style kl",
        "width hidden encoder_width scales discriminator_layers discriminator_width",
    ),
}
LIMITS = [
    (system, option, least)
    for system, both in LEAST.items()
    for least, options in enumerate(both)
    for option in options.split()
]


@pytest.mark.parametrize(("system", "option", "least"), LIMITS)
def test_what_an_option_may_not_be(system: str, option: str, least: int) -> None:
    assert getattr(SYSTEMS[system].Options(**{option: least}), option) == least
    with pytest.raises(UsageError, match="options"):
        SYSTEMS[system].Options(**{option: least - 1})


@pytest.mark.parametrize(
    ("system", "options"),
    [
        ("inpainting", {"whole": 0.0, "patch": 0.0}),
        ("pix2pixhd", {"width": 6, "enhancers": 2}),
    ],
)
def test_what_options_may_not_be_together(system: str, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="options"):
        SYSTEMS[system].Options(**options)


def test_the_most_that_options_may_be() -> None:
    for system in ("pix2pix", "cyclegan"):
        assert SYSTEMS[system].Options(discriminator_layers=6).discriminator_layers == 6
    assert SYSTEMS["pix2pixhd"].Options(width=4, enhancers=2).width == 4
    for size, fits in (((15, 16), False), ((16, 16), True)):
        domains = Domains(Kind(), Kind(), size)
        if fits:
            assert build("travelgan", domains=domains).sides
        else:
            with pytest.raises(UsageError, match="crop_size of 16 or more, not 15x16"):
                build("travelgan", domains=domains)
    with pytest.raises(UsageError, match="64 pixels or more"):
        build("inpainting", domains=Domains(Kind(colour="holed"), Kind(), (63, 64)))
