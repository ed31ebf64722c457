"""What a metric needs: nothing is said at the bound itself, a sentence below it."""

import pytest

from diptych.evaluation import requirements
from diptych.evaluation.requirements import Resources


@pytest.mark.parametrize("least", [2, 176])
def test_sides(least: int) -> None:
    need = requirements.side(least)
    assert [need(Resources(side=side)) for side in (least + 1, least)] == [None, None]
    assert need(Resources(side=least - 1)) == f"it needs pictures with sides of {least} or more"


def test_pictures() -> None:
    need = requirements.pictures(3)
    assert [need(Resources(pictures=count)) for count in (4, 3)] == [None, None]
    assert need(Resources(pictures=2)) == "it needs 3 pictures or more, and there are 2"
