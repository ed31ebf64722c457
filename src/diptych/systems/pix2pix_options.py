"""The options of pix2pix."""

from dataclasses import dataclass
from typing import Annotated, Literal

from diptych.errors import UsageError
from diptych.losses import ADVERSARIES
from diptych.networks import NETWORKS
from diptych.networks.projected import Heads
from diptych.registry import Names
from diptych.systems.parts.judges import DiscriminatorName, Projected
from diptych.systems.system import SystemOptions

WithCritic = Annotated[str, Names(ADVERSARIES, "vanilla", "least-squares", "hinge", "wasserstein")]
GeneratorName = Annotated[str, Names(NETWORKS, "unet", "encoder-decoder", "resnet")]


@dataclass(frozen=True)
class Pix2PixOptions(SystemOptions):
    """The [options] table of a pix2pix recipe; the defaults are the paper's."""

    objective: Literal["l1", "gan", "cgan", "l1+gan", "l1+cgan"] = "l1+cgan"  # terms of the loss (Table 1)
    l1: float = 100.0  # weight of the L1 term
    l1_pyramid: int = (
        0  # times that pictures are blurred and halved; L1 is then averaged over these levels: forgives small shifts
    )
    gradient_difference: float = 0.0  # weight of the L1 of neighbouring pixels' differences: flat fills, less texture
    feature_matching: float = 0.0  # weight of the distance of the PatchGAN's maps (pix2pixHD, equation 4)
    perceptual: float = 0.0  # weight of the distance of a pretrained network's maps (pix2pixHD's code)
    perceptual_network: Literal["vgg19", "efficientnet-lite0"] = "efficientnet-lite0"  # that of ``perceptual``
    # The generator's adversarial term is by the updated discriminator (alternating), or by the one before.
    order: Literal["alternating", "simultaneous"] = "alternating"
    adversary: WithCritic = "vanilla"  # adversarial loss
    gradient_penalty: float = 10.0  # weight of the penalty; used by the Wasserstein adversary only
    generator: GeneratorName = "unet"  # generator network (Table 2)
    depth: int = 0  # levels of the U-Net or encoder-decoder; 0 = as many as the crop size allows, at most 8
    blocks: int = 9  # residual blocks of the ResNet generator
    width: int = 64  # channels of the generator's first layer
    norm: Literal["batch", "instance", "none"] = "batch"  # normalisation layers of the generator
    statistics: Literal["picture", "running"] = "picture"  # whose batch norm has at test time; "picture" is the paper's
    dropout: tuple[int, ...] = (1, 2, 3)  # decoder levels with dropout; the PyTorch code has (2, 3, 4)
    dropout_at_test: bool = True  # dropout stays on when translating: the paper's only source of noise
    upsample: Literal["transposed", "resize", "shuffle"] = "transposed"  # how the decoder enlarges its maps
    separable: bool = False  # depthwise and 1x1 convolutions inside the generator; `diptych shrink` chooses it
    bottleneck_norm: bool = False  # norm at the innermost level; the paper's experiments had it, its code does not
    bias: Literal["auto", "all"] = "auto"  # biases of convolutions; auto: none before batch norm
    discriminator: DiscriminatorName = "patchgan"  # discriminator network
    discriminator_layers: Literal[0, 1, 2, 3, 4, 5, 6] = 3  # receptive fields 1, 16, 34, 70, 142, 286, 574
    discriminator_width: int = 64  # channels of the discriminator's first layer
    discriminator_norm: Literal["batch", "instance", "none"] = "batch"  # normalisation layers of the discriminator
    style: int = 0  # numbers of a random style that a U-Net or encoder-decoder is given at every level; 0 = none
    mode_seeking: float = 0.0  # weight of the mode-seeking term: two styles are to give two pictures; 1 as published
    mode_seeking_knee: float = 0.1  # ratio of distances below which that term is straight, so that it stays finite
    projected: Projected = "none"  # a discriminator of pretrained maps, beside the PatchGAN or alone; sees no source
    projected_heads: Heads = "patch"  # convolutions of its heads

    def __post_init__(self) -> None:
        self.require_at_least(
            0, "l1", "l1_pyramid", "gradient_difference", "feature_matching", "perceptual", "gradient_penalty"
        )
        self.require_at_least(0, "style", "mode_seeking", "mode_seeking_knee")
        self.require_at_least(1, "width", "discriminator_width", "blocks")
        if self.adversary == "wasserstein" and self.projected != "none":
            raise UsageError(
                "options.projected has no Wasserstein critic; choose another options.adversary, such as hinge."
            )
        if self.style and self.generator not in ("unet", "encoder-decoder"):
            raise UsageError(f"options.generator={self.generator} takes no style; set options.generator=unet.")
        if self.mode_seeking and not self.style:
            raise UsageError("options.mode_seeking compares two styles; set options.style=8, as published.")
        if self.mode_seeking and self.order == "simultaneous":
            raise UsageError("options.mode_seeking judges two translations; set options.order=alternating.")

    def require_levels(self, size: tuple[int, int]) -> None:
        """Raises UsageError for more levels of ``l1_pyramid`` than the crops can be halved."""
        if min(size) >> self.l1_pyramid < 1:
            most = min(size).bit_length() - 1
            raise UsageError(
                f"options.l1_pyramid is {self.l1_pyramid}, and crops of {size[0]}x{size[1]} have {most} levels at most."
            )

    @property
    def compares_targets(self) -> bool:
        """Whether a term compares a translation with its target; of the objectives only "gan" alone does not."""
        return self.objective != "gan" or max(self.gradient_difference, self.feature_matching, self.perceptual) > 0

    def notes(self) -> tuple[str, ...]:
        """Sentences on options that do nothing beside the others."""
        extras = self.feature_matching or self.order != "alternating" or self.projected != "none"
        if self.objective == "l1" and extras:
            idle = "feature_matching, order and projected do nothing"
            return (f"With options.objective = l1 there is no discriminator: {idle}.",)
        if self.objective != "l1" and self.projected == "alone":
            return (
                "With options.projected = alone no discriminator sees the source, and feature_matching does nothing.",
            )
        return ()
