"""Files that are whole, and JSON that every reader takes."""

import json
import math

import numpy as np
import pytest
from judged import strict

from diptych.files import as_json


def test_json_knows_null_and_no_nan() -> None:
    told = {"a": [1.5, math.nan, (math.inf, {"b": -math.inf})], "c": np.float64("nan"), "d": "NaN", "e": 3, "f": True}
    assert strict(as_json(told)) == {"a": [1.5, None, [None, {"b": None}]], "c": None, "d": "NaN", "e": 3, "f": True}
    whole = {"x": 0.1, "y": [None, "é"]}
    assert as_json(whole, indent=2) == json.dumps(whole, indent=2)
    with pytest.raises(TypeError):
        as_json({"a": object()})
