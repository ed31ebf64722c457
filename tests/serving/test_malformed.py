"""A smaller count of benchmarks/malformed.py, against a service that may translate."""

import warnings

import pytest
from asking import Inverted, Serve

from benchmarks import malformed


def fine(found: malformed.Found, count: int) -> None:
    assert not found.failures
    assert found.statuses.total() >= count
    assert set(found.statuses) <= {200, 404, 405, 406, 413, 415, 422}


@pytest.mark.slow
def test_changed_pictures(serve: Serve) -> None:
    client = serve({"inverted": Inverted()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # decoders remark on damage in words of their own
        found = malformed.pictures(str(client.base_url), "inverted", malformed.mutated(250, 5, malformed.drawn()))
    fine(found, 250)
    assert found.statuses[200] > 10
    assert found.statuses[422] > 50


@pytest.mark.slow
def test_what_schemathesis_makes_of_the_document(serve: Serve) -> None:
    client = serve({"inverted": Inverted()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that schemathesis uses
        fine(malformed.document(str(client.base_url), 40, 5), 40)


def test_changes_are_the_same_every_time() -> None:
    first, second = (list(malformed.mutated(20, 1, malformed.drawn())) for _ in range(2))
    assert first == second
    assert len({data for _, data in first}) > 15
