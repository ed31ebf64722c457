"""What recomputed statistics of batch norm are worth: held-out scores of every kept checkpoint of a run.

    python benchmarks/batch_statistics.py RUN [PICTURES]

For averaged and for raw weights: with the running statistics of training, recomputed, and where the checkpoint has them as shipped.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from diptych import checkpoints
from diptych.data import FolderSplits, open_dataset
from diptych.training.loop import prepare
from diptych.training.processes import join
from diptych.training.run import Run, read_recipe
from diptych.training.statistics import precise_statistics
from diptych.training.validation import Validation


def main(folder: Path, pictures: int) -> None:
    torch.set_num_threads(1)
    run = Run(folder, read_recipe(folder))
    for step in run.saved_steps():
        tensors = checkpoints.load(run.path_of(step)).tensors
        for averaged in (True, False) if run.recipe.training.average else (False,):
            recipe = run.recipe.replace(average_translates=averaged)
            dataset, trainer = prepare(open_dataset(recipe.data, "train", train=True), recipe, join("cpu"))
            trainer.state.load(tensors)
            rules: dict[str, Callable[[], dict[str, Tensor]]] = {"running": dict}
            rules["recomputed"] = partial(precise_statistics, trainer, dataset)
            if averaged == run.recipe.training.average_translates:
                rules["shipped"] = partial(checkpoints.with_prefix, "statistics", tensors)
            for rule, statistics in rules.items():
                trainer.state.statistics = statistics()
                scores = Validation(recipe, trainer.processes.device, FolderSplits(recipe.data).validation()).scores(
                    trainer.state, pictures
                )
                shown = "  ".join(f"{name} {scores[name]:.4f}" for name in ("l1", "psnr", "ssim"))
                print(f"step {step}  {'averaged' if averaged else 'raw':8}  {rule:10}  {shown}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100)
