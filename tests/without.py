"""Commands in a process in which some packages are not installed: ``python without.py`` reads them as JSON from standard input."""

import contextlib
import io
import json
import sys
import traceback
from importlib.machinery import PathFinder
from typing import Any

HIDDEN: set[str] = set()


class Without(PathFinder):
    """Finds what is installed, but for what is hidden: importing that fails, and looking for it gives nothing."""

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> Any:
        return None if fullname.split(".")[0] in HIDDEN else super().find_spec(fullname, path, target)


def answer(words: list[str]) -> dict[str, Any]:
    """What a command leaves behind."""
    from diptych import cli

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.call(words)
        except BaseException:
            traceback.print_exc(file=err)
            code = -1
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def main() -> None:
    """Lines in: {"hide": [...], "words": [...]}; lines out: what each left behind."""
    sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
    for line in sys.stdin:
        asked = json.loads(line)
        HIDDEN.clear()
        HIDDEN.update(asked["hide"])
        print(json.dumps(answer(asked["words"])), flush=True)


if __name__ == "__main__":
    main()
