"""What another process with the same database does is noticed."""

import asyncio
from contextlib import suppress

from stratoscope.downtime.database.address import Address
from stratoscope.downtime.database.store import Store, opened
from stratoscope.downtime.model import Rearm
from stratoscope.downtime.others import Others
from support.stores import HOUR, NOW, wanted


async def test_change_by_another_process_and_the_lead_are_noticed_once(address: Address) -> None:
    calls: list[None] = []
    async with opened(address) as own, opened(address) as others:
        own.leadership.is_leader = False
        looking = Others(own, lambda: calls.append(None))
        await looking.once()
        await looking.once()
        assert len(calls) == 1
        one = await others.file(wanted(end=None, until_further_notice=True), who="alice", now=NOW)
        await looking.once()
        assert len(calls) == 2
        await others.rearm([Rearm(one.id, one.end, one.end + HOUR)], who="stratoscope", now=NOW)
        await looking.once()
        assert len(calls) == 3
        own.leadership.is_leader = True
        await looking.once()
        await looking.once()
        assert len(calls) == 4


async def test_it_looks_until_it_is_cancelled(store: Store) -> None:
    looked = asyncio.Event()
    task = asyncio.create_task(Others(store, looked.set).run())
    async with asyncio.timeout(10):
        await looked.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
