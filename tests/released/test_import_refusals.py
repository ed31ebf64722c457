"""``diptych import``: what it refuses, and in which words."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from importing import STATES, run
from torch import Tensor, nn

from diptych import DiptychError, UsageError
from diptych.released import LAYOUTS, choose_layout, convert, import_weights, read_tensors


def refusal(state: dict[str, Tensor], layout: str) -> str:
    """The sentence with which a table of tensors is refused; empty where it is not."""
    path = Path("file.pth")
    try:
        convert(choose_layout(layout, state, path), state, {}, path)
    except DiptychError as problem:
        return str(problem)
    return ""


def test_what_is_not_of_a_layout_is_refused_in_words() -> None:
    """Files of the others; and a tensor that is missing, a number, a vector, or empty."""
    sentences = {refusal(state, layout) for state in STATES.values() for layout in LAYOUTS}
    for state in STATES.values():
        for key in [*list(state)[:2], *list(state)[-2:]]:
            tensor, rest = state[key], {name: t for name, t in state.items() if name != key}
            for spoilt in (torch.tensor(1.0), torch.zeros(3), tensor[:0] if tensor.dim() else tensor):
                sentences |= {refusal(rest | {key: spoilt}, layout) for layout in ("", *LAYOUTS)}
            sentences |= {refusal(rest, layout) for layout in ("", *LAYOUTS)}
    assert len(sentences) > 50
    assert all(sentence.endswith((".", "?")) for sentence in sentences - {""})


def test_tensors_that_are_not_plain_are_refused(tmp_path: Path) -> None:
    torch.save({"conv3.bias": torch.eye(3).to_sparse()}, tmp_path / "sparse.pth")
    with pytest.raises(DiptychError, match="no table of tensors"):
        read_tensors(tmp_path / "sparse.pth")


REFUSED = [
    (["patchgan"], 1, "which translates nothing"),
    (["styled-spade"], 1, "give that file too, with --encoder"),
    (["styled-hd", "features=3"], 1, "give that file too, with --encoder"),
    (["styled-spade", "--encoder", "pix2pixhd-encoder"], 1, "does not belong to the generator of SPADE"),
    (["spade-generator", "--encoder", "spade-encoder"], 1, "takes no styles"),
    (["spade-generator", "classes=2"], 1, "do not make that up"),
    (["spade-generator", "depth=most"], 1, "it is normal or more"),
    (["spade-generator", "clases=5"], 2, 'did you mean "classes"'),
    (["spade-generator", "classes=x"], 2, '"classes" must be a whole number'),
    (["spade-generator", "boundary=x"], 2, '"boundary" must be true or false'),
    (["spade-generator", "statistics=running"], 2, "is no argument of the generator of SPADE"),
    (["cyclegan-resnet", "classes=5"], 2, "is no argument of the ResNet"),
    (["cyclegan-resnet", "dropout=[2]"], 2, "in .*it is False"),
    (["pix2pix-unet", "dropout=5"], 2, "must be a list"),
    (["pix2pix-unet", "dropout=[9]"], 2, r"1 \(the innermost\) to 6"),
    (["pix2pix-unet", "statistics=foo"], 2, 'choose from "picture", "running"'),
    (["pix2pix-unet", "statistics"], 2, "is no key=value"),
    (["pix2pix-unet", "--as", "cyclegan-resnet"], 1, "is not the ResNet generator"),
    (["pix2pix-unet", "--as", "cyclegan-resnett"], 2, 'did you mean "cyclegan-resnet"'),
]


@pytest.mark.parametrize(("words", "code", "sentence"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_does_not_fit_is_refused(
    words: list[str],
    code: int,
    sentence: str,
    files: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    paths = [
        str(files[word]) if number == 0 or words[number - 1] == "--encoder" else word
        for number, word in enumerate(words)
    ]
    assert run(*paths, "--out", tmp_path / "model") == code
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    with pytest.raises(DiptychError, match=sentence):
        raise DiptychError(told)
    assert not (tmp_path / "model").exists()


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("code was run",)


def test_what_wants_to_run_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"weight": Evil()}, tmp_path / "evil.pth")
    (tmp_path / "old.pth").write_bytes(pickle.dumps(Evil()))
    torch.save(nn.Conv2d(1, 1, 1), tmp_path / "whole.pth")
    for name in ("evil.pth", "old.pth", "whole.pth"):
        with pytest.raises(DiptychError, match=r"would have to run code to be read, and that is refused"):
            read_tensors(tmp_path / name)
    assert "code was run" not in capsys.readouterr().out


def test_other_files_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "G.pth"
    torch.save(STATES["cyclegan-resnet"], path)
    (tmp_path / "half.pth").write_bytes(path.read_bytes()[:2000])
    (tmp_path / "half.safetensors").write_bytes(path.read_bytes()[:2000])
    (tmp_path / "text.pth").write_text("not weights")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "folder.pth").mkdir()
    with zipfile.ZipFile(tmp_path / "zip.pth", "w") as archive:
        archive.writestr("a.txt", "b")
    for name in ("half.pth", "half.safetensors", "text.pth", "empty.pth", "zip.pth", "folder.pth"):
        with pytest.raises(DiptychError, match=f"{name} is no checkpoint, or a damaged one"):
            read_tensors(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "script.pth", "w") as archive:
        archive.writestr("script/constants.pkl", "b")
    with pytest.raises(DiptychError, match=r"script\.pth is (TorchScript|no checkpoint)"):
        read_tensors(tmp_path / "script.pth")
    with pytest.raises(DiptychError, match="is not there"):
        read_tensors(tmp_path / "none.pth")
    torch.save({"a": 1}, tmp_path / "odd.pth")
    with pytest.raises(DiptychError, match="no table of tensors"):
        read_tensors(tmp_path / "odd.pth")
    torch.save({"a.weight": torch.zeros(1)}, tmp_path / "strange.pth")
    with pytest.raises(DiptychError, match="say which with --as"):
        import_weights(tmp_path / "strange.pth")
    with pytest.raises(UsageError, match=r'did you mean "patchgan"'):
        import_weights(tmp_path / "strange.pth", "patchgam")
