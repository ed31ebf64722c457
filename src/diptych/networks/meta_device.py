"""Networks on torch's meta device: shapes without weights, to read their sizes in little time and no memory."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class SkipInitialisation(TorchFunctionMode):
    """Skips the initialisation of weights. On the meta device torch would import its compiler for it, which takes seconds."""

    def __torch_function__(
        self, operation: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if operation in (torch.Tensor.normal_, nn.init.normal_, nn.functional.normalize):
            return args[0] if args else named["tensor"]
        operation = torch.empty if operation is torch.randn else operation
        return operation(*args, **named)


@contextmanager
def on_meta_device() -> Iterator[None]:
    """Within, networks are built with shapes alone."""
    with torch.device("meta"), SkipInitialisation():
        yield


def is_meta_device() -> bool:
    return torch.get_default_device().type == "meta"
