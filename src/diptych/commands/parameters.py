"""Options that several commands share, with their help."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, Token

from diptych.shipped import find


def found(_: object, tokens: Sequence[Token]) -> Path:
    """Where the run or translator of that name is."""
    return find(tokens[0].value)


RunPlace = Annotated[Path, Parameter(converter=found)]
OUT = Parameter(name=["--out", "-o"])
Checkpoint = Annotated[str, Parameter(help="latest, best, or a step such as 8000.")]
Way = Annotated[str, Parameter(help="a-to-b or b-to-a, for a run that can do both.")]
Device = Annotated[str, Parameter(help="Where to run: cpu, cuda, cuda:1, mps; auto takes a GPU where there is one.")]
Split = Annotated[str, Parameter(help="train, val or test; by default test where there is one, else val.")]
LabelMaps = Annotated[str, Parameter(help="Class maps for the FCN-score, as for diptych evaluate.")]
Classes = Annotated[int, Parameter(help="How many classes there are, where neither palette nor index pictures say so.")]
Ignore = Annotated[int, Parameter(help="A class number that is not scored.")]
Limit = Annotated[int, Parameter(help="Judge this many pictures, spread evenly over the split; 0 = all.")]
