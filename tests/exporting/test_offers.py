"""A starting service downloads nothing and renders no pictures."""

import shutil
from pathlib import Path

import pytest
from toys import Made, draw_pairs

from diptych.data.public import catalog
from diptych.data.shards import reading, store
from diptych.exporting.offers import offers_of
from diptych.serving.page.routes import PageRoutes
from diptych.shipped import shipped


@pytest.mark.parametrize("data", ["http://127.0.0.1:9/shards", "https://127.0.0.1:9/shards", "openmoji-32", "nothing"])
def test_data_that_are_not_here_are_not_fetched(
    made: Made, cache: Path, tmp_path: Path, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in (
        (catalog, "get"),
        (reading, "index_at"),
        (reading, "fetched_text"),
        (store, "fetched_text"),
    ):
        monkeypatch.setattr(module, name, None)
    [offer], _ = offers_of([run_on(made, data, tmp_path)], "latest", "cpu", "torch", False)
    assert list(offer.examples) == []
    assert offer.licence == ("CC BY-SA 4.0" if data.startswith("openmoji") else "")
    assert PageRoutes([offer], browser=False).listing()["translators"][0]["examples"] == []


def test_the_embedded_set_gives_examples_where_it_was_drawn_before(
    made: Made, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_pairs(cache / "data" / "openmoji-32")
    monkeypatch.setattr(catalog, "get", None)
    [offer], _ = offers_of([run_on(made, "openmoji-32", tmp_path)], "latest", "cpu", "torch", False)
    assert len(offer.examples) == 4


def test_what_comes_with_diptych_is_offered_with_its_terms_and_examples(cache: Path) -> None:
    [offer], [line] = offers_of([shipped()["openmoji"]], "latest", "cpu", "torch", False)
    assert line.startswith("openmoji: comes with diptych (CC BY-SA 4.0).")
    entry = offer.entry(None)
    assert (entry["name"], entry["licence"]) == ("openmoji", "CC BY-SA 4.0")
    assert "openmoji.org" in entry["attribution"]
    assert len(offer.examples) == 8


def run_on(made: Made, data: str, folder: Path) -> Path:
    """A run whose recipe names other data."""
    place = folder / "run"
    shutil.copytree(made("pix2pix"), place)
    recipe = place / "recipe.toml"
    lines = recipe.read_text().splitlines()
    assert sum(line.startswith("folder = ") for line in lines) == 1
    recipe.write_text("\n".join(f'folder = "{data}"' if line.startswith("folder = ") else line for line in lines))
    return place
