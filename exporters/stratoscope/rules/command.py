"""`stratoscope rules`: the bundle of Prometheus rules, written into a folder."""

import argparse
from collections.abc import Sequence

from stratoscope.core.client.flags import path
from stratoscope.core.file_set_command import FileSet, run
from stratoscope.core.flags import Parser
from stratoscope.rules import COMMAND, bundle
from stratoscope.rules.values import Values, read


def main(arguments: Sequence[str]) -> int:
    """Write the files; for the arguments and the exit status see `run`."""
    parser = Parser(prog="stratoscope rules", description=COMMAND.summary)
    parser.add_argument(
        "--values",
        type=path,
        metavar="FILE",
        help="what you change, in YAML; see docs/rules.md (default: nothing)",
    )
    return run("rules", parser, arguments, _chosen)


def _chosen(flags: argparse.Namespace) -> FileSet:
    """The bundle with these values. Copies of the one with the defaults may be replaced."""
    values = Values() if flags.values is None else read(flags.values, bundle.alerts())
    return FileSet(_encoded(bundle.files(values)), _encoded(bundle.files(Values())))


def _encoded(texts: dict[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in texts.items()}
