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
        self._tried = {name: asyncio.Event() for name in names}
        self._failed: set[str] = set()

    def see(self, name: str, members: frozenset[str]) -> None:
        """An entry has answered: it has these members now."""
        self._members[name] = members
        self._tried[name].set()

    def works(self, name: str) -> None:
        """An entry was read: it keeps the silences of its cluster, unless one before it does."""
        self._failed.discard(name)

    def failed(self, name: str) -> None:
        """An entry was not read: the next one of its cluster keeps its silences meanwhile."""
        self._failed.add(name)
        self._tried[name].set()

    async def wait(self, name: str) -> None:
        """Wait until the entries before this one were tried once, WAIT_S at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_S):
                for other in self._before(name):
                    await self._tried[other].wait()

    def first(self, name: str) -> str:
        """The first entry of its cluster, maybe itself: under its name the silences are recorded."""
        return next((one for one in self._before(name) if self._is_twin(one, name)), name)

    def strangers(self, name: str) -> Sequence[str]:
        """The entries before this one that do not answer, and are of another cluster as far as is known."""
        before = (one for one in self._before(name) if not self._is_twin(one, name))
        return [one for one in before if one in self._failed or not self._members[one]]

    def join(self, name: str, other: str) -> None:
        """An entry that does not answer is of the cluster of another one, until it says itself."""
        self._members[name] = self._members[other]

    def twin(self, name: str) -> str:
        """The entry before this one that keeps the silences of its cluster; "" for none."""
        twins = (one for one in self._before(name) if self._is_twin(one, name))
        return next((one for one in twins if one not in self._failed), "")

    def _is_twin(self, name: str, other: str) -> bool:
        return not self._members[name].isdisjoint(self._members[other])

    def _before(self, name: str) -> Sequence[str]:
        names = [*self._members]
        return names[: names.index(name)]
