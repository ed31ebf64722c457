"""A translator turns a picture into its counterpart. It is what leaves a run; whatever uses a model uses this."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from diptych import checkpoints
from diptych.card import Card, read_cards
from diptych.devices import choose
from diptych.errors import DiptychError, UsageError
from diptych.formats import from_array, from_pillow, to_pillow
from diptych.images import Images, Stored
from diptych.networks import NETWORKS
from diptych.networks.blocks import channels_last
from diptych.resampling import resize
from diptych.tables import closest

Style = int | Stored | Mapping[str, int] | None


class Translator:
    """A network with its card; load one with ``Translator.load("runs/facades")``."""

    def __init__(self, network: nn.Module, card: Card, device: torch.device | str = "cpu") -> None:
        self.card = card
        self.device = torch.device(device)
        self.network = channels_last(network.eval(), self.device)

    @classmethod
    def load(cls, place: str | Path, way: str = "", checkpoint: str = "latest", device: str = "cpu") -> "Translator":
        """Load from a run folder or a model folder.

        Args:
            place: the folder.
            way: "a-to-b" or "b-to-a" where the run has both; empty = its first.
            checkpoint: of a run: "latest", "best" or a step such as "8000".
            device: where to run: "cpu", "cuda", "cuda:1", or "auto".

        Raises:
            DiptychError: when there is no such folder, way or checkpoint, or the weights are damaged.
        """
        chosen = choose(device, "the device")
        folder = Path(place)
        if not folder.is_dir():
            raise DiptychError(f"{folder} is no folder; name a run (such as runs/facades) or a model folder.")
        cards = read_cards(folder / "card.json")
        if way and way not in cards:
            raise UsageError(f'{folder} cannot translate "{way}"{closest(way, cards)}; it has {", ".join(cards)}.')
        card = cards[way] if way else next(iter(cards.values()))
        if card.network not in NETWORKS:
            raise DiptychError(
                f'{folder} needs the network "{card.network}"{closest(card.network, NETWORKS)}, which this version does not know; '
                f"upgrade diptych, or add it to NETWORKS."
            )
        network = card.spec.build()
        tensors = checkpoints.load(weights_path(folder, checkpoint)).tensors
        try:
            network.load_state_dict(network_weights(tensors, card))
        except RuntimeError as problem:
            raise DiptychError(
                f"the weights in {folder} are not those of its card: {str(problem).splitlines()[0]}"
            ) from None
        return cls(network, card, chosen)

    @overload
    def __call__(
        self, picture: Image.Image, *, size: tuple[int, int] | None = ..., seed: int | None = ..., style: Style = ...
    ) -> Image.Image: ...
    @overload
    def __call__(
        self, picture: np.ndarray, *, size: tuple[int, int] | None = ..., seed: int | None = ..., style: Style = ...
    ) -> np.ndarray: ...
    @overload
    def __call__(
        self, picture: Sequence[Any], *, size: tuple[int, int] | None = ..., seed: int | None = ..., style: Style = ...
    ) -> list[Any]: ...

    def __call__(
        self, picture: Any, *, size: tuple[int, int] | None = None, seed: int | None = None, style: Style = None
    ) -> Any:
        """Translate one picture, or each of a list.

        Args:
            picture: PIL, or numpy of shape (H, W) or (H, W, C); the result is of the same family and size, and of the
                channels and depth of the target's Kind. A float array must lie in the source Kind's range.
            size: (height, width) to which the picture is resized for the network and from which the result is resized
                back; None = its own size, padded to the network's multiple and cropped back.
            seed: of the noise; None = the card's. The same picture and seed give the same result every time.
            style: of networks that were trained with an encoder: a seed, a picture (H, W, C) as stored whose style is
                taken, or by the name or number of a class the number of a cluster.
        """
        if isinstance(picture, list | tuple):
            return [self(one, size=size, seed=seed, style=style) for one in picture]
        if isinstance(picture, np.ndarray):
            return self.stored(from_array(picture, self.card.source), size=size, seed=seed, style=style)
        if isinstance(picture, Image.Image):
            stored = from_pillow(picture, self.card.source)
            return to_pillow(self.stored(stored, size=size, seed=seed, style=style))
        raise UsageError(f"a picture is a PIL image or a numpy array, not {type(picture).__name__}.")

    def stored(
        self, picture: Stored, *, size: tuple[int, int] | None = None, seed: int | None = None, style: Style = None
    ) -> Stored:
        """Translate a picture as read from a file: H x W x C of the source's Kind to the same of the target's."""
        return self.several([picture], size=size, seed=seed, style=style)[0]

    def several(
        self,
        pictures: Sequence[Stored],
        *,
        size: tuple[int, int] | None = None,
        seed: int | None = None,
        style: Style = None,
    ) -> list[Stored]:
        """Translate pictures of equal height and width in one batch; each comes out as it would alone."""
        self.check_channels(pictures[0])
        if seed is not None and not 0 <= seed < 2**63:
            raise UsageError(f"the seed is {seed}; it must lie between 0 and {2**63 - 1}.")
        height, width = pictures[0].shape[:2]
        seen = [self.sized(picture, *size) for picture in pictures] if size else list(pictures)
        tensors = torch.stack([self.card.source.to_tensor(picture) for picture in seen])
        result = self.batch(tensors, seed=seed, style=style)
        target = self.card.target
        stored = [target.to_stored(one, source=picture) for one, picture in zip(result, seen, strict=True)]
        scale = self.card.scale
        return [resize(one, height * scale, width * scale) for one in stored] if size else stored

    def sized(self, picture: Stored, height: int, width: int) -> Stored:
        return resize(picture, height, width, "nearest" if self.card.source.colour == "labels" else "bicubic")

    def check_channels(self, picture: Stored) -> None:
        wanted = self.card.source.stored_channels
        if picture.shape[2] != wanted:
            both = self.card.source.instances
            raise DiptychError(
                "this translator needs an instance map beside each class map; name their folder with --instances, or give an "
                "array of two channels."
                if both
                else f"the picture has {picture.shape[2]} channels, and this translator takes {wanted}."
            )

    @torch.inference_mode()
    def batch(self, source: Images, *, seed: int | None = None, style: Style = None) -> Images:
        """(batch, channels, height, width) in [-1, 1] to the same of the target; any height and width."""
        height, width = source.shape[-2:]
        padded = pad(source, self.card.multiple).to(self.device, memory_format=torch.channels_last)
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            drawn = style if isinstance(style, int) else seed
            torch.manual_seed(self.card.seed if drawn is None else drawn)
            result: Tensor = self.network(padded) if style is None else self.network(padded, self.styled(padded, style))
        scale = self.card.scale
        return result[..., : height * scale, : width * scale].float().cpu()

    def styled(self, source: Tensor, style: "int | Stored | Mapping[str, int]") -> Tensor | None:
        """What the network takes for a style; None where it draws one itself, by the seed that was set.

        Raises:
            UsageError: when the network has no style, or none by class.
        """
        network: Any = self.network
        if not getattr(network, "has_style", False):
            raise UsageError(
                "this translator has no style to choose; train pix2pixHD with options.features=3 or SPADE with options.style=256."
            )
        if isinstance(style, int):
            return None
        if not isinstance(style, Mapping):
            picture = self.card.target.to_tensor(style)[None].to(self.device)
            found: Tensor = network.style_of(source, picture)
            return found
        if not hasattr(network, "styles"):
            raise UsageError(
                "styles by class are pix2pixHD's; give a whole number as style, or a picture to take it from."
            )
        drawn: Tensor = network.drawn(source, {self.class_number(name): cluster for name, cluster in style.items()})
        return drawn

    def class_number(self, name: str) -> int:
        kind = self.card.source
        if name in kind.names:
            return kind.names.index(name)
        if name.isdigit() and int(name) < kind.classes:
            return int(name)
        known = ", ".join(kind.names) or f"0 to {kind.classes - 1}"
        raise UsageError(f'there is no class "{name}"{closest(name, kind.names)}; choose from {known}.')


def pad(images: Images, multiple: int) -> Images:
    """Grow to the right and below, by reflection as far as the picture reaches, until ``multiple`` divides both sides."""
    if not images.is_floating_point():  # class numbers
        return pad(images.float(), multiple).to(images.dtype)
    height, width = images.shape[-2:]
    below, right = -height % multiple, -width % multiple
    mirrored = functional.pad(images, (0, min(right, width - 1), 0, min(below, height - 1)), mode="reflect")
    rest = (right - min(right, width - 1), below - min(below, height - 1))
    return functional.pad(mirrored, (0, rest[0], 0, rest[1]), mode="replicate") if any(rest) else mirrored


def weights_path(folder: Path, checkpoint: str) -> Path:
    """The weights file of a model folder or of a run's checkpoint."""
    if (folder / "weights.safetensors").is_file():
        return folder / "weights.safetensors"
    saved = {path.stem: path for path in (folder / "checkpoints").glob("*.safetensors")}
    steps = sorted(stem for stem in saved if stem.isdigit())
    name = checkpoint.zfill(8) if checkpoint.isdigit() else checkpoint
    if checkpoint == "latest" and steps:
        name = steps[-1]
    if name not in saved:
        there = ", ".join(str(int(step)) for step in steps) + (", best" if "best" in saved else "")
        raise DiptychError(f'{folder} has no checkpoint "{checkpoint}"; there is {there or "none yet"}.')
    return saved[name]


def network_weights(tensors: dict[str, Tensor], card: Card) -> dict[str, Tensor]:
    """The network's own tensors out of a checkpoint's: the running average where meant, buffers from the system."""
    weights: dict[str, Tensor] = {}
    for root in ("system", "average") if card.averaged else ("system",):
        prefix = f"{root}.{card.module}."
        weights |= {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    return weights
