"""Remembers taps between readings: existence, first bridge, lowest promiscuity count."""

from collections.abc import Mapping, Sequence

import msgspec

from stratoscope.hypervisor.kernel.taps import Tap


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One interface over the readings that saw it; a later one of the same name starts again.

    Attributes:
        index: Its index in the kernel, which distinguishes it from the next one of that name.
        master: The first bridge that it was seen on; None before.
        promiscuity: The lowest promiscuity count that was seen, its bridge excluded.
    """

    index: int | None
    master: str | None
    promiscuity: int | None


class Told(msgspec.Struct, frozen=True, gc=False):
    """The interfaces of a reading, compared with earlier ones.

    Attributes:
        taps: By name; None for one that existed and is gone. One that was never seen is missing.
        masters: The first bridge on which each was seen; without those that never were on one.
        promiscuous: Whether the promiscuity count is above the lowest seen; without those for which the
            kernel does not report it.
    """

    taps: Mapping[str, Tap | None] = {}
    masters: Mapping[str, str] = {}
    promiscuous: Mapping[str, bool] = {}


class TapHistory:
    """The history of the interfaces that each reading requests; others are forgotten."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}

    def copied(self) -> "TapHistory":
        """An independent copy."""
        copy = TapHistory()
        copy._seen = self._seen
        return copy

    def learn(self, names: Sequence[str], found: Mapping[str, Tap | None], counts: Mapping[str, int]) -> Told:
        """Add a reading, and compare it.

        Args:
            names: All that were requested.
            found: The interfaces that could be read; None for one that does not exist.
            counts: The kernel's promiscuity counts by name.
        """
        seen = {name: self._seen[name] for name in names if name in self._seen}
        taps: dict[str, Tap | None] = {}
        promiscuous = {}
        for name, tap in found.items():
            if tap is not None:
                count = _besides_bridge(tap, counts.get(name))
                now = seen[name] = _together(seen.get(name), tap, count)
                if count is not None and now.promiscuity is not None:
                    promiscuous[name] = count > now.promiscuity
            if name in seen:
                taps[name] = tap
        masters = {name: one.master for name, one in seen.items() if one.master is not None}
        self._seen = seen
        return Told(taps, masters, promiscuous)


def _besides_bridge(tap: Tap, count: int | None) -> int | None:
    """The count without the bridge, which puts each of its ports in promiscuous mode once."""
    return None if count is None else max(0, count - (tap.master is not None))


def _together(before: Seen | None, tap: Tap, count: int | None) -> Seen:
    if before is None or before.index != tap.ifindex:
        return Seen(tap.ifindex, tap.master, count)
    counts = [one for one in (before.promiscuity, count) if one is not None]
    return Seen(tap.ifindex, before.master or tap.master, min(counts, default=None))
