"""The pages of downtimes over loopback, with made-up downtimes in a database behind them.

`python -m support.downtime_pages HOW FLAGS...`: `few` downtimes of every kind, `10000`, or `none`.
"""

import datetime as dt
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert

from stratoscope.core.app import main
from stratoscope.core.collector import Collections
from stratoscope.core.exporter import Exporter
from stratoscope.core.flags import Flags
from stratoscope.core.part import Opened, Part
from stratoscope.core.program import Program
from stratoscope.downtime import PROGRAM
from stratoscope.downtime.database import rows
from stratoscope.downtime.database.address import sqlite
from stratoscope.downtime.database.finding import History
from stratoscope.downtime.database.store import Store, opened
from stratoscope.downtime.database.tables import CHANGES, DOWNTIMES
from stratoscope.downtime.matchers import Matcher, matcher_set
from stratoscope.downtime.model import DAY_S, Action, Change, Downtime, State
from stratoscope.downtime.pages import forms, history, overview, timeline
from stratoscope.downtime.pages.preview import Preview
from stratoscope.downtime.pages.shown import Shown
from stratoscope.downtime.routes import ROUTES
from stratoscope.downtime.serving import PART, Service
from stratoscope.downtime.silences.alertmanager import Alertmanager
from stratoscope.downtime.silences.settings import AlertmanagerSettings
from stratoscope.downtime.windows.recurrence import Recurrence
from stratoscope.downtime.windows.window import Template
from support import fake_downtimes
from support.downtime_app import alertmanager

ZONE = ZoneInfo("Europe/Berlin")
WORDS = Template(
    title="patches each week", matcher_sets=(matcher_set([Matcher("host", "n1")]),), silences=True
)
WEEKLY = Recurrence(
    rrule="FREQ=WEEKLY;BYDAY=TU",
    zone="Europe/Berlin",
    first=dt.datetime(2026, 12, 1, 22),  # noqa: DTZ001
    duration_s=14_400,
)
ALERTS = [
    {"alertname": "HostDown", "cloud": "uni", "host": f"n{n}", "severity": "critical"} for n in range(3)
]


def front(downtimes: Sequence[Downtime], query: Mapping[str, str], now: int) -> dict[str, Any]:
    """What the overview is made of."""
    window = timeline.asked(query.get("view", ""), query.get("from", ""), now, ZONE)
    counts = {state: sum(one.state(now) is state for one in downtimes) for state in State}
    found = overview.overview(counts, int(query.get("page", "1")))
    shown = [Shown(one, now, ZONE) for one in downtimes if one.state(now) in (State.ACTIVE, State.UPCOMING)]
    return {
        "overview": overview.Overview(
            found.active, found.upcoming, found.number, shown[: overview.ON_A_PAGE]
        ),
        "clouds": {},
        "timeline": timeline.timeline(downtimes, window, now),
        "path": overview.path,
        "alertmanagers": [*fake_downtimes.alertmanagers(now)] if downtimes else [],
        "imports": [*fake_downtimes.imports(now)] if downtimes else [],
        "now": now,
        "is_reader": True,
        "is_leader": True,
        "is_editor": True,
    }


def single(downtime: Downtime, now: int, error: str = "") -> dict[str, Any]:
    """What the page of a downtime is made of."""
    changes = tuple(fake_downtimes.changes(now))
    return {
        "shown": Shown(downtime, now, ZONE),
        "history": history.history(changes, ZONE),
        "entries": History(changes, 1, len(changes)),
        "silences": [],
        "silencing": "no Alertmanager is configured: it silences nothing",
        "extensions": ("30m", "1h", "4h", "1d"),
        "is_editor": True,
        "may_change": True,
        "may_close": True,
        "may_silence": True,
        "error": error,
    }


def filled(form: forms.Form, preview: Preview | None = None, **more: Any) -> dict[str, Any]:
    """What the form is made of."""
    return {
        "form": form, "preview": preview, "others": (), "heading": "New downtime", "submit": "File it",
        "action": "/downtimes", "back": "/", "labels": ["cloud", "host"],
    } | more  # fmt: skip


async def fill(store: Store, downtimes: Iterable[Downtime], now: int) -> None:
    """Put downtimes into a database as they are, with the history of the first; the others were filed."""
    found = [rows.values(one) | {"window_start": None} for one in downtimes]
    entries = [*fake_downtimes.changes(now)]
    ids = dict.fromkeys(str(one["id"]) for one in found if one["id"] != entries[0].downtime_id)
    entries += [
        Change(downtime_id=one, revision=1, at=now - DAY_S, who="alice", action=Action.FILED) for one in ids
    ]

    def stored(connection: Connection) -> None:
        connection.execute(insert(DOWNTIMES), found)
        connection.execute(insert(CHANGES), [rows.change_values(one) for one in entries])

    if found:
        await store._database.write(stored)


def exporter(downtimes: Iterable[Downtime], now: int) -> Exporter:
    """An exporter with these in its database, beside Alertmanagers and imports in each state."""

    @asynccontextmanager
    async def serving() -> AsyncIterator[Opened]:
        with tempfile.TemporaryDirectory() as folder:
            async with opened(sqlite(Path(folder))) as store, alertmanager() as am:
                am.alerts = [*ALERTS, *({"alertname": "Other", "vm_id": f"{n}"} for n in range(37))]
                await fill(store, found := [*downtimes], now)
                if found:
                    await store.windows.file(WEEKLY, WORDS, who="alice", now=now)
                client = Alertmanager(AlertmanagerSettings(name="am-1", urls=(am.url,)))
                away = Alertmanager(AlertmanagerSettings(name="am-2", urls=("http://127.0.0.1:1",)))
                silences = [*fake_downtimes.alertmanagers(now)] if found else []
                imports = [*fake_downtimes.imports(now)] if found else []
                service = Service(
                    store, zone=ZONE, alertmanagers=[client, away], silences=lambda: silences,
                    imports=lambda: imports,
                )  # fmt: skip
                yield Opened(value=service)
                await client.close()
                await away.close()

    part = Part(name=PART, identity=None, open=serving, collections=lambda _: Collections([]))
    return Exporter(
        program=Program(name="downtime", port=0, summary=PROGRAM.summary),
        parse=lambda *_: {},
        parts=lambda *_: [part],
        routes=ROUTES,
        templates="stratoscope.downtime",
    )


def run(arguments: Sequence[str]) -> int:
    sites: Mapping[str, Callable[[int], Iterable[Downtime]]] = {
        "few": fake_downtimes.few, "10000": fake_downtimes.many, "none": lambda _: (),
    }  # fmt: skip
    now = int(time.time())
    shown = exporter(sites[arguments[0]](now), now)
    return main(shown, Flags.parse(shown.program, arguments[1:]))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
