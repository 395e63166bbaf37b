"""Nova's migrations in memory: what tests of their reader change between two readings."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.openstack.compute.migration_list import MigrationList
from stratoscope.clouds.openstack.compute.migrations import ComputeMigrations
from support.fake_api import Body, FakeApi

LIST: Final = "/os-migrations"
START: Final = 1_788_264_000.0
"""2026-09-01T12:00:00Z"""


def text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000")


class FakeMigrations(FakeApi):
    """Answers as Nova does: by `status` and `changes-since`, two rows a page, the newest first; what else is
    requested as FakeApi does.

    Attributes:
        rows: By id. now: Of the reader's clock. progress: Of the server with that id.
    """

    def __init__(self, *others: str) -> None:
        """Args: others: Services in the catalogue besides compute."""
        super().__init__({}, services=["compute", *others])
        self.rows: dict[int, dict[str, Any]] = {}
        self.now_s = START
        self.progress: dict[str, Body] = {}

    def reader(self) -> ComputeMigrations:
        clock = Clock(monotonic=lambda: self.now_s, now=lambda: self.now_s)
        return ComputeMigrations(self, MigrationList(self, clock))

    def put(
        self, number: int, status: str, *, created: float, updated: float | None = None, **more: Any
    ) -> None:
        """A migration as it is from now on. Args: created, updated: Seconds after START."""
        self.rows[number] = {
            "id": number, "uuid": f"u{number}", "instance_uuid": f"vm{number}", "status": status,
            "migration_type": "live-migration", "source_compute": "cn01", "dest_compute": "cn02",
            "created_at": text(START + created),
            "updated_at": None if updated is None else text(START + updated), **more,
        }  # fmt: skip

    def asked(self, path: str = LIST) -> list[Mapping[str, str]]:
        """The queries of the requests since this was last called."""
        found: list[Mapping[str, str]] = [dict(call.params) for call in self.calls if call.path == path]
        self.calls.clear()
        return found

    def bodies(self, call: Any) -> Sequence[Body]:
        query = dict(call.params)
        if call.path.endswith("/migrations"):
            self.calls.append(call)
            return [self.progress.get(call.path.split("/")[2], {"migrations": []})]
        if call.path != LIST:
            return super().bodies(call)
        self.calls.append(call)
        if isinstance(broken := self.answers.get(("compute", LIST)), Exception):
            raise broken
        rows = [row for row in reversed(self.rows.values()) if _is_listed(row, query)]
        pages: list[Body] = [{"migrations": rows[start : start + 2]} for start in range(0, len(rows), 2)]
        return pages or [{"migrations": []}]


def _is_listed(row: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    if query.get("status", row["status"]) != row["status"]:
        return False
    since = query.get("changes-since", "")
    # As in SQL, no moment is after none.
    return not since or (row["updated_at"] is not None and row["updated_at"] >= since.rstrip("Z"))
