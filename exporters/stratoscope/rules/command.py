"""`stratoscope rules`: the bundle of Prometheus rules, written into a folder."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from stratoscope.core.errors import ConfigError, one_line
from stratoscope.core.flags import Parser
from stratoscope.core.program import USAGE_STATUS
from stratoscope.rules import COMMAND, bundle
from stratoscope.rules.values import Values, read

_HEAD: Final = 200
"""Characters of a file that tell whose it is."""


def main(arguments: Sequence[str]) -> int:
    """Write the files.

    Args:
        arguments: The command line after the command's name.

    Returns:
        The exit status: 0; 1 if a file cannot be written, 2 for a wrong flag or value, each said in one line.
    """
    try:
        flags = _parser().parse_args(arguments)
        values = Values() if flags.values is None else read(flags.values, bundle.alerts())
        texts = bundle.files(values)
        _write(texts, flags.output)
    except ConfigError as error:
        return _failed(str(error), USAGE_STATUS)
    except OSError as error:
        return _failed(f"{error.filename or flags.output}: {error.strerror}", 1)
    except SystemExit as over:
        return int(over.code or 0)
    sys.stdout.write(f"{len(texts)} files in {flags.output}\n")
    return 0


def _write(texts: Mapping[str, str], folder: Path) -> None:
    """Write the files, and remove those of an earlier bundle that this one does not have.

    Prometheus may read them meanwhile: each is there as a whole or not at all.

    Raises:
        ConfigError: A file of another origin has such a name; then nothing is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in (folder / name for name in texts):
        if os.path.lexists(path) and not _is_ours(path):
            raise ConfigError(f"--output: {path} is not one of this command; allowed: another folder")
    for name, text in texts.items():
        fresh = folder / f".{name}.new"
        fresh.unlink(missing_ok=True)
        with fresh.open("x", encoding="utf-8") as file:  # "x" follows no link
            file.write(text)
        if (folder / name).exists():
            shutil.copymode(folder / name, fresh)
        fresh.replace(folder / name)
    for path in folder.glob("*.yml"):
        if path.name not in texts and _is_ours(path):
            path.unlink()


def _is_ours(path: Path) -> bool:
    if not path.is_file():  # opening a FIFO would wait for its writer
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return bundle.is_ours(file.read(_HEAD))


def _parser() -> Parser:
    parser = Parser(prog="stratoscope rules", description=COMMAND.summary)
    parser.add_argument(
        "--values",
        type=Path,
        metavar="FILE",
        help="what you change, in YAML; see docs/rules.md (default: nothing)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        required=True,
        help="where the files are written; those of this command are replaced",
    )
    return parser


def _failed(message: str, status: int) -> int:
    sys.stderr.write(f"stratoscope rules: {one_line(message)}\n")
    return status
