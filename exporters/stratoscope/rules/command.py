"""`stratoscope rules`: the bundle of Prometheus rules, written into a folder."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from stratoscope.core.client.flags import path
from stratoscope.core.errors import ConfigError, one_line
from stratoscope.core.flags import Parser
from stratoscope.core.program import USAGE_STATUS
from stratoscope.rules import COMMAND, bundle
from stratoscope.rules.values import Values, read


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
        return _failed(f"{error.filename}: {error.strerror}", 1)
    except SystemExit as over:
        return int(over.code or 0)
    sys.stdout.write(f"{len(texts)} files in {flags.output}\n")
    return 0


def _write(texts: Mapping[str, str], folder: Path) -> None:
    """Write the files, all or none, and remove those of an earlier bundle that this one does not have.

    Raises:
        ConfigError: A file of another origin has the name of one; then nothing is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in (folder / name for name in texts):
        if os.path.lexists(file) and not _is_ours(file):
            raise ConfigError(f"--output: {file} is not one of this command; allowed: another folder")
    new = {folder / name: folder / f"{name}.new" for name in texts}  # no name that Prometheus looks for
    try:
        for file, beside in new.items():
            _write_one(beside, texts[file.name])
            if file.exists():
                shutil.copymode(file, beside)
        for file, beside in new.items():
            beside.replace(file)
    finally:
        for beside in new.values():
            beside.unlink(missing_ok=True)
    for one in folder.glob("*.yml"):
        if one.name not in texts and _is_ours(one):
            one.unlink()


def _write_one(file: Path, text: str) -> None:
    """Raises OSError: With the name of the file, which a full disk does not tell."""
    try:
        file.unlink(missing_ok=True)
        file.touch(exist_ok=False)  # it follows no link
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error


def _is_ours(file: Path) -> bool:
    """Whether it was written by this command; what is no regular file, or may not be read, was not."""
    try:
        return file.is_file() and bundle.is_ours(file.read_text(encoding="utf-8", errors="replace"))
    except PermissionError:
        return False


def _parser() -> Parser:
    parser = Parser(prog="stratoscope rules", description=COMMAND.summary)
    parser.add_argument(
        "--values",
        type=path,
        metavar="FILE",
        help="what you change, in YAML; see docs/rules.md (default: nothing)",
    )
    parser.add_argument(
        "--output",
        type=path,
        metavar="FOLDER",
        required=True,
        help="where the files are written; those of this command are replaced",
    )
    return parser


def _failed(message: str, status: int) -> int:
    sys.stderr.write(f"stratoscope rules: {one_line(message)}\n")
    return status
