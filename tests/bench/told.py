"""A program of this folder as a process that answers: for each line that it gets it writes one."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Answering:
    """The process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._line()

    def answer(self, line: str = "") -> str:
        """What it answers. Raises RuntimeError if it has ended."""
        assert self._process.stdin is not None
        print(line, file=self._process.stdin, flush=True)
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the embedded cloud has ended")
        return line


@contextmanager
def answering(program: str, *arguments: str) -> Iterator[Answering]:
    """The process, once it has written its first line, until the block ends."""
    command = [sys.executable, program, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Answering(process)
        finally:
            process.terminate()
