"""``diptych shrink``."""

from pathlib import Path
from typing import Annotated

from diptych.commands.parameters import OUT, Device, Limit, Split


def shrink(
    run: Path,
    *overrides: str,
    to: str = "10x",
    minutes: float | None = None,
    out: Annotated[Path | None, OUT] = None,
    checkpoint: str = "latest",
    split: Split = "",
    metrics: str = "",
    limit: Limit = 0,
    device: Device = "auto",
) -> int:
    """Train a smaller generator from a run's outputs and maps, and print both side by side; the same command resumes.

    Example: diptych shrink runs/facades --to 10x --minutes 20

    Parameters
    ----------
    run
        The teacher: a run of pix2pix, CycleGAN or RegGAN whose generator is a U-Net or a ResNet.
    overrides
        Any number of key=value, laid over the student's recipe, such as training.steps=20000 or options.separable=false.
    to
        How many times fewer multiply-adds the student has, such as 10x.
    minutes
        How long to train, in place of the teacher's steps.
    out
        The student's run folder; by default RUN-10x.
    checkpoint
        Of the teacher: latest, best, or a step such as 8000.
    metrics
        By which both are judged, such as l1,ssim,frechet; by default all that are available.
    device
        Where both are judged: cpu, cuda, cuda:1, mps; auto takes a GPU where there is one. Training goes by training.device.
    """
    from diptych.shrinking.shrink import ShrinkSettings
    from diptych.shrinking.shrink import shrink as carry_out

    return carry_out(ShrinkSettings(run, to, out, minutes, checkpoint, split, metrics, limit, device), overrides)
