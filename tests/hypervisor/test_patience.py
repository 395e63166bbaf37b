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
