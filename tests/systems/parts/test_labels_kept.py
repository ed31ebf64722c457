"""The loss of a segmenter before and after translating: its value, who learns from it, and which files it takes."""

from pathlib import Path

import pytest
import torch
from building import batch_of, build, domains_of
from torch.nn import functional
from toys import run_to_end, tiny_recipe

from diptych import checkpoints
from diptych.errors import DiptychError, UsageError
from diptych.networks.features.plain_fcn import PlainFCN
from diptych.systems.parts.labels_kept import LAYOUT, labels_kept

CLASSES = 5


def segmenter(place: Path, channels: int = 3, seed: int = 3) -> PlainFCN:
    torch.manual_seed(seed)
    network = PlainFCN(channels, CLASSES)
    checkpoints.save(place, network.state_dict(), {"layout": LAYOUT, "channels": channels, "classes": CLASSES})
    return network


def test_the_segmenter_answers_every_pixel() -> None:
    torch.manual_seed(0)
    network = PlainFCN(3, CLASSES)
    assert network(torch.randn(2, 3, 20, 12)).shape == (2, CLASSES, 20, 12)


@pytest.mark.parametrize("name", ["cut", "cyclegan"])
def test_the_term_is_the_cross_entropy_with_what_the_source_shows(name: str, tmp_path: Path) -> None:
    network, file = segmenter(tmp_path / "s.safetensors"), str(tmp_path / "s.safetensors")
    system, plain, batch = build(name, labels=2.5, segmenter=file), build(name), batch_of()
    for key, value in plain.state_dict().items():
        assert torch.equal(system.state_dict()[key], value)  # it begins with the same weights
    torch.manual_seed(1)
    losses = next(one for one in system.losses(batch, 0) if one.trains == "generator")
    torch.manual_seed(1)
    others = next(one for one in plain.losses(batch, 0) if one.trains == "generator")
    assert set(losses.terms) == {*others.terms, "labels"}
    source, _, fake = losses.pictures["a-to-b"]
    expected = 2.5 * functional.cross_entropy(network(fake), network(source).argmax(1))
    assert losses.terms["labels"].item() == pytest.approx(expected.item(), rel=1e-5)
    losses.terms["labels"].backward()
    learning = {key for key, one in system.named_parameters() if one.grad is not None and one.grad.abs().sum() > 0}
    assert learning
    assert all(key.startswith("generator.a_to_b") for key in learning)
    assert system.facts == {"labels kept": "plain-fcn of 5 classes"}


def test_a_translation_that_is_its_source_is_best(tmp_path: Path) -> None:
    segmenter(tmp_path / "s.safetensors")
    kept = labels_kept("CUT", 1.0, str(tmp_path / "s.safetensors"), domains_of("cut"))
    assert kept is not None
    source, other = batch_of()
    assert kept(source, source) < kept(source, other)
    assert labels_kept("CUT", 0.0, "", domains_of("cut")) is None


def test_a_run_keeps_its_segmenter(tmp_path: Path, toy_pairs: Path) -> None:
    """Its weights are in the checkpoint, unchanged by training, and come back from there."""
    network, file = segmenter(tmp_path / "s.safetensors"), tmp_path / "s.safetensors"
    words = ["data.task=unpaired", "options.labels=1", f"options.segmenter={file}"]
    run_to_end(tiny_recipe("cut", toy_pairs, *words), tmp_path / "run")
    checkpoint = checkpoints.load(next((tmp_path / "run" / "checkpoints").iterdir()))
    for key, value in network.state_dict().items():
        assert torch.equal(checkpoint.tensors[f"system.labels_kept.network.{key}"], value)
    segmenter(file, seed=4)
    system = build("cut", labels=1.0, segmenter=str(file))
    inner = {key: value for key, value in checkpoint.tensors.items() if key.startswith("system.labels_kept.")}
    system.load_state_dict({key.removeprefix("system."): value for key, value in inner.items()}, strict=False)
    kept = system.get_submodule("labels_kept.network")
    assert all(torch.equal(kept.state_dict()[key], value) for key, value in network.state_dict().items())


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="make one with `diptych data segmenter`"):
        build("cut", labels=1.0)
    with pytest.raises(UsageError, match=r"is for options\.labels, which is 0"):
        build("cut", segmenter="s.safetensors")
    with pytest.raises(UsageError, match=r"options\.labels is -1"):
        build("cyclegan", labels=-1.0)
    checkpoints.save(tmp_path / "other.safetensors", {"a": torch.zeros(1)}, {"steps": 3})
    with pytest.raises(DiptychError, match=r"is no segmenter for options\.labels"):
        build("cut", labels=1.0, segmenter=str(tmp_path / "other.safetensors"))
    segmenter(tmp_path / "one.safetensors", channels=1)
    with pytest.raises(UsageError, match="sees pictures of 1 channels"):
        build("cut", labels=1.0, segmenter=str(tmp_path / "one.safetensors"))
    with pytest.raises(DiptychError, match=r"there is no segmenter .*missing"):
        build("cut", labels=1.0, segmenter=str(tmp_path / "missing.safetensors"))
