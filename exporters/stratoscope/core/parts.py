"""The open parts of an exporter under the configuration in force."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from stratoscope.core.collector import Absent
from stratoscope.core.exporter import Exporter
from stratoscope.core.life import Life
from stratoscope.core.part import Part, Site
from stratoscope.core.runner import Runner
from stratoscope.core.tasks import Supervisor

CLOSE_TIMEOUT_S: Final = 10.0
"""How long a part that was changed may take to end, unless its exporter's stop may take longer."""
OPEN_TIMEOUT_S: Final = 10.0
"""How long a part may take to open while others run: until then no reload can follow."""


class Parts:
    """An exporter's open parts. A reload keeps those that it does not change.

    Attributes:
        settings: The configuration in force; before the first is, that one.
        runners: One per collector that runs.
        left_out: Collectors that do not run.
        opened: What each part has opened for the exporter's routes, by the part's name.
    """

    def __init__(
        self, exporter: Exporter, site: Site, settings: Any, broken: Callable[[BaseException], None]
    ) -> None:
        """Args: broken: Called with an error that ends a part by itself."""
        self.settings = settings
        self._exporter, self._site, self._broken = exporter, site, broken
        self._supervisor = Supervisor(site.registry)
        self._turn = asyncio.Lock()
        self._lives: Mapping[str, Life] = {}
        self._unended: set[Life] = set()

    @property
    def runners(self) -> Sequence[Runner]:
        return [runner for life in self._lives.values() for runner in life.runners]

    @property
    def left_out(self) -> Sequence[Absent]:
        return [absent for life in self._lives.values() for absent in life.left_out]

    @property
    def opened(self) -> Mapping[str, Any]:
        return {name: life.opened.value for name, life in self._lives.items()}

    async def put_into_force(self, settings: object) -> None:
        """Run under other settings: open new parts, then close old ones, then start the new ones.

        Raises:
            Exception: What a part raised when it was opened or planned, or that it was not open in time; all
                goes on as before.
        """
        parts = [*self._exporter.parts(settings, self._site)]
        lives = {part.name: self._life_of(part) for part in parts}
        new = [life for life in lives.values() if life not in self._lives.values()]
        old = [life for life in self._lives.values() if life not in lives.values()]
        try:
            await self._open(new)
            wanted = {part.name: part.collections(lives[part.name].opened) for part in parts}
        except Exception:  # whatever it is, all goes on as before; a reload that is cancelled closes nothing
            await self._close(new, CLOSE_TIMEOUT_S)
            raise
        follow = {one.collector.key for some in wanted.values() for one in some.running}
        runners = {runner.collector.key: runner for life in old for runner in life.runners}
        before = {key: runner for key, runner in runners.items() if key in follow}
        successors = asyncio.get_running_loop().create_future()
        for runner in before.values():
            runner.successors = successors
        try:
            await self._end(old)
            self._lives, self.settings = lives, settings
            for part in parts:
                lives[part.name].collect(part, wanted[part.name], before)
            successors.set_result({runner.collector.key: runner for runner in self.runners})
        finally:
            successors.cancel()
        for life in new:
            life.start()

    async def tried(self) -> None:
        """Return when every collector has been tried once. Raises what ended a part."""
        for life in [*self._lives.values()]:
            await life.tried()

    async def close(self, within_s: float) -> None:
        """End all parts; what hangs is left alone."""
        await self._close([*self._unended], within_s)

    async def _end(self, old: Iterable[Life]) -> None:
        """Close what is old; the exporter is broken if that does not end."""
        hung = await self._close(old, max(CLOSE_TIMEOUT_S, self._exporter.program.stop_timeout_s))
        if hung:
            error = RuntimeError(f"{', '.join(hung)}: does not end, and its successor must not run beside it")
            self._broken(error)
            raise error

    def _life_of(self, part: Part) -> Life:
        """The life that a reload keeps, or a new one."""
        life = self._lives.get(part.name)
        if life is not None and life.part.identity == part.identity:
            return life
        return Life(part, self._turn, self._supervisor)

    async def _open(self, lives: Sequence[Life]) -> None:
        """Open them one after the other. Raises as Life.open; what is open by then is not closed."""
        for life in lives:
            self._unended.add(life)
            await life.open(OPEN_TIMEOUT_S if self._lives else None)
            life.when_broken(self._broken)

    async def _close(self, lives: Iterable[Life], within_s: float) -> Sequence[str]:
        """Close them, and return the names of those that do not end."""
        lives = [life for life in lives if life in self._unended]
        ended = await asyncio.gather(*(life.close(within_s) for life in lives))
        hung = [life for life, has_ended in zip(lives, ended, strict=True) if not has_ended]
        self._unended.difference_update({*lives}.difference(hung))
        return [life.part.name for life in hung]
