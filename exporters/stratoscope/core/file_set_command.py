"""The command line of a command that writes a set of files into the folder of `--output`."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from stratoscope.core.all_or_none import HalfDoneError
from stratoscope.core.client.flags import path
from stratoscope.core.errors import ConfigError, one_line
from stratoscope.core.file_set import write
from stratoscope.core.flags import Parser
from stratoscope.core.program import USAGE_STATUS


class FileSet(NamedTuple):
    """What is written. Attributes: known: Other contents of the same files that may be replaced."""

    contents: Mapping[str, bytes]
    known: Mapping[str, bytes]


def run(
    name: str, parser: Parser, arguments: Sequence[str], chosen: Callable[[argparse.Namespace], FileSet]
) -> int:
    """Write the files, and tell how many there are and what stays.

    Args:
        name: The command's.
        parser: It gets the flag `--output`.
        arguments: The command line after the command's name.
        chosen: The set by the flags.

    Returns:
        The exit status: 0; 1 if a file cannot be written, 2 for a wrong flag or value, or if something is in
        the way, each said in one line.
    """
    parser.add_argument(
        "--output",
        type=path,
        metavar="FOLDER",
        required=True,
        help="where the files are written; a file that you changed stays, and the new one is NAME.new",
    )
    try:
        flags = parser.parse_args(arguments)
        contents, known = chosen(flags)
        notes = write(contents, flags.output, name, known)
    except ConfigError as error:
        return _failed(name, str(error), USAGE_STATUS)
    except HalfDoneError as error:
        return _failed(name, str(error), 1)
    except OSError as error:
        return _failed(name, f"{error.filename}: {error.strerror}; nothing was changed", 1)
    except SystemExit as over:
        return int(over.code or 0)
    sys.stdout.write(f"{len(contents)} files in {flags.output}\n")
    for note in notes:
        sys.stderr.write(f"stratoscope {name}: {one_line(note)}\n")
    return 0


def _failed(name: str, message: str, status: int) -> int:
    sys.stderr.write(f"stratoscope {name}: {one_line(message)}\n")
    return status
