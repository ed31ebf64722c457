"""Which device work runs on."""

import torch

from diptych.errors import UsageError


def choose(device: str, key: str = "training.device") -> torch.device:
    """The device of that name; "auto" is the fastest at hand.

    Raises:
        UsageError: for one that is not there; ``key`` is what the sentence calls it.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError):
        raise UsageError(f'{key} is "{device}", which is not to be had here; write "auto" or "cpu".') from None
    return chosen
