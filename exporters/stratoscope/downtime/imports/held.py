"""What vanishes from a source while a row of it has no id, and so may be that row: it is held for a while."""

from collections import deque
from collections.abc import Collection, Mapping
from typing import Final

HELD: Final = 2
"""For so many answers."""


class Held:
    """The rows of the last answers of one source."""

    def __init__(self) -> None:
        self._seen: deque[Mapping[str, int]] = deque(maxlen=HELD)

    def take(self, ends: Mapping[str, int], unread: Collection[str], now: int) -> tuple[Collection[str], int]:
        """Take an answer.

        Args:
            ends: By external id, when it ends, in Unix seconds.
            unread: See `announced.is_unread`.

        Returns:
            What counts as unread, where `""` for a row that could be any counts in the first answers alone;
            and how many rows are held.
        """
        seen = [*self._seen]
        self._seen.append(ends)
        if "" not in unread:
            return unread, 0
        vanished = {one for rows in seen for one, end in rows.items() if end > now and one not in ends}
        if len(seen) < HELD:  # what was stored before is not known
            return unread, len(vanished)
        return {*unread} - {""} | vanished, len(vanished)
