"""The loop in a thread, in which embedded clouds answer to clients that block."""

from contextlib import AsyncExitStack

import pytest

from support.loop_thread import in_thread


def test_what_was_entered_is_left_at_the_end() -> None:
    left = list[str]()

    async def enter(stack: AsyncExitStack) -> str:
        stack.callback(left.append, "left")
        return "entered"

    with in_thread("loop", enter) as found:
        assert (found, left) == ("entered", [])
    assert left == ["left"]


def test_error_at_the_beginning_is_that_of_the_test() -> None:
    async def enter(_: AsyncExitStack) -> str:
        raise OSError("no port is free")

    with pytest.raises(OSError, match="no port is free"), in_thread("loop", enter):
        raise AssertionError("nothing was entered")
