"""Passes that are left alone, each until it returns."""

import asyncio
import threading
from collections.abc import Callable

from stratoscope.hypervisor.kernel.passes import Pass
from stratoscope.hypervisor.patience import Patience
from support.patience import FAR_S
from support.source import until


def held(by: threading.Event) -> Callable[[Pass], str]:
    """A pass that hangs before it has said at whose files it is."""

    def read(_: Pass) -> str:
        assert by.wait(FAR_S)
        return "read"

    return read


async def test_pass_that_hangs_is_told_that_nobody_waits_for_it() -> None:
    patience, go_on, passes = Patience(), threading.Event(), list[Pass]()

    def read(this: Pass) -> None:
        passes.append(this)
        assert go_on.wait(FAR_S)

    assert await patience.within(0.05, read) is None
    await until(lambda: [this.is_left for this in passes] == [True])
    go_on.set()
    await until(lambda: patience.hung == {})
    patience.close()


async def test_pass_that_returns_frees_no_other_that_hangs_for_the_same() -> None:
    patience, first, second = Patience(), threading.Event(), threading.Event()
    assert await patience.within(0.05, held(first)) is None
    one = patience.hung[None]
    assert await patience.within(0.05, held(second)) is None
    other = patience.hung[None]
    assert other is not one
    first.set()
    await asyncio.wait({one}, timeout=FAR_S)
    await asyncio.sleep(0)  # and what follows from it has happened
    assert patience.hung == {None: other}
    second.set()
    await until(lambda: patience.hung == {})
    assert await patience.within(FAR_S, held(second)) == "read"
    patience.close()
