"""`stratoscope files`: what Prometheus, Alertmanager and Grafana need, written into a folder."""

from collections.abc import Sequence

from stratoscope.core.file_set_command import FileSet, run
from stratoscope.core.flags import Parser
from stratoscope.files import COMMAND
from stratoscope.files.shipped import shipped


def main(arguments: Sequence[str]) -> int:
    """Write the files; for the arguments and the exit status see `run`."""
    parser = Parser(prog="stratoscope files", description=COMMAND.summary)
    return run("files", parser, arguments, lambda _: FileSet(shipped(), {}))
