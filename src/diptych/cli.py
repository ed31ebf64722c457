"""The command line: a table of commands. Each command's module is imported when it is called, and torch only there.

Exit codes: 0 for success, 1 for a failure with an explanation, 2 for wrong usage, 130 when interrupted (progress is saved).
"""

import os
import re
import sys
from contextlib import suppress
from itertools import pairwise
from typing import NoReturn

from cyclopts import App, CycloptsError, MissingArgumentError, UnknownOptionError, UnusedCliTokensError

from diptych import __version__
from diptych.commands import STREAM
from diptych.commands.terminal import help_console, output_error, printable, protect_output, quieten
from diptych.errors import DiptychError, UsageError, out_of_memory, too_small
from diptych.machine.threads import prepare
from diptych.reference.names import answer

app = App(
    name="diptych",
    help="Turn a picture into its counterpart: train, judge and use image-to-image translators.",
    help_epilogue="Any command takes --import FILE (or MODULE): code of yours that is to be imported first (docs/extend.md).",
    version=__version__,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
HELP, IMPORT = {"--help", "-h"}, "--import"
COMMANDS = {
    "train": ("diptych.commands.train:train", "Train on a folder of pictures, or by a recipe, or go on with a run."),
    "translate": ("diptych.commands.translate:translate", "Translate pictures with a run."),
    "evaluate": ("diptych.commands.evaluate:evaluate", "Judge a run, or a folder of outputs, in numbers and pictures."),
    "compare": ("diptych.commands.compare:compare", "Judge runs on the same pictures, side by side."),
    "ablate": ("diptych.commands.compare:ablate", "Repeat a table of the pix2pix paper on your data."),
    "shrink": ("diptych.commands.shrink:shrink", "Train a smaller generator from a run's outputs and maps."),
    "export": ("diptych.commands.export:export", "Hand a run on: model folder, ONNX, torch.export program, web page."),
    "serve": ("diptych.commands.serve:serve", "Serve translators over HTTP, with a page to draw on."),
    "report": ("diptych.commands.report:report", "Write a run as one HTML file that opens anywhere."),
    "options": ("diptych.commands.options:options", "Say what a setting means, by its name or other words for it."),
    "recipes": ("diptych.commands.recipes:app", "List the recipes that come with diptych, or show one."),
    "import": ("diptych.commands.import_:import_", "Take over weights that another project published."),
    "data": (
        "diptych.commands.data:app",
        "Check a folder of pictures, or pack it into shards; list and get public data sets.",
    ),
    "demo": ("diptych.commands.demo:demo", "Train on OpenMoji drawings and show what came of it."),
}
for name, (place, summary) in COMMANDS.items():
    app.command(place, name=name, help=summary)
app.register_install_completion_command()


def main() -> None:
    """Run the command that was called and leave with its exit code."""
    arguments = sys.argv[1:]
    prepare(arguments)
    protect_output()
    quieten()
    try:
        os.getcwd()
    except OSError:  # torch's libraries would end the process
        sys.exit(report("the folder that you are in was removed; change to another.", 1))
    if HELP.intersection(arguments) or len(arguments) < 2:
        app.console = help_console()
    leave(call(arguments))


def with_imports(arguments: list[str]) -> list[str]:
    """The command line without its ``--import FILE``, which any command takes; what they name is imported.

    Raises:
        UsageError: when there is no such file or module, or none is named.
        DiptychError: when it cannot be imported.
    """
    words, wanted = without_imports(arguments)
    if wanted and not HELP.intersection(words):
        from diptych.registry import import_code

        for word in wanted:
            import_code(word)
    return words


def without_imports(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The other words, and what is to be imported."""
    words: list[str] = []
    wanted: list[str] = []
    rest = iter(arguments)
    for word in rest:
        option, equals, value = word.partition("=")
        if option != IMPORT:
            words.append(word)
        elif name := value if equals else next(rest, ""):
            wanted.append(name)
        else:
            raise UsageError(f"{IMPORT} needs a file such as mine.py, or a module such as my.module.")
    return words, wanted


def leave(code: int) -> NoReturn:
    """End the process, whose group of processes may have been left by others after an error.

    Threads of such a group are still running, and an interpreter that takes them down now and then aborts.
    """
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def call(arguments: list[str]) -> int:
    """Run one command line; every failure becomes one sentence on standard error and an exit code."""
    arguments = [STREAM if word == "-" else word for word in arguments]
    if any(
        not word and (before in ("--out", "-o") or not before.startswith("-"))
        for before, word in pairwise(["", *arguments])
    ):
        return report("a word of the command is empty, as of a variable that is not set; name a file or folder.", 2)
    try:
        arguments = with_imports(arguments)
        result = app(arguments, exit_on_error=False, print_error=False)
        sys.stdout.flush()
        if problem := getattr(sys.stdout, "problem", None):
            return report(f"what was to be printed is cut off: {output_error(problem)}", 1)
        return result if isinstance(result, int) else 0
    except CycloptsError as problem:
        return report(explained(problem, arguments), 2)
    except UsageError as problem:
        return report(str(problem), 2)
    except DiptychError as problem:
        return report(str(problem), 1)
    except KeyboardInterrupt:
        return report("interrupted.", 130)
    except ModuleNotFoundError as problem:
        if not problem.name or problem.name.startswith("diptych"):
            raise
        return report(f"this needs {problem.name}, which is not installed here: pip install diptych.", 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone; nothing more to say
        return 1
    except (MemoryError, RuntimeError) as problem:
        if "home directory" in str(problem):
            return report("this user has no home folder; set HOME to a folder.", 1)
        if too_small(problem):
            return report(
                "the pictures are too small for a network of this recipe; choose a larger data.crop_size, or fewer layers.",
                1,
            )
        if not out_of_memory(problem):
            raise
        return report(
            "out of memory; use smaller pictures (data.crop_size), a smaller batch, a narrower network, or "
            "training.checkpointing=blocks; on a GPU also data.resident=off, or another --device.",
            1,
        )
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        return report(f"{where}{problem.strerror or problem}.", 1)


def explained(problem: CycloptsError, arguments: list[str]) -> str:
    """What is wrong with the words of a command, and what would be right."""
    command, sentence = arguments[0], str(problem)
    if isinstance(problem, UnusedCliTokensError):
        more = "; to judge several runs side by side: diptych compare" if command == "evaluate" else ""
        called = " ".join(problem.command_chain or [command])
        return f'"{" ".join(problem.unused_tokens or [])}" is more than `diptych {called}` takes{more}.'
    if isinstance(problem, MissingArgumentError) and (missing := problem.argument) and missing.field_info.is_positional:
        if command == "train":
            return "name a recipe, a run or a folder of pictures, such as diptych train my_pairs."
        name = missing.name.lstrip("-")
        return sentence.replace(f"parameter --{name} requires an argument", f"requires an argument {name.upper()}")
    dashed = [one for one in arguments if one.startswith("-") and (os.path.lexists(one) or re.match(r"-[^-].*\.", one))]
    hint = f" A name that begins with - is given as ./{dashed[0]}." if dashed else ""
    if (
        isinstance(problem, UnknownOptionError)
        and command == "train"
        and (found := answer(problem.token.keyword or problem.token.value))
    ):
        hint = f" Settings are given as key=value, without dashes; {found}."
    return f"{sentence}{hint}"


def report(sentence: str, code: int) -> int:
    print(f"diptych: {printable(sentence)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
