"""The systems, by the name that a recipe gives them. This table is the only list; users' code registers more."""

from diptych.registry import Table
from diptych.systems.bicyclegan import BicycleGAN
from diptych.systems.cut import CUT
from diptych.systems.cyclegan import CycleGAN
from diptych.systems.inpainting import Inpainting
from diptych.systems.oasis import OASIS
from diptych.systems.pix2pix import Pix2Pix
from diptych.systems.pix2pixhd import Pix2PixHD
from diptych.systems.reggan import RegGAN
from diptych.systems.spade import SPADESystem
from diptych.systems.srgan import SRGAN
from diptych.systems.system import Domains, Losses, System, Translated
from diptych.systems.travelgan import TraVelGAN

SYSTEMS: Table[type[System]] = Table(
    "system",
    {
        "pix2pix": Pix2Pix,
        "cyclegan": CycleGAN,
        "travelgan": TraVelGAN,
        "pix2pixhd": Pix2PixHD,
        "spade": SPADESystem,
        "srgan": SRGAN,
        "inpainting": Inpainting,
        "cut": CUT,
        "reggan": RegGAN,
        "oasis": OASIS,
        "bicyclegan": BicycleGAN,
    },
    reserved=("data", "kind", "options", "training"),  # tables of settings
)

__all__ = [
    "CUT",
    "OASIS",
    "SRGAN",
    "SYSTEMS",
    "BicycleGAN",
    "CycleGAN",
    "Domains",
    "Inpainting",
    "Losses",
    "Pix2Pix",
    "RegGAN",
    "System",
    "TraVelGAN",
    "Translated",
]
