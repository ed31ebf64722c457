"""The progress line: rate, share of time waiting for data, time left, losses; and what metrics may take of that time."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager


class Progress:
    """Measures the pace of training apart from validation and saving, and words it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.utter = say
        self.live = sys.stderr.isatty()
        self.start(0, 0)

    def start(self, step: int, steps: int) -> None:
        self.steps = steps
        self.began = time.perf_counter()
        self.aside = 0.0
        self.rate = self.waiting = 0.0

    def say(self, sentence: str) -> None:
        """A sentence that stays, above the progress line."""
        if self.live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        self.utter(sentence)

    def set_aside(self, seconds: float) -> None:
        """Time that was no training: it counts in the time left, not in the rate."""
        self.aside += seconds

    def lap(self, step: int, count: int, waited: float) -> dict[str, float]:
        """Close a window of ``count`` steps: steps a second, and the share of the time spent waiting for data."""
        now = time.perf_counter()
        seconds = max(now - self.began - self.aside, 1e-9)
        self.began, self.aside = now, 0.0
        self.rate, self.waiting = count / seconds, min(waited / seconds, 1.0)
        return {"steps_per_second": self.rate, "waiting_for_data": self.waiting}

    def show(self, step: int, means: Mapping[str, float]) -> None:
        left = (self.steps - step) / self.rate if self.rate else 0.0
        losses = "  ".join(f"{short(key)} {value:.3f}" for key, value in means.items() if is_loss(key))
        line = (
            f"step {step}/{self.steps}  {self.rate:.2f} steps/s  data {100 * self.waiting:.1f} %  "
            f"left {duration(left)}  {losses}"
        )
        if self.live:
            print(f"\r\033[K{line[:200]}", end="" if step < self.steps else "\n", file=sys.stderr, flush=True)
        else:
            self.utter(line)


class MetricTime:
    """Keeps what metrics take within a share of the time since training began."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.began = time.perf_counter()
        self.spent = self.last = 0.0

    def affordable(self) -> bool:
        """Whether measuring once more, for as long as the last time, would keep within the share; the first time it may."""
        elapsed = time.perf_counter() - self.began
        return self.spent + self.last <= self.share * (elapsed + self.last) or not self.spent

    @contextmanager
    def taken(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.last = time.perf_counter() - began
        self.spent += self.last


def is_loss(key: str) -> bool:
    return key != "rate" and not key.endswith(".gradient")


def short(key: str) -> str:
    """ "generator.adversarial" -> "G.adversarial"."""
    return key.replace("generator", "G").replace("discriminator", "D")


def duration(seconds: float) -> str:
    """ "1 h 05 min", "12 min", "40 s"."""
    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min" if seconds >= 90 else f"{seconds:.0f} s"
