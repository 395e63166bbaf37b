"""Two exporters with one PostgreSQL and one Alertmanager: both answer, one leads, the other takes over."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import ClientSession

from stratoscope.downtime.silences.silence import decode
from support import postgresql
from support.alertmanagers import RealAlertmanager, unpacked
from support.downtime_process import DowntimeProcess
from support.notified import until

pytestmark = pytest.mark.integration

LEADS: Final = 'msg="this process leads"'
LEADING_S: Final = 10.0
"""Of two that start, one leads by then; and when it is killed, the other."""
FILED_S: Final = 5.0
"""From the answer to the silence, whichever of the two was asked."""


@pytest.fixture(scope="module")
def server() -> Iterator[postgresql.Server]:
    with postgresql.postgresql() as found:
        yield found


class Pair:
    """Two exporters."""

    def __init__(self, folder: Path, am: RealAlertmanager, server: postgresql.Server) -> None:
        (folder / "password").write_text(postgresql.PASSWORD)
        own = {
            "database": server.new_database(),
            "database_password_file": str(folder / "password"),
            "alertmanagers": [{"name": "am", "urls": [am.url]}],
        }
        self._am_url = am.url
        self.both = [DowntimeProcess(folder / name, downtime=own) for name in ("one", "other")]

    async def live(self) -> list[str]:
        """The keys of the silences that are live, as text; all are ours."""
        url = f"{self._am_url}/api/v2/silences"
        async with ClientSession() as session, session.get(url) as response:
            found, _ = decode(await response.read())
        return sorted(one.key.downtime_id for one in found if one.is_live and one.key is not None)

    async def has(self, *ids: str, within_s: float) -> float:
        """Wait until these, once each, are all that is live; after how many seconds they were."""
        began = time.monotonic()
        while (found := await self.live()) != sorted(ids):
            assert time.monotonic() - began < within_s, found
            await asyncio.sleep(0.05)
        return time.monotonic() - began


@asynccontextmanager
async def pair(folder: Path, server: postgresql.Server) -> AsyncIterator[Pair]:
    am = RealAlertmanager(unpacked("trixie"), folder / "am").start()
    found = Pair(folder, am, server)
    try:
        yield found
    finally:
        for one in found.both:
            one.stop()
        am.stop()


def draft(host: str) -> dict[str, Any]:
    now = int(time.time())
    return {
        "title": f"new switch at {host}",
        "start": now - 60,
        "end": now + 3600,
        "matcher_sets": [["cloud=uni", f"host={host}"]],
    }


async def test_other_takes_over_from_one_that_is_killed(server: postgresql.Server, tmp_path: Path) -> None:
    async with pair(tmp_path, server) as two:
        await asyncio.gather(*(asyncio.to_thread(one.start) for one in two.both))
        await until(lambda: any(LEADS in one.log for one in two.both), LEADING_S)
        other, leader = sorted(two.both, key=lambda one: LEADS in one.log)
        assert LEADS not in other.log

        first, second = leader.file(**draft("n1"))["id"], other.file(**draft("n2"))["id"]
        assert first in other.get(f"/api/v1/downtimes/{first}")
        assert second in leader.get(f"/api/v1/downtimes/{second}")
        filed_s = await two.has(first, second, within_s=FILED_S)

        leader.kill()
        third = other.file(**draft("n3"))["id"]
        taken_s = await until(lambda: LEADS in other.log, LEADING_S)
        written_s = await two.has(first, second, third, within_s=FILED_S)

        leader.start()
        fourth = leader.file(**draft("n4"))["id"]
        await two.has(first, second, third, fourth, within_s=FILED_S)
        print(  # noqa: T201 - the figures
            f"silence {filed_s:.2f} s; led {taken_s:.2f} s after the kill, silences {written_s:.2f} s later"
        )
        assert LEADS not in leader.log.rpartition("msg=listening")[2]
