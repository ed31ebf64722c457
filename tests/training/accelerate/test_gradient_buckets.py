"""Gradients and statistics are those of the batches of all processes together."""

from pathlib import Path

import pytest
from several import both

STATISTICS = """
import torch, torch.distributed as dist
from diptych.networks.spectral import SyncBatchNorm
dist.init_process_group("gloo")
generator = torch.Generator().manual_seed(0)
whole = torch.randn(4, 3, 5, 5, generator=generator)
weights = torch.randn(4, 3, 5, 5, generator=generator)
plain = torch.nn.BatchNorm2d(3, affine=False)
source = whole.clone().requires_grad_()
(plain(source) * weights).sum().backward()
mine = slice(2 * dist.get_rank(), 2 * dist.get_rank() + 2)
layer = SyncBatchNorm(3)
half = whole[mine].clone().requires_grad_()
result = layer(half)
(result * weights[mine]).sum().backward()
torch.testing.assert_close(result, plain.train()(whole)[mine])
torch.testing.assert_close(half.grad, source.grad[mine])
torch.testing.assert_close(layer.running_mean, 0.1 * whole.mean((0, 2, 3)))
torch.testing.assert_close(layer.running_var, 0.9 + 0.1 * whole.var((0, 2, 3)))
print("agreed")
dist.destroy_process_group()
"""


AVERAGES = """
import copy, torch, torch.distributed as dist
from diptych.recipe import TrainingSettings
from diptych.training import step as steps
from diptych.training.accelerate import gradient_buckets
from diptych.training.processes import join
from diptych.training.side import Side
gradient_buckets.BYTES = 500
processes = join("cpu")
torch.manual_seed(0)

class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.unreached = torch.nn.Conv2d(5, 5, 3)
        self.first = torch.nn.Conv2d(3, 5, 3)
        self.seldom = torch.nn.Conv2d(5, 5, 1)
        self.last = torch.nn.Conv2d(5, 2, 3)

    def forward(self, maps, fully):
        maps = self.first(maps).relu()
        return self.last(self.seldom(maps) if fully else maps)

ours = Network().to(memory_format=torch.channels_last)
plain = copy.deepcopy(ours)
side = Side("generator", ours, TrainingSettings(steps=1), processes)
assert len(side.gradient_mean.buckets) == 5, [len(each.parameters) for each in side.gradient_mean.buckets]
seen, early, adam = [], [], steps.fused_adam

def spy(*given):
    seen.append([p.grad if p.grad is None else p.grad.clone() for p in side.trained.values()])
    adam(*given)

steps.fused_adam = spy
for step, fully in enumerate((True, False, True)):
    torch.manual_seed(10 * step + processes.rank)
    for part in range(2):
        pictures = torch.randn(2, 3, 9, 9)
        steps.backward(side, {"a": ours(pictures, fully).square().mean()}, 0.5, last=part == 1)
        (plain(pictures, fully).square().mean() * 0.5).backward(inputs=list(plain.parameters()))
        if part == 0:
            assert side.gradient_mean.sent == 5, side.gradient_mean.sent
    early.append(side.gradient_mean.sent)
    side.set_rate(0.0, step)
    steps.optimiser_step(side)
    for parameter, found in zip(plain.parameters(), seen[-1], strict=True):
        if parameter.grad is None:
            assert found is None
            continue
        gathered = [torch.empty(parameter.shape) for _ in range(2)]
        dist.all_gather(gathered, parameter.grad.contiguous())
        assert torch.equal(found, (gathered[0] + gathered[1]) / 2)
        assert not torch.equal(gathered[0], gathered[1])
        parameter.grad = None
    assert all(p.grad is None for p in ours.parameters())
assert early == [3, 0, 3], early  # those before the one that is never complete had set off during backward
print("agreed")
processes.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("script", [STATISTICS, AVERAGES], ids=["statistics", "gradients"])
def test_what_is_computed_is_that_of_all_processes_together(script: str, tmp_path: Path) -> None:
    done = both(script, tmp_path)
    assert done.stdout.count("agreed") == 2, done.stderr
