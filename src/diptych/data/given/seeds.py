"""Random numbers of a dataset's own: its generators are seeded for an item by its position, and then set back."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.random.mtrand import get_bit_generator, set_bit_generator  # the stubs of numpy.random lack them


@contextmanager
def seeded_generators(rng: np.random.Generator) -> Iterator[None]:
    """Within, the generators of random, numpy.random and torch's processor are at the address of ``rng``; then as before.

    Nothing is drawn from ``rng`` itself.
    """
    before = random.getstate(), get_bit_generator(), torch.get_rng_state()
    words = rng.bit_generator.seed_seq.generate_state(4)  # as often as asked, always the same
    random.seed(words.tobytes())
    set_bit_generator(np.random.MT19937(words))
    torch.default_generator.manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)
    try:
        yield
    finally:
        random.setstate(before[0])
        set_bit_generator(before[1])
        torch.set_rng_state(before[2])


def generators_state() -> bytes:
    """What changes where one of the three draws."""
    legacy = get_bit_generator().state["state"]
    return f"{hash(random.getstate())} {legacy}".encode() + torch.get_rng_state().numpy().tobytes()
