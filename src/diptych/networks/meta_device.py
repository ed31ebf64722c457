"""Networks of shapes alone: built in no time and no memory, to ask them what they are."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class SkipInitialisation(TorchFunctionMode):
    """Weights are not drawn: they have no memory, and what torch would do instead imports its compiler, which takes seconds."""

    def __torch_function__(
        self,
        operation: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if operation in (torch.Tensor.normal_, nn.init.normal_, nn.functional.normalize):
            return args[0] if args else given["tensor"]
        operation = torch.empty if operation is torch.randn else operation
        return operation(*args, **given)


@contextmanager
def on_meta_device() -> Iterator[None]:
    """Within, what is built has shapes and no weights."""
    with torch.device("meta"), SkipInitialisation():
        yield


def is_meta_device() -> bool:
    return torch.get_default_device().type == "meta"
