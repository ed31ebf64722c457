"""Services of translators whose networks do as they are told."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from asking import Held, Inverted, Serve, offer
from running import running

from diptych.serving.service.app import Service
from diptych.serving.service.limits import Limits


@pytest.fixture(scope="session")
def plain() -> Iterator[httpx.Client]:
    """A client of a service as it is by default, which many tests share."""
    with (
        running(Service([offer("inverted", Inverted())])) as address,
        httpx.Client(base_url=address, timeout=20, trust_env=False) as client,
    ):
        yield client


@pytest.fixture
def serve(plain: httpx.Client) -> Iterator[Serve]:
    """A client of a service of these translators, by name; limits and options by keyword."""
    with ExitStack() as stack:

        def serve(
            offers: dict[str, Any] | None = None, options: dict[str, Any] | None = None, **limits: Any
        ) -> httpx.Client:
            if not (offers or options or limits):
                return plain
            named = offers or {"inverted": Inverted()}
            found = [one if hasattr(one, "translator") else offer(name, one) for name, one in named.items()]
            address = stack.enter_context(running(Service(found, Limits(**limits), **(options or {}))))
            return stack.enter_context(httpx.Client(base_url=address, timeout=20, trust_env=False))

        yield serve


@pytest.fixture
def held() -> Iterator[Held]:
    """A network that computes nothing until it is let go."""
    network = Held()
    yield network
    network.go.set()
