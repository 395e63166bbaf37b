"""The tables of a ledger: their schema, and what is written to them and read from them."""

import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec

from stratoscope.clouds.lifecycle import Object
from stratoscope.vmprobe.history import History
from stratoscope.vmprobe.record import Outcome, Run

log = logging.getLogger(__name__)

KEPT_RUNS: Final = 200
"""The ledger keeps at most so many runs of each probe, the newest."""

UPGRADES: Final[Sequence[Sequence[str]]] = (
    (
        """CREATE TABLE runs (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            probe TEXT NOT NULL,
            outcome TEXT NOT NULL,
            saved REAL NOT NULL,
            document BLOB NOT NULL)""",
        "CREATE INDEX runs_by_probe ON runs (probe, number)",
        "CREATE INDEX runs_in_progress ON runs (id) WHERE outcome = 'running'",
        """CREATE TABLE intents (
            run TEXT PRIMARY KEY,
            probe TEXT NOT NULL,
            credential TEXT NOT NULL,
            deadline REAL NOT NULL,
            since REAL NOT NULL,
            vm_id TEXT NOT NULL DEFAULT '',
            kept_until REAL)""",
        """CREATE TABLE objects (
            number INTEGER PRIMARY KEY,
            run TEXT NOT NULL REFERENCES intents ON DELETE CASCADE,
            kind TEXT NOT NULL,
            id TEXT NOT NULL,
            name TEXT NOT NULL,
            is_vm INTEGER NOT NULL,
            since REAL NOT NULL,
            gone REAL)""",
        "CREATE INDEX objects_by_run ON objects (run)",
        "CREATE INDEX objects_open ON objects (run) WHERE gone IS NULL",
        "CREATE INDEX vms ON objects (gone, since) WHERE is_vm AND id <> ''",
        "CREATE TABLE pauses (probe TEXT PRIMARY KEY, until REAL)",
    ),
)
"""What leads from each version of the schema to the next, from an empty file on."""

