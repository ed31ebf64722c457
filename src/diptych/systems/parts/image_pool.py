"""A buffer of past fakes for the discriminator (Shrivastava et al. 2017; CycleGAN, section 4 "Training details")."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Holds up to ``size`` fakes of shape (channels, height, width) in buffers, which checkpoints save.

    While the pool is filling, each new picture is stored and returned. Once it is full, with probability 0.5 a uniformly drawn
    old picture is returned and replaced by the new one; otherwise the new one is returned. A size of 0 returns every picture.
    The rule uses tensor operations alone, so no step waits for the host.
    """

    images: Tensor
    held: Tensor

    def __init__(self, size: int, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.zeros(size, channels, height, width))
        self.register_buffer("held", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def forward(
        self, fakes: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        if self.size == 0:
            return fakes.detach()
        return torch.cat([self.exchange(fake[None]) for fake in fakes.detach().float()])

    def exchange(self, fake: Tensor) -> Tensor:
        """One picture in (1, C, H, W), one out."""
        # Drawn whether needed or not: the random stream must not depend on how full the pool is.
        place, coin = torch.randint(self.size, (1,), device=fake.device), torch.rand(1, device=fake.device)
        full = self.held >= self.size
        place = torch.where(full, place, self.held.clamp(max=self.size - 1))
        swap = full & (coin < 0.5)
        old = self.images.index_select(0, place)
        self.images.index_copy_(0, place, torch.where(swap | ~full, fake, old))
        self.held += (~full).to(self.held.dtype)
        return torch.where(swap, old, fake)
