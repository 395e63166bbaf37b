"""A ledger in memory, which fails when the test says so."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stratoscope.clouds.lifecycle import Object
from stratoscope.vmprobe.database import LedgerError
from stratoscope.vmprobe.history import History
from stratoscope.vmprobe.ledger import Ledger
from stratoscope.vmprobe.record import Outcome, Run
from stratoscope.vmprobe.tables import Remaining


class FakeLedger(Ledger):
    """Attributes:
    failing: The methods that raise.
    calls: What was called, in order, with the object's kind and id.
    saved: All runs, as they were saved last, by id.
    open_objects: What was intended and is not gone, by run.
    kept: The ends of what is kept, by run.
    """

    def __init__(self) -> None:
        self.failing: set[str] = set()
        self.calls: list[str] = []
        self.saved: dict[str, Run] = {}
        self.open_objects: dict[str, dict[str, Object]] = {}
        self.kept: dict[str, float] = {}
        self.deadlines: dict[str, float] = {}
        self.its_pauses: dict[str, float | None] = {}
        self.spent_s = 0.0

    async def open(self) -> Sequence[Run]:
        self._called("open")
        return ()

    async def intend(
        self, run: Run, credential: str, one: Object, deadline: float, *, is_vm: bool = True
    ) -> None:
        self._called("intend", credential if is_vm else one.kind)
        self.deadlines[run.id] = deadline
        self.open_objects.setdefault(run.id, {})[one.kind] = one

    async def created(self, run: str, one: Object) -> None:
        self._called("created", one.kind)
        self.open_objects[run][one.kind] = one

    async def gone(self, run: str, one: Object) -> None:
        self._called("gone", one.kind)
        del self.open_objects[run][one.kind]

    async def keep(self, run: str, until: float) -> None:
        self._called("keep")
        self.kept[run] = until

    async def save(self, run: Run) -> None:
        self._called("save")
        self.saved[run.id] = run

    async def runs(self, newest: int = 200) -> Mapping[str, History]:
        self._called("runs")
        found: dict[str, list[Run]] = {}
        for run in self.saved.values():
            if run.outcome is not Outcome.RUNNING:
                found.setdefault(run.probe, []).append(run)
        return {name: History(runs[-newest:]) for name, runs in found.items()}

    async def remaining(self) -> Sequence[Remaining]:
        return ()

    async def known(self, runs: Iterable[str]) -> frozenset[str]:
        return frozenset(run for run in runs if run in self.open_objects)

    async def vm_seconds(self, since: float, now: float) -> float:  # noqa: ARG002 - as Ledger has it
        self._called("vm_seconds")
        return self.spent_s

    async def pause(self, probe: str, until: float | None) -> None:
        self._called("pause")
        self.its_pauses[probe] = until

    async def resume(self, probe: str) -> None:
        self._called("resume")
        self.its_pauses.pop(probe, None)

    async def pauses(self) -> Mapping[str, float | None]:
        return self.its_pauses

    async def close(self) -> None:
        self._called("close")

    def _called(self, name: str, what: str = "") -> None:
        self.calls.append(f"{name} {what}".strip())
        if {name, f"{name} {what}"} & self.failing:
            raise LedgerError(Path("/ledger.db"), f"{name}: No space left on device")
