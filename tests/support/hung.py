"""An exporter whose source hangs in a thread, for ever: `python -m support.hung WHERE FLAGS...` runs it."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from stratoscope.core.app import main
from stratoscope.core.collector import Collection, Collections, OnScrape
from stratoscope.core.exporter import Exporter
from stratoscope.core.flags import Flags
from stratoscope.core.part import Opened, Part, Site
from stratoscope.core.threads import BlockingCalls
from support.houses import PROGRAM, parse
from support.services import Domains


class Hung(Domains):
    """Hangs from the first time on, or from the second."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self._where = where
        self._calls = BlockingCalls("hung", 4)

    async def fetch(self) -> int:
        self.fetched += 1
        if self._where == "start" or (self._where == "scrape" and self.fetched > 1):
            await self._calls.start(time.sleep, 3600)
        return 2


def exporter(where: str) -> Exporter:
    """Hangs at `start`, in a `scrape`, in `close`, or in the `loop` when it is closed; or `open` fails."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Opened]:
        if where == "open":
            raise RuntimeError("cannot be opened")
        yield Opened()
        if where == "close":
            await asyncio.shield(asyncio.to_thread(time.sleep, 3600))
        if where == "loop":
            time.sleep(3600)  # noqa: ASYNC251 - that is the bug

    def parts(_: Any, __: Site) -> Iterator[Part]:
        collections = Collections([Collection(Hung(where), OnScrape(60))])
        yield Part(name="hung", identity=None, open=opened, collections=lambda _: collections)

    return Exporter(program=PROGRAM, parse=parse, parts=parts)


if __name__ == "__main__":
    hanging = exporter(sys.argv[1])
    sys.exit(main(hanging, Flags.parse(PROGRAM, sys.argv[2:])))
