"""What is remembered of taps between readings: that they were there, on which bridge, how promiscuous."""

from collections.abc import Mapping, Sequence

import msgspec

from stratoscope.hypervisor.kernel.taps import Tap


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One interface over the readings that saw it; a later one of the same name begins anew.

    Attributes:
        index: Its number in the kernel, which tells it from the next one of that name.
        master: The first bridge that it was seen on; None before.
        promiscuity: The fewest that were seen to hold it in promiscuous mode, its bridge not counted.
    """

    index: int | None
    master: str | None
    promiscuity: int | None


class Told(msgspec.Struct, frozen=True, gc=False):
    """The interfaces of a reading, beside what they were before.

    Attributes:
        taps: By name; None for one that was there and is gone. One never seen is not in it.
        masters: The first bridge that each was seen on; without those never on one.
        promiscuous: Whether more hold it in promiscuous mode than ever before; without those of which the
            kernel does not tell it.
    """

    taps: Mapping[str, Tap | None] = {}
    masters: Mapping[str, str] = {}
    promiscuous: Mapping[str, bool] = {}


class TapHistory:
    """The history of the interfaces that each reading asks for; of what it does not, nothing is kept."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}

    def copied(self) -> "TapHistory":
        """The same history, which goes on by itself."""
        copy = TapHistory()
        copy._seen = self._seen
        return copy

    def learn(self, names: Sequence[str], found: Mapping[str, Tap | None], counts: Mapping[str, int]) -> Told:
        """Take note of a reading.

        Args:
            names: All that were asked for.
            found: Those that could be read; None for what does not exist.
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
    """A bridge holds each of its ports in promiscuous mode once."""
    return None if count is None else max(0, count - (tap.master is not None))


def _together(before: Seen | None, tap: Tap, count: int | None) -> Seen:
    if before is None or before.index != tap.ifindex:
        return Seen(tap.ifindex, tap.master, count)
    counts = [one for one in (before.promiscuity, count) if one is not None]
    return Seen(tap.ifindex, before.master or tap.master, min(counts, default=None))
