"""Tables that users' code adds to: names, whose code it was, how it is imported, and the sentence where it is missing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commanding import Typed, refused
from toys import draw_pairs

from diptych import register
from diptych.errors import DiptychError, UsageError
from diptych.evaluation.evaluate import THROUGH
from diptych.recipe import Recipe
from diptych.registry import TABLES, Table, import_code, needs, require, words_of

METRIC = """
from diptych import register


@register.metric("{name}", better="lower")
def {name}(example):
    return abs(float(example.output.mean()))
"""


def written(folder: Path, name: str = "mine", metric: str = "dark", more: str = "") -> Path:
    place = folder / f"{name}.py"
    place.write_text(METRIC.format(name=metric) + more)
    return place


def installed(folder: Path, name: str, text: str) -> None:
    """A package with an entry point, as pip leaves it, in a folder of sys.path."""
    place = folder / "site" / name
    place.mkdir(parents=True)
    (place / "__init__.py").write_text("")
    (place / "own.py").write_text(text)
    information = folder / "site" / f"{name}-1.0.dist-info"
    information.mkdir()
    project = name.replace("_", "-")
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[diptych.plugins]\nown = {name}.own\n")
    sys.path.append(str(folder / "site"))


def test_a_table_has_ours_and_what_is_registered(own_code: Path) -> None:
    import_code(str(written(own_code)))
    table = TABLES["metric"]
    assert "dark" in table
    assert [*table][:2] == ["l1", "psnr"]
    assert [*table][-1] == "dark"
    assert len(table) == len([*table])
    assert (table.origin("dark"), table.origin("l1"), table.origin("bright")) == ("file:mine.py", "", "")
    assert needs({"metric": ["l1", "dark"], "system": ["pix2pix"]}) == {"metric": {"dark": "file:mine.py"}}


@pytest.mark.parametrize(
    ("origin", "whose", "remedy"),
    [
        ("file:mine.py", "mine.py", "add --import mine.py, or import it in Python"),
        ("module:my.module", "the module my.module", "add --import my.module, or import it in Python"),
        ("package:my-package", "the package my-package", "pip install my-package, if you trust it"),
        ("module:__main__", "the module __main__", "import the code that registers it"),
        ("package:x; rm -rf", "other code", "import the code that registers it"),
    ],
)
def test_what_is_not_there_is_said_with_whose_it_was(origin: str, whose: str, remedy: str) -> None:
    with pytest.raises(DiptychError) as refusal:
        require({"system": {"mine": origin}}, "runs/mine")
    assert str(refusal.value).startswith(f'runs/mine needs the system "mine", which {whose} had registered; {remedy}')
    assert words_of(origin) == whose


def test_a_name_that_is_taken_is_refused(own_code: Path) -> None:
    import_code(str(written(own_code)))
    with pytest.raises(UsageError, match=r'the metric "dark" is there already, registered by mine\.py; choose another'):
        import_code(str(written(own_code, "other")))
    with pytest.raises(UsageError, match='the metric "l1" is there already, diptych\'s own'):
        register.metric("l1", better="lower")(needs)
    with pytest.raises(UsageError, match='the network "encoder-decoder" is there already'):
        Table.add(TABLES["network"], "encoder-decoder", object, needs)
    with pytest.raises(UsageError, match='"my metric" is no name for a metric; write letters, digits, - and _'):
        register.metric("my metric", better="lower")(needs)


def test_a_cell_may_run_twice(own_code: Path) -> None:
    cell = METRIC.format(name="dark")
    names = {"__name__": "__main__"}
    exec(cell, names)
    exec(cell.replace("abs", "2 * abs"), names)
    assert TABLES["metric"].origin("dark") == "module:__main__"


@pytest.mark.parametrize(
    ("name", "text", "code", "words"),
    [
        ("mine.py", "import nothing_of_the_kind", 1, "No module named 'nothing_of_the_kind', in line 1 of mine.py"),
        (
            "mine.py",
            "\n1 / 0",
            1,
            "mine.py cannot be imported (ZeroDivisionError: division by zero, in line 2 of mine.py)",
        ),
        ("mine.py", "a b", 1, "mine.py cannot be imported (SyntaxError: invalid syntax (mine.py, line 1)"),
        ("mine.py", "raise SystemExit", 1, "if __name__ == '__main__'"),
        ("json.py", "", 2, "there is another module called json; rename the file"),
        ("my-code.py", "", 2, "is of letters, digits and _"),
        ("mine.txt", "", 2, "there is no such file of Python"),
        ("", "", 2, "there is no module mine; name a file"),
    ],
)
def test_what_cannot_be_imported(name: str, text: str, code: int, words: str, own_code: Path, typed: Typed) -> None:
    if name:
        (own_code / name).write_text(text)
    refused(typed("options", "--import", name or "mine"), code, words)


def test_a_lambda_is_only_the_same_unchanged(own_code: Path) -> None:
    """Lambdas of one module share a name; a cell of them may run again, as what IPython calls another file."""
    cell = "from diptych import register\nregister.adversary('own', lambda real, fake: {0}, lambda fake: {1})"
    names = {"__name__": "__main__"}
    for file in ("cell 1", "cell 2"):
        exec(compile(cell.format("real - fake", "fake"), file, "exec"), names)
    kept = TABLES["adversary"]["own"]
    for parts in (("fake - real", "fake"), ("real - fake", "-fake")):
        with pytest.raises(UsageError, match='the adversary "own" is there already, registered by the module __main__'):
            exec(cell.format(*parts), names)
    assert TABLES["adversary"]["own"] is kept
    one: Any = needs
    other: Any = words_of
    register.adversary("named", one, one)
    with pytest.raises(UsageError, match='the adversary "named" is there already'):
        register.adversary("named", one, other)
    register.layout("own")(lambda folder: {})
    with pytest.raises(UsageError, match='the layout "own" is there already'):
        register.layout("own")(lambda folder: {"train": []})


@pytest.mark.parametrize("name", ["step", "change", "cycle_l1_a", "cycle_l1_b", "l1_inverted", THROUGH])
def test_what_validation_writes_is_no_name_for_a_metric(name: str, own_code: Path) -> None:
    with pytest.raises(UsageError, match=r"is there already, diptych's own|is no name for a metric"):
        register.metric(name, better="lower")(needs)


def test_import_needs_a_name(typed: Typed) -> None:
    refused(typed("options", "--import"), 2, "--import needs a file such as mine.py")


def test_a_file_sees_what_lies_beside_it(own_code: Path) -> None:
    (own_code / "beside.py").write_text("NAME = 'dark'")
    (own_code / "mine.py").write_text("from beside import NAME\n" + METRIC.format(name="dark"))
    import_code("mine.py")
    assert TABLES["metric"].origin("dark") == "file:mine.py"


def test_several_imports_and_those_of_a_package(own_code: Path, typed: Typed) -> None:
    (own_code / "own").mkdir()
    (own_code / "own" / "__init__.py").write_text("")
    written(own_code / "own", "metrics", "bright")
    written(own_code)
    said = typed(
        "evaluate", "--import=mine.py", "--import", "own.metrics", "runs/none", "--metrics", "bright,dark,darker"
    )
    refused(
        said,
        2,
        'there is no metric "darker" (did you mean "dark"?)',
        "labels-kept, dark, bright. Another metric is registered",
    )
    assert TABLES["metric"].origin("bright") == "module:own.metrics"


def test_a_folder_is_no_file(own_code: Path, typed: Typed) -> None:
    """A package in the working directory is imported; a folder of data takes no installed module's place."""
    installed(own_code, "my_package", METRIC.format(name="dark"))
    (own_code / "my_package").mkdir()
    (own_code / "own").mkdir()
    written(own_code / "own", "__init__", "bright")
    for word in ("own", "my_package.own", "my_package"):
        import_code(word)
    assert [TABLES["metric"].origin(name) for name in ("bright", "dark")] == ["module:own", "module:my_package.own"]
    (own_code / "pairs").mkdir()
    refused(typed("options", "--import", "pairs"), 2, "--import pairs: pairs is a folder without code of its own")
    for word in ("./own", "own/", ".own"):
        refused(typed("options", "--import", word), 2, "there is no such file of Python")


