"""`stratoscope files`: what Prometheus, Alertmanager and Grafana need, written into a folder."""

import sys
from collections.abc import Sequence

from stratoscope.core.client.flags import path
from stratoscope.core.errors import ConfigError, one_line
from stratoscope.core.flags import Parser
from stratoscope.core.program import USAGE_STATUS
from stratoscope.files import COMMAND
from stratoscope.files.folder import write
from stratoscope.files.shipped import shipped


def main(arguments: Sequence[str]) -> int:
    """Write the files.

    Args:
        arguments: The command line after the command's name.

    Returns:
        The exit status: 0; 1 if a file cannot be written, 2 for a wrong flag or a file of another origin.
    """
    try:
        flags = _parser().parse_args(arguments)
        contents = shipped()
        write(contents, flags.output)
    except ConfigError as error:
        return _failed(str(error), USAGE_STATUS)
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}", 1)
    except SystemExit as over:
        return int(over.code or 0)
    sys.stdout.write(f"{len(contents)} files in {flags.output}\n")
    return 0


def _parser() -> Parser:
    parser = Parser(prog="stratoscope files", description=COMMAND.summary)
    parser.add_argument(
        "--output",
        type=path,
        metavar="FOLDER",
        required=True,
        help="where the files are written; those of this command are replaced, if nobody changed them",
    )
    return parser


def _failed(message: str, status: int) -> int:
    sys.stderr.write(f"stratoscope files: {one_line(message)}\n")
    return status
