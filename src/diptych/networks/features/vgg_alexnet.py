"""VGG16 and VGG19 (Simonyan and Zisserman, ICLR 2015, configurations D and E), AlexNet (Krizhevsky 2014, "one weird trick").

These are the convolutional parts, with taps for LPIPS (Zhang et al., CVPR 2018) and perceptual losses. Module names are torchvision's.
"""

from collections.abc import Sequence

from torch import Tensor, nn

VGG16_LAYERS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512)  # 0 = pooling
VGG19_LAYERS = (64, 64, 0, 128, 128, 0, *(256,) * 4, 0, *(512,) * 4, 0, *(512,) * 4)


class Tapped(nn.Module):
    """A sequence of layers that returns the outputs of some of them."""

    def __init__(self, layers: Sequence[nn.Module], taps: Sequence[int]) -> None:
        super().__init__()
        self.features = nn.Sequential(*layers)
        self.taps = frozenset(taps)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(batch, 3, H, W), normalised for ImageNet networks, to one map for each tap, after its ReLU."""
        maps = []
        for index, layer in enumerate(self.features):
            images = layer(images)
            if index in self.taps:
                maps.append(images)
        return maps


def vgg(widths: Sequence[int]) -> list[nn.Module]:
    """3x3 convolutions of ``widths``, each with a ReLU; 0 is max pooling."""
    layers: list[nn.Module] = []
    channels = 3
    for width in widths:
        if width:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        else:
            layers.append(nn.MaxPool2d(2))
    return layers


def vgg16() -> Tapped:
    """The last ReLU before each pooling, and the last of all."""
    return Tapped(vgg(VGG16_LAYERS), taps=(3, 8, 15, 22, 29))


def vgg19() -> Tapped:
    """The first ReLU of each scale (pix2pixHD), the second of the second, and the last of all (SRGAN's 2.2 and 5.4)."""
    return Tapped(vgg(VGG19_LAYERS), taps=(1, 6, 8, 11, 20, 29, 35))


def alexnet() -> Tapped:
    """Every ReLU."""
    layers = [
        nn.Conv2d(3, 64, 11, 4, 2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
    ]
    return Tapped(layers, taps=(1, 4, 7, 9, 11))
