"""Warnings about a run's health, from its losses and scores; each is given once until the trouble has passed."""

from collections.abc import Iterator, Mapping

WON = 0.98  # accuracy of a discriminator that has won
WON_WINDOWS = 10  # log windows in a row for which it must hold, or a third of those of a shorter run
WON_STEPS = 100  # that these must be at least: at the very beginning it wins easily
EARLY = 200  # steps before which outputs may well be alike, or nearer to inverted targets by chance
ALIKE = 0.1  # diversity of the outputs, as a share of the targets', under which they are all alike
INVERTED = 0.8  # the inverted outputs are nearer to the targets than this share of the outputs' distance
COPIED = 0.1  # change of the outputs from their sources, as a share of the targets', under which they are copies
STANDSTILL = 10  # validations without a new best


class Health:
    """Remembers only how often something was seen in a row; a resumed run begins to count anew."""

    def __init__(self, steps: int, log_every: int, options: object = None) -> None:
        """Of a run of so many ``steps``, whose system has these ``options``."""
        self.options = options
        self.seen: dict[str, int] = {}
        self.won = max(min(WON_WINDOWS, steps // log_every // 3), -(-WON_STEPS // log_every), 3)

    def repeated(self, trouble: str, present: bool, times: int = 1) -> bool:
        """True when ``trouble`` has just been present ``times`` times in a row."""
        self.seen[trouble] = self.seen.get(trouble, 0) + 1 if present else 0
        return self.seen[trouble] == times

    def losses(self, step: int, means: Mapping[str, float]) -> Iterator[str]:
        """From a log line: has a discriminator won?"""
        for key, value in means.items():
            if "accuracy" in key.rpartition(".")[2] and self.repeated(key, value > WON, self.won):
                yield (
                    f"Health: at step {step} the discriminator has won ({key} {value:.2f} for {self.won} log lines): the "
                    f"generator learns little from it. Lower training.learning_rate.discriminator, or try "
                    f'options.adversary = "least-squares" or fewer options.discriminator_layers.'
                )

    def scores(self, step: int, scores: Mapping[str, float]) -> Iterator[str]:
        """From a validation: are all outputs alike, are they copies of their sources, are they inverted?"""
        diversity = scores.get("diversity", 1.0)
        if self.repeated("alike", step >= EARLY and diversity < ALIKE):
            yield (
                f"Health: at step {step} all outputs are alike (their differences are {100 * diversity:.0f} % of the "
                f"targets'): the generator ignores its input. Check that sources and targets belong together, and "
                f"lower the learning rates."
            )
        change = scores.get("change", 1.0)
        if self.repeated("copied", step >= EARLY and change < COPIED):
            yield (
                f"Health: at step {step} the outputs are copies of their sources (they differ from them by {100 * change:.0f} % of "
                f"what the targets do). {self.looser_tie()}"
            )
        distance, inverted = scores.get("l1", 0.0), scores.get("l1_inverted", 1.0)
        if self.repeated("inverted", step >= EARLY and inverted < INVERTED * distance):
            yield (
                f"Health: at step {step} the outputs look like inverted targets (L1 {inverted:.3f} inverted, {distance:.3f} as "
                f"they are). Begin again with another training.seed{self.held_term()}."
            )

    def held_term(self) -> str:
        """A term of the loss that tells colours from inverted ones, where the system has it and it is off."""
        if getattr(self.options, "identity", None) == 0:
            return ", or with an identity term: options.identity=0.5"
        weight, objective = getattr(self.options, "l1", None), getattr(self.options, "objective", "l1")
        if weight == 0 or (weight is not None and "l1" not in objective):
            return ", or with an L1 term: options.l1=100" + (
                "" if "l1" in objective else f" options.objective=l1+{objective}"
            )
        return ""

    def looser_tie(self) -> str:
        """What holds an output to its source, where the system has such a weight, and to lower it."""
        ties = {f"options.{name}": getattr(self.options, name, 0) for name in ("nce", "cycle", "identity")}
        held = [f"{key} ({weight:g} here)" for key, weight in ties.items() if weight]
        if held:
            return f"Lower {' or '.join(held)}."
        return "Look at data.direction, and whether sources and targets of a pair are the same (diptych data check)."

    def standstill(self, step: int, since: int, score: str, best: int) -> Iterator[str]:
        if self.repeated("standstill", since >= STANDSTILL):
            yield (
                f"Health: at step {step} nothing has improved for {since} validations (best {score} at step {best}). "
                f"Stop here, or set training.stop_after."
            )
