"""What validation computes and shows, against the networks asked directly."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from toys import draw_labelled, draw_pairs, tiny_recipe

from diptych import __version__
from diptych.evaluation import paired
from diptych.evaluation.evaluate import THROUGH
from diptych.evaluation.requirements import Resources
from diptych.networks.noise import seeded
from diptych.pictures.kinds import Batch, rgb_to_lab
