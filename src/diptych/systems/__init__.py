"""The systems, by the name that a recipe gives them. This table is the only list."""

from diptych.systems.cyclegan import CycleGAN
from diptych.systems.pix2pix import Pix2Pix
from diptych.systems.system import Exit, Losses, System
from diptych.systems.travelgan import TraVelGAN

SYSTEMS: dict[str, type[System]] = {
    "pix2pix": Pix2Pix,
    "cyclegan": CycleGAN,
    "travelgan": TraVelGAN,
}

__all__ = ["SYSTEMS", "CycleGAN", "Exit", "Losses", "Pix2Pix", "System", "TraVelGAN"]