def test_a_package_that_a_file_brings_in_keeps_its_origin(own_code: Path) -> None:
    installed(own_code, "my_package", METRIC.format(name="dark"))
    more = "\n\nfrom diptych.evaluation.metrics import METRICS\n\nlist(METRICS)\nregister.metric('late', better='lower')(bright)"
    import_code(str(written(own_code, "mine", "bright", more)))
    found = {name: TABLES["metric"].origin(name) for name in ("bright", "dark", "late")}
    assert found == {"bright": "file:mine.py", "dark": "package:my-package", "late": "file:mine.py"}


def test_an_installed_package_is_imported_when_its_name_is_asked_for(own_code: Path) -> None:
    installed(own_code, "my_package", METRIC.format(name="dark"))
    table = TABLES["metric"]
    assert "l1" in table
    assert "my_package.own" not in sys.modules
    assert "dark" in table
    assert table.origin("dark") == "package:my-package"


@pytest.mark.parametrize(("text", "words"), [("1 / 0", "Zero"), ("import sys; sys.exit(0)", "it ends the program")])
def test_a_package_that_cannot_be_imported_is_named(text: str, words: str, own_code: Path) -> None:
    installed(own_code, "my_package", text)
    assert TABLES["system"]["pix2pix"]
    for _ in range(2):
        with pytest.raises(
            DiptychError, match=rf"the package my-package adds to diptych and cannot be imported \({words}.*pip un"
        ):
            TABLES["system"].get("mine")


def test_a_recipe_says_whose_code_it_needs(own_code: Path) -> None:
    import_code(str(written(own_code)))
    pairs = draw_pairs(own_code / "pairs")
    table = {
        "system": "pix2pix",
        "data": {"folder": str(pairs)},
        "training": {"steps": 1, "metrics": ["dark"], "best": "dark"},
    }
    kept = Recipe.from_table(table).to_table()
    assert kept["registered"] == {"metric": {"dark": "file:mine.py"}}
    assert Recipe.from_table(kept).training.best == "dark"
    for where in (TABLES["metric"].added, TABLES["metric"].makers):
        where.clear()
    with pytest.raises(DiptychError, match=r'the recipe "mine" needs the metric "dark", which mine\.py had registered'):
        Recipe.from_table(kept, "mine")
    with pytest.raises(UsageError, match='"registered" must be a table'):
        Recipe.from_table(table | {"registered": "mine.py"})


def test_torch_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, diptych, diptych.cli; from diptych import register; print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"