_MATCHES: Final = (
    "run = :run AND kind = :kind AND ((id = :id AND id <> '') OR (id = '' AND :name IN (name, '')))"
)
"""An object of a run: by its id, or, as long as the ledger does not know that, by its name, if it has one."""
_SAVE: Final = (
    "INSERT INTO runs (id, probe, outcome, saved, document) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id)"
    " DO UPDATE SET outcome = excluded.outcome, saved = excluded.saved, document = excluded.document"
)
_FORGET: Final = (
    "DELETE FROM runs WHERE probe = :probe AND outcome <> :running AND number <= (SELECT number FROM runs"
    " WHERE probe = :probe AND outcome <> :running ORDER BY number DESC LIMIT 1 OFFSET :kept)"
)
_NEWEST: Final = (
    "SELECT probe, document FROM (SELECT probe, number, document, row_number() OVER (PARTITION BY probe"
    " ORDER BY number DESC) AS place FROM runs WHERE outcome <> :running) WHERE place <= :newest"
    " ORDER BY probe, number"
)
_OPEN: Final = (
    "SELECT run, probe, credential, kind, id, name, vm_id, deadline, objects.since, kept_until"
    " FROM objects INDEXED BY objects_open JOIN intents USING (run) WHERE gone IS NULL ORDER BY number"
)
_VM_SECONDS: Final = (
    "SELECT (SELECT total(max(0, gone - max(since, :since))) FROM objects"
    " WHERE is_vm AND id <> '' AND gone > :since)"
    " + (SELECT total(max(0, :now - max(since, :since))) FROM objects"
    " WHERE is_vm AND id <> '' AND gone IS NULL)"
)
"""Of VMs that are gone, and of those that may be there: each by the index, which an OR would not use."""
_TIDY: Final = (
    "DELETE FROM intents WHERE since < :before AND NOT EXISTS (SELECT 1 FROM objects WHERE objects.run ="
    " intents.run AND (gone IS NULL OR gone >= :before))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """An object that was or will be created, and has not been seen gone. Moments are Unix seconds.

    Attributes:
        object: Without an id if it is not known whether it was created; without its mark.
        vm_id: Of the run's VM, also when that is gone; "" if unknown.
        since: When it was intended, or found.
        kept_until: What is left of the run is left on purpose until then; None if it is not.
    """

    run: str
    probe: str
    credential: str
    object: Object
    vm_id: str
    deadline: float
    since: float
    kept_until: float | None

    @property
    def is_created(self) -> bool:
        return self.object.id != ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A run that creates objects with a credential until a deadline."""

    run: str
    probe: str
    credential: str
    deadline: float


def save_run(connection: sqlite3.Connection, run: Run, now: float) -> None:
    """Write a run down as it is now, and forget the oldest of its probe.

    Its place among the others is that of its first time.
    """
    connection.execute(_SAVE, (run.id, run.probe, run.outcome, now, msgspec.json.encode(run)))
    if run.outcome is not Outcome.RUNNING:
        connection.execute(_FORGET, {"probe": run.probe, "running": Outcome.RUNNING, "kept": KEPT_RUNS})


def newest_runs(connection: sqlite3.Connection, newest: int) -> Mapping[str, History]:
    """The newest runs that have ended, by probe."""
    rows = connection.execute(_NEWEST, {"newest": newest, "running": Outcome.RUNNING})
    found = {}
    for probe, of_probe in groupby(rows, itemgetter(0)):
        runs = (_decoded(document) for _, document in of_probe)
        found[probe] = History(run for run in runs if run is not None)
    return {probe: history for probe, history in found.items() if history}


def end_interrupted(connection: sqlite3.Connection, now: float) -> Sequence[Run]:
    """End all runs in progress as interrupted, when they were saved last, with their VMs; returns them."""
    rows = connection.execute(
        "SELECT id, saved, document, vm_id FROM runs LEFT JOIN intents ON run = id WHERE outcome = ?"
        " ORDER BY number",
        (Outcome.RUNNING,),
    ).fetchall()
    ended = []
    for run_id, saved, document, vm_id in rows:
        run = _decoded(document)
        if run is None:
            connection.execute("DELETE FROM runs WHERE id = ?", (run_id,))
            continue
        ends = max(saved, run.began)
        changes = {"outcome": Outcome.INTERRUPTED, "ended": ends, "vm_id": run.vm_id or vm_id or ""}
        ended.append(msgspec.structs.replace(run, **changes))
        save_run(connection, ended[-1], now)
    return ended


def insert_intent(connection: sqlite3.Connection, intent: Intent, now: float) -> None:
    """Write an intent down; one that its run has already gets its credential."""
    connection.execute(
        "INSERT INTO intents (run, probe, credential, deadline, since) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (run) DO UPDATE SET credential = excluded.credential",
        (intent.run, intent.probe, intent.credential, intent.deadline, now),
    )


def insert_object(
    connection: sqlite3.Connection, run: str, one: Object, now: float, *, is_vm: bool = False
) -> None:
    """Write an object of an intent down."""
    connection.execute(
        "INSERT INTO objects (run, kind, id, name, is_vm, since) VALUES (?, ?, ?, ?, ?, ?)",
        (run, one.kind, one.id, one.name, is_vm, now),
    )


def set_created(
    connection: sqlite3.Connection, run: str, one: Object, now: float, *, is_vm: bool = False
) -> None:
    """An object exists: the intended one, one that is known, or one more."""
    names = {"run": run, "kind": one.kind, "id": one.id, "name": one.name}
    if not connection.execute(f"UPDATE objects SET id = :id, gone = NULL WHERE {_MATCHES}", names).rowcount:  # noqa: S608 - a constant
        insert_object(connection, run, one, now, is_vm=is_vm)
    connection.execute(
        "UPDATE intents SET vm_id = :id WHERE run = :run"
        " AND EXISTS (SELECT 1 FROM objects WHERE run = :run AND id = :id AND is_vm)",
        names,
    )


def set_gone(connection: sqlite3.Connection, run: str, one: Object, now: float) -> None:
    """An object is gone, or, without an id, was not created."""
    names = {"now": now, "run": run, "kind": one.kind, "id": one.id, "name": one.name}
    connection.execute(f"UPDATE objects SET gone = :now WHERE gone IS NULL AND {_MATCHES}", names)  # noqa: S608 - a constant


def open_objects(connection: sqlite3.Connection) -> Sequence[Remaining]:
    """All objects that have not been seen gone, the oldest first."""
    return [
        Remaining(
            run=run,
            probe=probe,
            credential=credential,
            object=Object(kind, object_id, name),
            vm_id=vm_id,
            deadline=deadline,
            since=since,
            kept_until=kept_until,
        )
        for run, probe, credential, kind, object_id, name, vm_id, deadline, since, kept_until in (
            connection.execute(_OPEN)
        )
    ]


def known_runs(connection: sqlite3.Connection, runs: Iterable[str]) -> frozenset[str]:
    """Those of these runs that have an intent."""
    select = "SELECT 1 FROM intents WHERE run = ?"
    return frozenset(run for run in runs if connection.execute(select, (run,)).fetchone())


def vm_seconds(connection: sqlite3.Connection, since: float, now: float) -> float:
    """For how long VMs have existed since then. What ends in the future counts: a clock went back."""
    seconds: float = connection.execute(_VM_SECONDS, {"since": since, "now": now}).fetchone()[0]
    return seconds


def tidy(connection: sqlite3.Connection, before: float) -> None:
    """Forget the intents whose objects have all been gone since before then."""
    connection.execute(_TIDY, {"before": before})


def _decoded(document: bytes) -> Run | None:
    """A run; None if it cannot be read: it costs no other."""
    try:
        return msgspec.json.decode(document, type=Run)
    except msgspec.MsgspecError as error:
        log.warning("left out a run that cannot be read error=%r", str(error))
        return None
