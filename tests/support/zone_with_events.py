"""A zone with events of its VMs, over real ZeroMQ and XML-RPC on loopback, whose clock the test moves."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.events import Events
from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.clouds.opennebula.config import Found, Publishers
from stratoscope.core.config import Secret
from support.publisher import Publisher, publisher
from support.replayed_oned import SESSION, Oned, replayed
from support.source import until

VM = """<VM><ID>{}</ID><UID>2</UID><GID>100</GID><UNAME>alice</UNAME><GNAME>dev</GNAME><NAME>web</NAME>
<STATE>{}</STATE><LCM_STATE>{}</LCM_STATE><STIME>1795300000</STIME><TEMPLATE><MEMORY>64</MEMORY>
<TEMPLATE_ID>0</TEMPLATE_ID></TEMPLATE><HISTORY_RECORDS><HISTORY><SEQ>0</SEQ><HOSTNAME>dummy-a1</HOSTNAME><HID>0</HID>
<CID>100</CID></HISTORY><HISTORY><SEQ>1</SEQ><HOSTNAME>dummy-a2</HOSTNAME><HID>1</HID><CID>100</CID></HISTORY>
</HISTORY_RECORDS></VM>"""
TWO = {"vmpool.info": f"<VM_POOL>{VM.format(7, 3, 3)}{VM.format(8, 3, 3)}</VM_POOL>"}


class Zone:
    """A zone with events, whose clock the test moves."""

    def __init__(self, oned: Oned, url: str) -> None:
        self.now = self._began = 1_795_305_320.0
        self._monotonic = time.monotonic()
        entry = Found("one", endpoint=oned.endpoint, session=Secret(SESSION), events=Publishers(urls=[url]))
        self.cloud = OpenNebula(entry, Clock(monotonic=self._moment, now=lambda: self.now))
        self.oned = oned

    def _moment(self) -> float:
        return self._monotonic + self.now - self._began

    @property
    def events(self) -> Events:
        assert self.cloud.events is not None
        return self.cloud.events

    async def after(self, seconds: float) -> dict[str, tuple[str, str]]:
        """State and host of each VM at the next refresh."""
        answer = await self.read(seconds)
        return {one.vm_id: (one.state, one.host) for one in answer.vms.values()}

    async def read(self, seconds: float = 0, question: str = "vms") -> Any:
        """The answer so much later."""
        self.now += seconds
        return await self.cloud.ask(question)

    def pools(self) -> int:
        """How often the pool was asked for."""
        return self.oned.calls["vmpool.info"]


@asynccontextmanager
async def zone(answers: Any = None) -> AsyncIterator[tuple[Zone, Publisher]]:
    with publisher() as one:
        async with replayed(TWO if answers is None else answers) as oned:
            made = Zone(oned, one.url)
            listens = asyncio.create_task(made.cloud.listen())
            try:
                await until(lambda: made.events.account().is_up)
                yield made, one
            finally:
                listens.cancel()
                with suppress(asyncio.CancelledError):
                    await listens
                await made.cloud.close()


async def heard(one: Zone, number: int) -> None:
    await until(lambda: sum(one.events.account().counts.values()) == number)
