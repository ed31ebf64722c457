"""Norm of one picture on a processor, in channels-last layout: its error against float64, and its time, by area.

    python benchmarks/norms.py --channels 64 --threads 2

"torch" is its own batch norm with the picture's statistics, "ours" what instance norm takes, "copied" the way through the
other layout, which adds up in float64. Errors are the largest, of the largest value; times the best of several, in turn.
"""

import argparse
import time
from collections.abc import Callable
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional

from diptych.networks import statistics
from diptych.networks.blocks import instance_norm

EPS = 1e-5


def own(maps: Tensor) -> Tensor:
    return functional.batch_norm(maps, None, None, None, None, True, 0.0, EPS)


def ours(maps: Tensor) -> Tensor:
    return instance_norm(maps, None, None, EPS)


def copied(maps: Tensor) -> Tensor:
    return own(maps.contiguous()).contiguous(memory_format=torch.channels_last)


def in_strips(maps: Tensor) -> Tensor:
    with patch.object(statistics, "DIRECT", 0):
        return ours(maps)


def backward(way: Callable[[Tensor], Tensor], maps: Tensor) -> None:
    inputs = maps.detach().requires_grad_()
    way(inputs).backward(maps)


WAYS = {"torch": own, "ours": ours, "in strips": in_strips, "copied": copied}


def exact(maps: Tensor) -> Tensor:
    """Channel by channel, in float64."""
    return torch.cat([own(maps[:, [channel]].double().contiguous()) for channel in range(maps.shape[1])], 1)


def timed(what: Callable[..., object], *given: object) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    what(*given)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print("side   way         error     forward ms   and backward ms")
    for side in (128, 256, 512, 1024, 2048):
        torch.manual_seed(0)
        maps = (torch.randn(1, arguments.channels, side, side) * 0.7 + 0.9).relu()
        maps = maps.contiguous(memory_format=torch.channels_last)
        wanted = exact(maps)
        turns = [
            {name: (timed(way, maps), timed(backward, way, maps)) for name, way in WAYS.items()}
            for _ in range(arguments.repeats)
        ]
        for name, way in WAYS.items():
            error = float((way(maps) - wanted).abs().max() / wanted.abs().max())
            forward, both = (min(turn[name][which] for turn in turns) for which in (0, 1))
            print(f"{side:5}  {name:10} {error:8.1e} {forward:11.2f} {both:15.2f}", flush=True)


if __name__ == "__main__":
    main()
