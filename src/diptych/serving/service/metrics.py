"""Metrics of a service, for Prometheus."""

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counters of one service; they hold nothing of any picture."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        counter = partial(Counter, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry)
        by_request, by_translator = ["route", "translator"], ["translator"]
        self.requests = counter("diptych_requests", "Requests.", [*by_request, "status"])
        help_ = "From a request's head to its answer."
        self.seconds = histogram("diptych_request_seconds", help_, by_request, buckets=SECONDS)
        batches = (1, 2, 4, 8, 16, 32)
        self.batches = histogram("diptych_batch_pictures", "Pictures in a batch.", by_translator, buckets=batches)
        self.translating = histogram("diptych_translate_seconds", "Of one batch.", by_translator, buckets=SECONDS)
        self.pixels = counter("diptych_pixels", "Pixels that were translated.", by_translator)
        self.waiting = Gauge("diptych_waiting", "Pictures in the queue.", by_translator, registry=self.registry)
        self.large = counter("diptych_large", "Pictures that were translated alone.", by_translator)
