"""The versions of `make test-lowest` are the ones that pyproject.toml allows."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_lowest_versions_are_those_that_are_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {
        name: needs
        for name, needs in project["optional-dependencies"].items()
        if name not in ("dev", "docs", "mutants")
    }
    needs = [*project["dependencies"], *(need for wanted in extras.values() for need in wanted)]
    bounds = dict(re.findall(r"^([\w-]+)(?:\[\w+\])?[>=]=([\w.]+)", "\n".join(needs), re.MULTILINE))
    lines = (ROOT / "constraints" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    lowest = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert lowest.keys() == bounds.keys()
    for name, version in lowest.items():
        assert f"{version}.".startswith(f"{bounds[name]}."), (
            f"{name} is tested at {version}, allowed from {bounds[name]}"
        )
