"""Flicker: how far each frame differs from the one before, moved along the flow.

The warping error of Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018, equation 10, with the absolute instead of
the squared difference, so that it has the unit of ``l1``. A film that moves just as its flow says has none.
"""

import math

import numpy as np
import numpy.typing as npt

from diptych.evaluation import bootstrap
from diptych.evaluation.metrics import Example, Score
from diptych.evaluation.set_metrics import SetMetric, as_bytes
from diptych.video.flow import LONGEST, PRESET, Grey, Motion, cv2, grey_of, motion, warp

FLOW = f"DIS {PRESET} at up to {LONGEST} pixels, where both directions agree"
"""For the protocol."""
Planes = npt.NDArray[np.float32]


def warping_error(before: Planes, now: Planes, found: Motion) -> float:
    """Mean absolute difference of (height, width, channels) where the flow is known; NaN where it is nowhere."""
    difference = np.abs(now - warp(before, found.back).reshape(now.shape)).mean(axis=2)
    return float(difference[found.known].mean()) if found.known.any() else math.nan


class Flicker(SetMetric):
    """Takes the examples as the frames of one film, in their order.

    The flow is that of the targets, where there are any, else of the sources, else of the outputs. Beside the score stands the error
    of that film itself, which holds its noise and the errors of the flow.
    """

    def __init__(self) -> None:
        self.before: tuple[Grey, Planes, Planes] | None = None
        self.values: list[float] = []
        self.references: list[float] = []
        self.of = "outputs"

    def add(self, example: Example) -> None:
        seen, self.of = example.output_rgb, "outputs"
        if example.target_rgb is not None:
            seen, self.of = example.target_rgb, "targets"
        elif example.source_rgb is not None:
            seen, self.of = example.source_rgb, "sources"
        output = np.ascontiguousarray(example.output[0].permute(1, 2, 0).float().cpu().numpy())
        height, width = output.shape[:2]
        true = as_bytes(seen)
        if true.shape[:2] != (height, width):
            true = cv2().resize(true, (width, height), interpolation=cv2().INTER_CUBIC)
        planes = true.astype(np.float32) / 127.5 - 1
        now = (grey_of(true), output, planes)
        if self.before is None or self.before[0].shape != now[0].shape:
            self.values.append(math.nan)
        else:
            found = motion(self.before[0], now[0])
            self.values.append(warping_error(self.before[1], output, found))
            self.references.append(warping_error(self.before[2], planes, found))
        self.before = now

    def scores(self) -> list[Score]:
        known = np.array(self.values)[~np.isnan(self.values)]
        if not known.size:
            return [Score("flicker", math.nan, math.nan, math.nan, "lower", 0)]
        low, high = bootstrap.of_mean(known)
        note = "" if self.of == "outputs" else f"{self.of}: {np.nanmean(self.references):.4f}"
        return [Score("flicker", float(known.mean()), low, high, "lower", len(known), note=note)]

    def pictures(self) -> dict[str, list[float]]:
        return {"flicker": self.values}
