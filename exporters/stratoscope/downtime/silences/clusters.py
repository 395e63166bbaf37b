"""Which entries of the configuration are members of one cluster: two would expire each other's silences."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

WAIT_S: Final = 2.0
"""So long an entry waits at the start for those before it to answer, or to fail."""


class Clusters:
    """What each entry has seen of its cluster, in the order of the configuration."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._members = dict.fromkeys(names, frozenset[str]())
        self._asked = {name: asyncio.Event() for name in names}

    def see(self, name: str, members: frozenset[str]) -> None:
        """An entry has these members now."""
        self._members[name] = members
        self.asked(name)

    def asked(self, name: str) -> None:
        """An entry has answered, or failed: those after it need not wait for it."""
        self._asked.setdefault(name, asyncio.Event()).set()

    async def wait(self, name: str) -> None:
        """Wait until the entries before this one were asked once, WAIT_S at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_S):
                for other in self._before(name):
                    await self._asked[other].wait()

    def twin(self, name: str) -> str:
        """The entry before this one that has a member of its cluster; "" for none."""
        own = self._members[name]
        return next((one for one in self._before(name) if self._members[one] & own), "")

    def _before(self, name: str) -> Sequence[str]:
        names = [*self._members]
        return names[: names.index(name)]
