"""Logs how the collectors of a part change; what several of them say at the same time is one line."""

import asyncio
import logging
from typing import Final, NamedTuple

log = logging.getLogger(__name__)

GATHER_S: Final = 1.0
"""How long a change waits for collectors of which the same is to be said."""
LATER_S: Final = 60.0
"""Who follows is said together so long after those before: collectors have intervals of their own."""
RECOVERED: Final = "recovered"


class Change(NamedTuple):
    """What happened to a collector.

    Attributes:
        level: Of logging.
        what: The first words of the line.
        cloud: The collector's.
        why: Template of further fields, such as ` reason=%s`.
        values: Of these fields.
    """

    level: int
    what: str
    cloud: str
    why: str = ""
    values: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return self.what == RECOVERED


class Changes:
    """The changes of the collectors of one part: who shares reason and text with others is named with them.

    A source that is away is so one line, and not one for each of its collectors.
    """

    def __init__(self, gather_s: float = 0.0) -> None:
        """Args: gather_s: As GATHER_S; with 0 each change is written at once."""
        self._gather_s = gather_s
        self._waiting: dict[Change, tuple[asyncio.TimerHandle, list[str]]] = {}
        self._written: dict[Change, float] = {}

    def add(self, change: Change, collector: str, bug: BaseException | None = None) -> None:
        """Write it of a collector, soon, after what is still to be written of it. In the running loop.

        A recovery comes after all failures before it, and a failure after all recoveries.

        At once: what is for who debugs, and a bug with its traceback.
        """
        if change.level == logging.DEBUG:
            _write(change, [collector])
            return
        for earlier, (_, names) in [*self._waiting.items()]:
            if collector in names or earlier.is_good is not change.is_good:
                self._write_waiting(earlier)
        if bug is not None or not self._gather_s:
            _write(change, [collector], bug)
        elif change in self._waiting:
            self._waiting[change][1].append(collector)
        else:
            loop = asyncio.get_running_loop()
            now = loop.time()
            self._written = {one: at for one, at in self._written.items() if now - at < LATER_S}
            at = max(now + self._gather_s, self._written.get(change, now - LATER_S) + LATER_S)
            self._waiting[change] = loop.call_at(at, self._write_waiting, change), [collector]

    def write(self) -> None:
        """Write what waits for others."""
        for change in [*self._waiting]:
            self._write_waiting(change)

    def _write_waiting(self, change: Change) -> None:
        timer, names = self._waiting.pop(change)
        timer.cancel()
        self._written[change] = asyncio.get_running_loop().time()
        _write(change, names)


def _write(change: Change, names: list[str], bug: BaseException | None = None) -> None:
    if len(names) == 1:
        line = f"{change.what} collector=%s cloud=%s{change.why}"
        log.log(change.level, line, names[0], change.cloud, *change.values, exc_info=bug)
    else:
        line = f"{change.what} collectors=%d cloud=%s{change.why} names=%s"
        log.log(change.level, line, len(names), change.cloud, *change.values, ",".join(sorted(names)))
