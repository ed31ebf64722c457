"""pix2pixHD, coarse to fine."""

from pathlib import Path

import torch
from toys import draw_labelled, run_to_end, tiny_recipe, weights


def test_an_enhancer_starts_from_a_global_generator(tmp_path: Path) -> None:
    """pix2pixHD, coarse to fine: what matches by name and shape is taken, and the global part is then held still."""
    labelled = draw_labelled(tmp_path / "data")
    kind = 'data.source={colour="labels",classes=3,instances=true,palette=[]}'
    half = tiny_recipe("pix2pixhd", labelled, "data.palette=[]", kind, "training.steps=1")
    run, _ = run_to_end(half, tmp_path / "half")
    whole = tiny_recipe(
        "pix2pixhd",
        labelled,
        "data.palette=[]",
        kind,
        "training.steps=2",
        f"training.init_from={run.folder}",
        "options.enhancers=1",
        "options.fix_coarse_steps=2",
    )
    fine, said = run_to_end(whole, tmp_path / "fine")
    assert any("of another shape: generator.head.1" in line for line in said)
    before, after = weights(run), weights(fine)
    coarse = [name for name in before if name.startswith("system.generator.coarse.")]
    assert coarse
    assert all(torch.equal(before[name], after[name]) for name in coarse)
