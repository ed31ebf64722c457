"""How different are the answers to one input? The protocol of BicycleGAN's authors, by a distance that pip can install. Usage:

    python benchmarks/diversity.py runs/bicyclegan-facades-small runs/pix2pix-facades [--inputs 100 --draws 20]

Each held-out input is translated under consecutive seeds, and the perceptual distances of consecutive results are averaged. The
same distance between the targets of different inputs stands beside it, as the most that could be asked for. Distances of other
networks, LPIPS among them, are other numbers: compare ratios. A run that trained through the network flatters itself.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from diptych import Translator
from diptych.evaluation.bootstrap import of_mean
from diptych.evaluation.metrics import as_rgb
from diptych.evaluation.perceptual import MAPPED, perceptual
from diptych.judging.subjects import EvaluationSplit, settings_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--split", default="val")
    parser.add_argument("--inputs", type=int, default=100)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--network", choices=MAPPED, default=MAPPED[0])
    arguments = parser.parse_args()
    for run in arguments.runs:
        translator = Translator.load(run)
        split = EvaluationSplit.open(settings_of(run, "", translator), arguments.split, arguments.inputs)
        found, targets = [], []
        for number in split.chosen:
            source, target = split.tensors(number)
            draws = [rgb(split, translator.batch(source, seed=seed)) for seed in range(arguments.draws)]
            pairs = list(pairwise(draws))
            distances = perceptual(
                torch.cat([one for one, _ in pairs]), torch.cat([other for _, other in pairs]), arguments.network
            )
            found.append(distances.mean().item())
            targets.append(rgb(split, target))
        apart = [perceptual(one, other, arguments.network).item() for one, other in pairwise(targets)]
        low, high = of_mean(np.array(found))
        print(
            f"{run}: {sum(found) / len(found):.5f} ({low:.5f} to {high:.5f}) over {len(found)} inputs of {arguments.draws} draws; "
            f"targets of other inputs {sum(apart) / len(apart):.5f}",
            flush=True,
        )


def rgb(split: EvaluationSplit, picture: torch.Tensor) -> torch.Tensor:
    """(1, 3, height, width) in [-1, 1], as it is shown."""
    return as_rgb(split.target.preview(picture[0]))


if __name__ == "__main__":
    main()
