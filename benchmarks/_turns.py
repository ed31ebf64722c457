"""Contestants that take turns, each in a process of its own and never two at once, so that a machine that drifts drifts for all."""

import os
import signal
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import MappingProxyType
from typing import Any, NamedTuple


class Contestant(NamedTuple):
    """A function that a process of its own runs."""

    serve: Callable[..., None]
    """(pipe, *given): for every number received, that many steps are timed, and what came of it sent (mostly milliseconds a step)."""
    given: tuple[Any, ...]
    environment: Mapping[str, str] = MappingProxyType({})
    """What is in the process's environment beside what is in ours."""


def in_turn(contestants: Sequence[Contestant], rounds: int, repeats: int, warm_up: int) -> list[tuple[Any, ...]]:
    """What each contestant sent, round by round.

    Raises:
        SystemExit: when a contestant ends early.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that whoever is stopped is killed, below
    context, running = get_context("spawn"), list[tuple[Connection, SpawnProcess]]()
    for contestant in contestants:
        mine, theirs = context.Pipe()
        before = dict(os.environ)
        os.environ.update(contestant.environment)  # which what is spawned now inherits
        process = context.Process(target=contestant.serve, args=(theirs, *contestant.given), daemon=True)
        process.start()
        for name in contestant.environment:
            del os.environ[name]
        os.environ.update(before)
        theirs.close()
        running.append((mine, process))

    def one_round(count: int) -> tuple[Any, ...]:
        return tuple(turn(pipe, process, count) for pipe, process in running)

    try:
        one_round(warm_up)
        return [one_round(repeats) for _ in range(rounds)]
    finally:
        for _, process in running:
            process.kill()
            process.join()


def turn(pipe: Connection, process: SpawnProcess, count: int) -> Any:
    """What came of a contestant's turn; it is stopped until its next turn: threads that wait for work would spin beside others."""
    let(process, "SIGCONT")
    try:
        pipe.send(count)
        return pipe.recv()
    except (EOFError, OSError):
        raise SystemExit("a contestant ended early; what it said stands above.") from None
    finally:
        let(process, "SIGSTOP")


def let(process: SpawnProcess, what: str) -> None:
    """Stop it or have it go on, where the system can."""
    if hasattr(signal, what) and process.pid and process.is_alive():
        os.kill(process.pid, getattr(signal, what))


class Compared(NamedTuple):
    """Of two columns of rounds: medians, the median of the ratios, the least and the greatest."""

    first: float
    second: float
    ratio: float
    span: str

    @classmethod
    def of(cls, rounds: Sequence[tuple[float, ...]], one: int = 0, other: int = 1) -> "Compared":
        ratios = [taken[other] / taken[one] for taken in rounds]
        first, second = (statistics.median(taken[place] for taken in rounds) for place in (one, other))
        return cls(first, second, statistics.median(ratios), f"{min(ratios):.2f} to {max(ratios):.2f}")
