"""The mean of gradients over the processes, sent while backward still computes others.

Parameters lie in buckets, from the last to the first, since backward reaches the last ones first. A bucket is sent when all its
gradients are there and the buckets before it have been sent. So all processes send the same buckets in the same order.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from diptych.training.accelerate.memory_order import in_memory_order, laid_out_as, shaped_as
from diptych.training.processes import Processes

BYTES = 25 * 2**20
"""Of a bucket: large enough that latency does not count, small enough that a network has several."""


class Bucket:
    """Parameters whose gradients are sent as one row.

    A parameter that a step does not reach sends zeros and is left without a gradient. Which these are follows from the system alone
    (``systems/system.py``: no branch on a tensor), so all processes agree about it and about a row's length.
    """

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        self.parameters = parameters
        self.missing = 0
        self.begin()

    def begin(self) -> None:
        self.missing = len(self.parameters)
        self.finish: Callable[[], None] | None = None

    def send(self, processes: Processes, more: Sequence[Tensor] = ()) -> None:
        """With ``more`` numbers at the row's end."""
        rows = [torch.zeros_like(each) if each.grad is None else each.grad for each in self.parameters]
        pairs = zip(self.parameters, rows, strict=True)
        self.flat = torch.cat([*(in_memory_order(laid_out_as(parameter, row)) for parameter, row in pairs), *more])
        self.finish = processes.average(self.flat)

    def receive(self) -> None:
        """Wait, and have the gradients be parts of the row of means."""
        assert self.finish is not None
        self.finish()
        sizes = [parameter.numel() for parameter in self.parameters]
        for parameter, piece in zip(self.parameters, torch.split(self.flat[: sum(sizes)], sizes), strict=True):
            if parameter.grad is not None:
                parameter.grad = shaped_as(parameter, piece)


class GradientMean:
    """The buckets of a side; of one process alone there are none, and nothing is done.

    Between ``begin`` and ``finish`` lies the backward pass after which the gradients are complete.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], processes: Processes) -> None:
        self.processes = processes
        self.buckets = [Bucket(group) for group in grouped(parameters, BYTES)] if processes.size > 1 else []
        self.sent = len(self.buckets)
        for bucket in self.buckets:
            for parameter in bucket.parameters:
                parameter.register_post_accumulate_grad_hook(partial(self.arrived, bucket))

    def begin(self) -> None:
        """The next backward pass is the last before an update."""
        self.sent = 0
        for bucket in self.buckets:
            bucket.begin()

    @torch.no_grad()
    def arrived(self, bucket: Bucket, _: Tensor) -> None:
        """The gradient of one parameter of ``bucket`` is there; before ``begin`` it is of no account."""
        bucket.missing -= 1
        while self.sent < len(self.buckets) and not self.buckets[self.sent].missing:
            self.send_next()

    def send_next(self) -> None:
        last = self.sent + 1 == len(self.buckets)
        self.buckets[self.sent].send(self.processes, [self.processes.stop_request.reshape(1)] if last else [])
        self.sent += 1

    @torch.no_grad()
    def finish(self) -> None:
        """Send what has not set off yet, wait for all, and leave the means in the place of the gradients."""
        while self.sent < len(self.buckets):
            self.send_next()
        for bucket in self.buckets:
            bucket.receive()
        if self.buckets:
            self.processes.stop_request.copy_(self.buckets[-1].flat[-1])


def grouped(parameters: Sequence[nn.Parameter], size: int) -> list[list[nn.Parameter]]:
    """From the last to the first, as many together as make ``size`` bytes."""
    groups: list[list[nn.Parameter]] = []
    room = 0
    for parameter in reversed(parameters):
        if room < parameter.nbytes:
            groups.append([])
            room = size
        groups[-1].append(parameter)
        room -= parameter.nbytes
    return groups
