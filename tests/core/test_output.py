"""What a command is told of standard output."""

import io

import pytest

from stratoscope.core.output import Output


def test_a_reader_that_has_gone_is_no_failure_of_the_output() -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        Output(Gone()).write("x")
