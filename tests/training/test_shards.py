"""Runs on shards: stopped and resumed they end bitwise where they would have, and where the folder would have led."""

from pathlib import Path

import pytest
from packed import packed
from shelves import served
from toys import assert_equal, run_to_end, tiny_recipe, weights

from diptych.data.shards import reading


@pytest.mark.parametrize("window", [0, 2])
@pytest.mark.parametrize("remote", [False, True])
def test_stopped_and_resumed_on_shards(
    window: int, remote: bool, toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    reading.remote_index.cache_clear()
    packed(toy_pairs, tmp_path / "shards")
    more = ("training.steps=14", "training.checkpoint_every=7", f"data.shuffle_window={window}")
    with served(tmp_path / "shards") as shelf:
        place = Path(tmp_path / "shards") if not remote else shelf.address
        recipe = tiny_recipe("pix2pix", place, *more, "data.workers=2")  # type: ignore[arg-type]
        straight, _ = run_to_end(recipe, tmp_path / "straight")
        broken, _ = run_to_end(recipe, tmp_path / "broken")
        broken.path_of(14).unlink()  # as if it had been stopped between steps 7 and 14
        fewer = tiny_recipe("pix2pix", place, *more, "data.workers=0", "data.cache_gib=0")  # type: ignore[arg-type]
        resumed, said = run_to_end(fewer, tmp_path / "broken")
    assert any("Resumed at step 7" in line for line in said)
    assert_equal(weights(straight), weights(resumed))
    if window == 0:
        plain, _ = run_to_end(tiny_recipe("pix2pix", toy_pairs, *more), tmp_path / "plain")
        assert_equal(weights(straight), weights(plain))
