"""A step as one CUDA graph: recorded once, then launched as a whole, without Python in between.

A graph repeats the same kernels on the same memory. So a step may depend on tensors only: the batches, the state's own, those that
``Side.set_rate`` fills, and the random generator's. This holds for every system, since none asks a tensor for its value, and
``System.phase_steps`` says at which steps something changes. A test plays recorded operations back on a processor as a graph would.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from diptych.pictures.kinds import Batch
from diptych.recipe import TrainingSettings
from diptych.training.processes import Processes
from diptych.training.state import State
from diptych.training.step import ApplyUpdate, Scalars

WARM_UP = 3  # real steps before recording: libraries choose their kernels in them, and Adam makes its moments

Record = Callable[[Callable[[], Scalars]], tuple[Callable[[], object], Scalars]]
"""Records what a function does on the device; returns a function that repeats it, and the tensors that will hold the results."""


class Recorded(NamedTuple):
    """A step that has been recorded."""

    inputs: list[Tensor]
    replay: Callable[[], object]
    scalars: Scalars


def capturing(settings: TrainingSettings, processes: Processes) -> bool:
    """Whether steps are captured.

    Not with several processes, whose gradients travel outside of graphs. Not with recomputed blocks, which read the state of the
    random generator.
    """
    wanted = settings.graph and processes.device.type == "cuda"
    return wanted and processes.size == 1 and settings.checkpointing == "none"


class NotRecorded(Exception):
    """A step could not be recorded, for torch's reason; nothing of it was computed."""


class Captured:
    """A step of training that is recorded after a few plain ones, once for each kind of step, and then played.

    Where recording fails, this and all that follow are plain steps.

    Args:
        update: what is recorded.
        state: what it moves.
        failed: is given a sentence when steps stay plain, once.
    """

    def __init__(
        self, update: ApplyUpdate, state: State, failed: Callable[[str], None], record: Record | None = None
    ) -> None:
        self.update = update
        self.state = state
        self.device = state.processes.device
        self.tell = failed
        self.failed = False
        self.stream = torch.cuda.Stream(self.device) if self.device.type == "cuda" else None
        self.record = record or self.record_graph
        self.plain: Counter[tuple[bool, int]] = Counter()
        self.recorded: dict[tuple[bool, int], Recorded] = {}

    def __call__(self, batches: list[Batch], step: int, only_discriminators: bool) -> Scalars:
        if self.stream is None:
            return self.run(batches, step, only_discriminators)
        # Autograd remembers on which stream a weight's gradient was first gathered: it must be the one that is captured.
        self.stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.stream):
            scalars = self.run(batches, step, only_discriminators)
        torch.cuda.current_stream(self.device).wait_stream(self.stream)
        return scalars

    def run(self, batches: list[Batch], step: int, only_discriminators: bool) -> Scalars:
        phase = bisect_right(self.state.system.phase_steps, step)
        kind = (only_discriminators, phase)
        for past in [known for known in self.recorded if known[1] != phase]:
            del self.recorded[past]  # and with it its memory
        if self.failed or (kind not in self.recorded and self.plain[kind] < WARM_UP):
            self.plain[kind] += 1
            return self.update(batches, step, only_discriminators)
        if kind not in self.recorded:
            own = [Batch(*(tensor.clone() for tensor in batch)) for batch in batches]
            try:
                replay, scalars = self.record(lambda: self.update(own, step, only_discriminators))
            except NotRecorded as why:
                self.failed = True
                self.recorded.clear()
                for side in self.state.sides.values():
                    side.zero_grad()  # gradients that lie where no graph will ever put them
                self.tell(f"The step could not be recorded as a CUDA graph, so steps are launched one by one ({why}).")
                return self.update(batches, step, only_discriminators)
            self.recorded[kind] = Recorded([tensor for batch in own for tensor in batch], replay, scalars)
        recorded = self.recorded[kind]
        for own_tensor, tensor in zip(recorded.inputs, (t for batch in batches for t in batch), strict=True):
            own_tensor.copy_(tensor, non_blocking=True)
        recorded.replay()
        return recorded.scalars

    def record_graph(self, function: Callable[[], Scalars]) -> tuple[Callable[[], object], Scalars]:
        """Raises: NotRecorded."""
        graph = torch.cuda.CUDAGraph()
        if not self.recorded:  # one pool for all graphs that live at a time; with the last of them it ends
            self.pool = torch.cuda.graph_pool_handle()
        before = torch.cuda.get_rng_state(self.device)
        try:
            # Other threads may bring pictures meanwhile; what they do is no part of the step.
            with torch.cuda.graph(graph, self.pool, self.stream, capture_error_mode="thread_local"):
                scalars = function()
        except RuntimeError as problem:
            # A recording that has failed may leave the generator in its midst; a copy of it is not.
            generator = torch.cuda.default_generators[torch.empty((), device=self.device).get_device()]
            generator.graphsafe_set_state(generator.clone_state())
            torch.cuda.set_rng_state(before, self.device)
            first = problem.__context__ if isinstance(problem.__context__, RuntimeError) else problem
            raise NotRecorded(str(first).partition("\n")[0]) from None
        torch.cuda.set_rng_state(before, self.device)  # recording draws nothing
        return graph.replay, scalars
