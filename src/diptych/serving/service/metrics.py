"""Metrics of a service, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counters of one service; they hold nothing of any picture."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "diptych_requests", "Requests.", ["route", "translator", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "diptych_request_seconds",
            "From a request's head to its answer.",
            ["route", "translator"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.batches = Histogram(
            "diptych_batch_pictures",
            "Pictures in a batch.",
            ["translator"],
            buckets=(1, 2, 4, 8, 16, 32),
            registry=self.registry,
        )
        self.translating = Histogram(
            "diptych_translate_seconds", "Of one batch.", ["translator"], buckets=SECONDS, registry=self.registry
        )
        self.pixels = Counter("diptych_pixels", "Pixels that were translated.", ["translator"], registry=self.registry)
        self.waiting = Gauge("diptych_waiting", "Pictures in the queue.", ["translator"], registry=self.registry)
        self.large = Counter(
            "diptych_large", "Pictures that were translated alone.", ["translator"], registry=self.registry
        )
