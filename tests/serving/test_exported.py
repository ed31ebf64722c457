"""Exported files served without torch: as with it, to the last bit."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from toys import draw_pairs, run_to_end, tiny_recipe

from diptych.errors import DiptychError, UsageError
from diptych.exporting.onnx_files import write
from diptych.machine.runtimes import CARD
from diptych.pictures.kinds import Kind
from diptych.serving.service.exported import Exported, opened, reflected
from diptych.translator.translator import Translator

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def file_of(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """ONNX files by the system, and of pix2pix one with its processing inside."""
    folder = tmp_path_factory.mktemp("exported")
    pairs = draw_pairs(folder / "pairs")
    files: dict[str, Path] = {}
    for system in ("pix2pix", "srgan", "inpainting"):
        translator = Translator.load(run_to_end(tiny_recipe(system, pairs), folder / system)[0].folder)
        write(translator, files.setdefault(system, folder / f"{system}.onnx"))
        if system == "pix2pix":
            write(translator, files.setdefault("inside", folder / "inside.onnx"), processing="inside")
    return files


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pix2pix", "srgan", "inpainting", "inside"])
def test_it_gives_what_the_translator_gives(name: str, file_of: dict[str, Path]) -> None:
    light, whole = Exported(file_of[name]), Translator.load(file_of[name])
    shape = (16, 16, light.card.source.stored_channels)
    pictures = [RNG.integers(0, 256, shape, dtype=np.uint8) for _ in range(2)]
    for seed, size in ((None, None), (2**40 + 3, "own")):
        for found, expected in zip(
            light.several(pictures, size=size, seed=seed), whole.several(pictures, size=size, seed=seed), strict=True
        ):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)
    with pytest.raises(DiptychError, match="5 channels"):
        light.several([np.zeros((16, 16, 5), np.uint8)])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "side"), [("pix2pix", "source"), ("pix2pix", "target"), ("inside", "source"), ("inside", "target")]
)
def test_a_card_of_other_channels_than_its_network_is_refused(
    name: str, side: str, file_of: dict[str, Path], tmp_path: Path
) -> None:
    model = onnx.load(file_of[name])
    (card,) = (entry for entry in model.metadata_props if entry.key == CARD)
    card.value = json.dumps(json.loads(card.value) | {side: Kind(colour="grey").as_dict()})
    onnx.save(model, tmp_path / "it.onnx")
    for load in (Exported, Translator.load):
        with pytest.raises(DiptychError, match=r"channels in and . out, and the network has 3 and 3; export it again"):
            load(tmp_path / "it.onnx")


@pytest.mark.parametrize(("size", "multiple"), [(1, 4), (3, 8), (5, 4), (8, 4), (70, 64)])
def test_padding_is_the_translator_s(size: int, multiple: int) -> None:
    import torch

    from diptych.pictures.padding import reflected as whole

    assert reflected(size, multiple).tolist() == whole(size, multiple, torch.device("cpu")).tolist()


def test_what_needs_torch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match=r"runs/demo needs torch.*export runs/demo --to onnx"):
        opened([Path("runs/demo")], "auto")
    with pytest.raises(UsageError, match="openvino"):
        opened([Path("it.onnx")], "openvino")


ALONE = """
import sys
from importlib.machinery import PathFinder
from pathlib import Path

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in ("torch", "jaxtyping", "safetensors") else super().find_spec(name, path, target)

sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
import numpy as np
from diptych import cli
from diptych.commands.serve import offers_of_files
from diptych.serving.service.server import Service, create
from diptych.serving.service.work import several

offers, told = offers_of_files((Path(sys.argv[1]),), "latest", "cpu", "auto", True)
create(Service(offers))
print(*told)
print(several(offers[0].translator, [np.zeros((20, 24, 3), np.uint8)], None, (16, 16))[0].shape, offers[0].browser is not None)
assert "torch" not in sys.modules
sys.exit(cli.call(["translate", "RUN", "drawings", "--out", "made"]))
"""


@pytest.mark.slow
def test_the_service_does_without_torch(file_of: dict[str, Path]) -> None:
    command = [sys.executable, "-W", "error", "-c", ALONE, str(file_of["pix2pix"])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-2:] == [
        f"pix2pix: {file_of['pix2pix']}. Engine: onnx, without torch.",
        "(20, 24, 3) True",
    ], done.stderr
    assert done.returncode == 1
    assert "is not installed here: pip install diptych" in done.stderr
    assert "Traceback" not in done.stderr
