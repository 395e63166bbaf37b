"""An exporter of 3 clouds with 30 collectors each, or of none: `python -m support.crowd HOW FLAGS...`.

With `many`, all of one cloud fail for one reason; of another some fail for reasons of their own, one is left
out and two have not answered yet. With `none` nothing is collected.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from stratoscope.core.app import main
from stratoscope.core.collector import Absent, Collection, Collections, Collector, Every
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from stratoscope.core.exporter import Exporter
from stratoscope.core.flags import Flags
from stratoscope.core.metrics import Family, Sample
from stratoscope.core.part import Opened, Part
from stratoscope.core.program import Program

OBJECTS: Final = Family("stratoscope_crowd_objects", "Objects.", labels=("cloud",))
NAMES: Final = [f"collector_{number:02}" for number in range(28)] + [
    "x",
    "a_collector_with_a_long_name_of_its_own",
]
AWAY: Final = "no answer from https://keystone.lab.example.org:5000/v3/auth/tokens: Connection refused"
LONG: Final = "the answer makes no sense: " + "\N{LATIN SMALL LETTER E WITH ACUTE}<b>" * 60 + "x" * 700
EVERY: Final = Every(60, 3600, 7200)


class Scripted(Collector[int]):
    """Does as it is told to: it has so many objects, raises, or never answers (None)."""

    families = (OBJECTS,)

    def __init__(self, cloud: str, name: str, does: int | Exception | None) -> None:
        self.cloud, self.name, self._does = cloud, name, does

    async def fetch(self) -> int:
        if isinstance(self._does, Exception):
            raise self._does
        if self._does is None:
            await asyncio.get_running_loop().create_future()
        return self._does or 0

    def samples(self, data: int, /) -> Iterable[Sample]:  # noqa: ARG002 - what it shows does not matter
        return ()


UNI: Final[Mapping[str, Exception | None]] = {
    "collector_05": CollectError(Reason.MALFORMED, LONG),
    "collector_17": CollectError(Reason.TIMEOUT, "no answer within 50 s"),
    "collector_03": LeftOutError(LeftOut.UNAUTHORIZED, "the role admin is needed"),
    "collector_26": None,
    "x": None,
}
"""What those of one cloud do that do not succeed."""


def many() -> Collections:
    collectors = [
        *(Scripted("uni", name, UNI.get(name, number * 1000)) for number, name in enumerate(NAMES)),
        *(Scripted("lab", name, CollectError(Reason.UNAVAILABLE, AWAY)) for name in NAMES),
        *(Scripted("a-cloud-far-away", name, 1) for name in NAMES),
    ]
    absent = [Absent(name, LeftOut.NOT_CONFIGURED, "uni") for name in ("cinder_volumes", "each_port")]
    return Collections([Collection(one, EVERY) for one in collectors], absent)


PROGRAM: Final = Program(name="crowd", port=0, summary="Shows what a page must be able to bear.")


@asynccontextmanager
async def opened() -> AsyncIterator[Opened]:
    yield Opened()


def exporter(how: str) -> Exporter:
    collections = many() if how == "many" else Collections([])
    part = Part(name="crowd", identity=None, open=opened, collections=lambda _: collections)
    return Exporter(program=PROGRAM, parse=lambda *_: {}, parts=lambda *_: [part])


def run(arguments: Sequence[str]) -> int:
    return main(exporter(arguments[0]), Flags.parse(PROGRAM, arguments[1:]))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
