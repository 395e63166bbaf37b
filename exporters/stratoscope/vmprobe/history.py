"""The last runs of a probe, packed: 500 probes have 25,000, and a run takes 1.8 KB unpacked."""

from collections.abc import Iterable, Sequence
from typing import Final, overload

import msgspec

from stratoscope.vmprobe.record import Run

_PACK: Final = msgspec.msgpack.Encoder().encode
_UNPACK: Final = msgspec.msgpack.Decoder(Run).decode


class History(Sequence[Run]):
    """Runs, the oldest first; each is unpacked when it is read."""

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._packed = tuple(_PACK(one) for one in runs)

    def plus(self, run: Run, most: int) -> "History":
        """These and one more, without the oldest of more than `most`."""
        return self._of((*self._packed, _PACK(run))[-most:])

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, at: int) -> Run: ...
    @overload
    def __getitem__(self, at: slice) -> "History": ...
    def __getitem__(self, at: int | slice) -> "Run | History":
        return self._of(self._packed[at]) if isinstance(at, slice) else _UNPACK(self._packed[at])

    @staticmethod
    def _of(packed: tuple[bytes, ...]) -> "History":
        history = History()
        history._packed = packed
        return history
