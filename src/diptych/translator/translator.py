"""A translator turns a picture into its counterpart. Everything that uses a trained network uses this."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from diptych import checkpoints
from diptych.errors import DiptychError, UsageError
from diptych.machine.devices import choose, matmul_precision
from diptych.networks import NETWORKS
from diptych.networks.noise import seeded
from diptych.pictures.formats import from_array, from_pillow, to_pillow
from diptych.pictures.kinds import Stored
from diptych.pictures.padding import pad
from diptych.pictures.sizes import Size
from diptych.registry import remedy_for, require
from diptych.shipped import find, shipped
from diptych.tables import closest
from diptych.translator import tiling
from diptych.translator.card import CARD, REGISTERED, SLICES, Card, card_in, read_cards
from diptych.translator.engines import BFLOAT16, Eager, Engine, OnnxRuntime, OpenVino
from diptych.translator.scaling import TranslatorBase
from diptych.translator.styles import ChosenStyle, Style, code_of, encode_style, style_of_whole
from diptych.translator.tiling import Images
from diptych.translator.weights import build_network, network_weights, weights_path

DRAWN_BY_SEED = "an exported file draws its style by the seed; choose one with a run or a model folder."


class Translator(TranslatorBase):
    """A network with its card; load one with ``Translator.load("runs/facades")``.

    Threads may share one: each picture comes out as it does alone. ``tile``, ``memory`` and ``on_progress`` are set before.
    """

    def __init__(
        self,
        network: nn.Module | Engine,
        card: Card,
        device: torch.device | str = "cpu",
        eager: Eager | None = None,
    ) -> None:
        """``eager`` does what a faster engine cannot: chosen styles, and pictures in tiles."""
        self.card = card
        self.engine: Engine = Eager(network, torch.device(device)) if isinstance(network, nn.Module) else network
        self.eager = self.engine if isinstance(self.engine, Eager) else eager
        self.tile = None
        self.on_progress: tiling.OnProgress = tiling.no_progress

    @classmethod
    def load(cls, place: str | Path, way: str = "", checkpoint: str = "latest", device: str = "cpu") -> "Translator":
        """Load from a run folder, a model folder, an ONNX file that diptych wrote, or by the name of one that comes with diptych.

        Args:
            place: the folder or the file, or "openmoji"; a folder of that name comes first.
            way: "a-to-b" or "b-to-a" where the run has both; empty = its first.
            checkpoint: of a run: "latest", "best" or a step such as "8000".
            device: where to run: "cpu", "cuda", "cuda:1", or "auto".

        Raises:
            DiptychError: when there is no such folder, way or checkpoint, or the weights are damaged.
        """
        chosen = choose(device, "the device")
        folder = find(place)
        if folder.suffix == ".onnx":
            if device not in ("auto", "cpu"):
                raise UsageError(
                    f"{folder} is computed on the processor, and the device is {device}; name the run that it came from."
                )
            return cls.load_onnx(folder)
        if not folder.is_dir():
            raise DiptychError(
                f"{folder} is no folder{closest(str(place), shipped())}; name a run (such as runs/facades), a model folder, an ONNX "
                f"file, or a translator that comes with diptych ({', '.join(shipped())})."
            )
        if str(folder) in shipped() and not (folder / CARD).exists():
            raise DiptychError(
                f"the folder {folder} holds no translator (it has no {CARD}), and hides the one of that name that comes with "
                f"diptych; rename it, or work in another folder."
            )
        cards = read_cards(folder / CARD)
        if way and way not in cards:
            raise UsageError(f'{folder} cannot translate "{way}"{closest(way, cards)}; it has {", ".join(cards)}.')
        card = cards[way] if way else next(iter(cards.values()))
        require({"network": {card.network: str(origin)}} if (origin := card.provenance.get(REGISTERED)) else {}, folder)
        if card.network not in NETWORKS:
            raise DiptychError(
                f'{folder} needs the network "{card.network}"{closest(card.network, NETWORKS)}, which this version does not know; '
                f"upgrade diptych, or {remedy_for('')}."
            )
        tensors = checkpoints.load(weights_path(folder, checkpoint)).tensors
        return cls(build_network(network_weights(tensors, card), card, folder), card, chosen)

    @classmethod
    def load_onnx(cls, place: Path, engine: str = "onnx") -> "Translator":
        """From an exported file, under one of the engines but torch."""
        file = OnnxRuntime(place)
        card = card_in(file)
        if engine == "onnx" or file.inside:
            return cls(file, card)
        if engine == BFLOAT16 and file.precision != "int8":
            return cls(OpenVino(place, "bfloat16", "bf16"), card)
        return cls(OpenVino(place, file.precision), card)

    @overload
    def __call__(
        self, picture: Image.Image, *, size: Size = ..., seed: int | None = ..., style: Style = ...
    ) -> Image.Image: ...
    @overload
    def __call__(
        self, picture: np.ndarray, *, size: Size = ..., seed: int | None = ..., style: Style = ...
    ) -> np.ndarray: ...
    @overload
    def __call__(
        self, picture: Sequence[Any], *, size: Size = ..., seed: int | None = ..., style: Style = ...
    ) -> list[Any]: ...

    def __call__(self, picture: Any, *, size: Size = None, seed: int | None = None, style: Style = None) -> Any:
        """Translate one picture, or each of a list.

        Args:
            picture: PIL, or numpy of shape (H, W) or (H, W, C); the result is of the same family and size, and of the
                channels and depth of the target's Kind. A float array must lie in the source Kind's range. Of a network for
                volumes a volume, (slices, rows, columns), as of ``volume``.
            size: at which the network sees the picture; the result is brought back to the picture's own. None or
                "training" = the scale of training, as the card says it; "own" = as it is; a side, or (height, width).
                What the network sees is padded to its multiple, and the result cropped back.
            seed: of the noise; None = the card's. The same picture and seed give the same result every time.
            style: a seed. With an encoder also a picture (H, W, C) as stored whose style is taken, or a code (n,) as ``style_code``
                gives it. Of pix2pixHD by the name or number of a class the number of a cluster, of OASIS the seed of that
                class's noise. Of OASIS also "picture:7", "class:7" or "place:7": one draw for each of these, by the seed 7.
        """
        if isinstance(picture, list | tuple):
            return [self(one, size=size, seed=seed, style=style) for one in picture]
        if isinstance(picture, np.ndarray) and picture.ndim == 3 and SLICES in self.card.provenance:
            return self.volume(picture, seed=seed)
        if isinstance(picture, np.ndarray):
            return self.stored(from_array(picture, self.card.source), size=size, seed=seed, style=style)
        if isinstance(picture, Image.Image):
            stored = from_pillow(picture, self.card.source)
            return to_pillow(self.stored(stored, size=size, seed=seed, style=style))
        raise UsageError(f"a picture is a PIL image or a numpy array, not {type(picture).__name__}.")

    def volume(self, *sources: np.ndarray, axis: str = "", batch: int = 1, seed: int | None = None) -> np.ndarray:
        """Translate volumes, (slices towards the head, rows to the back, columns to the left).

        Args:
            sources: one for each volume that training stacked.
            axis: "axial", "coronal", "sagittal", "all" for the mean of the three; empty = that of training.
            batch: slices translated at once.
            seed: of the noise; None = the card's.
        """
        from diptych.translator.volumes import translate_array

        return translate_array(self, sources, axis, batch, seed)

    def stored(self, picture: Stored, *, size: Size = None, seed: int | None = None, style: Style = None) -> Stored:
        """Translate a picture as read from a file: H x W x C of the source's Kind to the same of the target's."""
        return self.translate_many([picture], size=size, seed=seed, style=style)[0]

    def translate_many(
        self, pictures: Sequence[Stored], *, size: Size = None, seed: int | None = None, style: Style = None
    ) -> list[Stored]:
        """Translate pictures of one network size in one batch; each comes out as it would alone."""
        if seed is not None and not 0 <= seed < 2**63:
            raise UsageError(f"the seed is {seed}; it must lie between 0 and {2**63 - 1}.")
        resized = self.resize_sources(pictures, size)
        if isinstance(self.engine, OnnxRuntime) and self.engine.inside:
            if style is not None:
                raise UsageError(DRAWN_BY_SEED)
            arrays = self.engine.arrays(self.stacked(resized), self.card.seed if seed is None else seed)
            return self.resize_back(arrays, pictures)
        result = self.batch(torch.stack([self.card.source.to_tensor(one) for one in resized]), seed=seed, style=style)
        return self.to_stored(result.numpy(), pictures)

    def for_large_pictures(self) -> "Translator":
        """The same under torch, where the network is there: a runtime would keep the memory of a large picture."""
        if self.eager is None:
            return self
        translator = Translator(self.eager, self.card)
        translator.memory, translator.tile, translator.on_progress = self.memory, self.tile, self.on_progress
        return translator

    def batch(self, source: Images, *, seed: int | None = None, style: Style = None) -> Images:
        """(batch, channels, height, width) in [-1, 1] to the same of the target, for any height and width."""
        height, width = source.shape[-2:]
        if self.card.source.has_gaps:
            source = source.nan_to_num(nan=0.0)
        padded = pad(source, self.card.multiple)
        drawn = style if isinstance(style, int) else seed
        number = self.card.seed if drawn is None else drawn
        with matmul_precision("float32", self.eager.device if self.eager else padded.device):
            tile = self.tile_for(padded)
            if tile:
                result = self.translate_tiles(padded, number, tile, style)
            else:
                result = self.engine(padded, number) if style is None else self.with_style(padded, number, style)
        scale = self.card.scale
        return result[..., : height * scale, : width * scale]

    def with_style(self, source: Images, seed: int, style: ChosenStyle) -> Images:
        """In a chosen style, for which the network itself is needed."""
        if self.eager is None:
            raise UsageError(DRAWN_BY_SEED)
        return self.eager(source, seed, self.encode_style(source.to(self.eager.device), seed, style))

    def style_code(self, style: int | Stored) -> npt.NDArray[np.float32]:
        """The code (n,) of a style, for those that are vectors; what lies between two codes is a style too.

        Args:
            style: a seed, or a picture (H, W, C) as stored.

        Raises:
            UsageError: where styles are no vectors.
        """
        network: Any = self.eager.network if self.eager else None
        if self.eager is None or not isinstance(width := getattr(network, "style", None), int) or not width:
            raise UsageError("this translator has no styles that are vectors; train bicyclegan, or SPADE with a style.")
        source = torch.zeros(1, self.card.source.network_channels, *self.card.size, device=self.eager.device)
        with torch.inference_mode(), seeded(style if isinstance(style, int) else 0):
            if isinstance(style, int):
                code = network.sample_style(1, source.device)
            else:
                code = code_of(network, self.card, source, style)
        found: npt.NDArray[np.float32] = code[0].float().cpu().numpy()
        return found

    def tile_for(self, padded: Images) -> int:
        """The side of the tiles of a picture; 0 = whole."""
        if self.eager is None or self.tile == 0:
            return 0
        if self.tile is not None:
            return self.tile if max(padded.shape[2:]) > self.tile else 0
        if style_of_whole(self.eager.network):
            return 0
        return tiling.tile_for(self.eager.network, padded, self.card.multiple, 2 * self.memory)

    def translate_tiles(self, padded: Images, seed: int, tile: int, style: Style) -> Images:
        assert self.eager is not None
        card, network = self.card, self.eager.network
        code = None if style is None else self.encode_style(padded[:1].to(self.eager.device), seed, style)
        if style_of_whole(network) or (code is not None and code.ndim > 2):  # a map of the whole picture
            raise UsageError("a style belongs to the whole picture; leave --tile away, or give a smaller --size.")
        cut = partial(tiling.translate, network, style=code, on_progress=self.on_progress)
        parts = [cut(one[None], seed, tile, card.multiple, card.scale) for one in padded]
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def encode_style(self, source: Tensor, seed: int, style: ChosenStyle) -> Tensor | None:
        assert self.eager is not None
        return encode_style(self.eager.network, self.card, source, seed, style)
