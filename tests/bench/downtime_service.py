"""The downtime exporter with 10,000 downtimes: its page, one downtime by id, and writes on SQLite."""

import asyncio
import hashlib
import http.client
import sqlite3
import statistics
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import bcrypt
import msgspec
from downtimes_filled import COUNT, draft, fields, fill
from from_tests import DowntimeProcess
from results import Result, at_least, at_most, interleaved

from stratoscope.downtime.database import rows
from stratoscope.downtime.database.address import FILE, sqlite
from stratoscope.downtime.database.sqlite import PRAGMAS
from stratoscope.downtime.database.store import opened
from stratoscope.downtime.model import Action, Change, Downtime, new_id

PAGES: Final = 40
ROUNDS: Final = 20
REQUESTS: Final = 100
WRITES: Final = 100
_TOKEN, _PASSWORD = "token-of-a-benchmark", "password-of-a-benchmark"
_USER: Final = "basic user"


def run() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "state").mkdir()
        asyncio.run(fill(place / "state"))
        (place / "web.yml").write_text(f"basic_auth_users: {{alice: '{_hashed(_PASSWORD)}'}}\n")
        with _service(place) as service:
            client = _Client(service)
            _until_ready(client)
            pages = _pages(client)
            by_id = _by_id(client)
    late_ms = sorted(pages)[int(0.95 * PAGES)] * 1e3
    return [
        at_most(f"downtime: first byte of / with {COUNT}, p95", late_ms, 150, "ms"),
        *(
            at_least(f"downtime: rate of one by id / of /-/healthy, {how}", ratio, 0.25)
            for how, ratio in by_id.items()
        ),
        *asyncio.run(_writes()),
    ]


def _hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode()


@contextmanager
def _service(place: Path) -> Iterator[DowntimeProcess]:
    token = {"name": "bench", "sha256": hashlib.sha256(_TOKEN.encode()).hexdigest(), "roles": ["editor"]}
    access = {"roles": {"editor": ["alice"]}, "tokens": [token]}
    service = DowntimeProcess(place, f"--web.config.file={place / 'web.yml'}", downtime={"access": access})
    service.start()
    try:
        yield service
    finally:
        service.stop()


class _Client:
    """Over one connection, as a script that keeps it."""

    def __init__(self, service: DowntimeProcess) -> None:
        at = urlsplit(service.url)
        self._connection = http.client.HTTPConnection(at.netloc, timeout=60)
        pair = b64encode(f"alice:{_PASSWORD}".encode()).decode()
        self.log_ins: Mapping[str, str] = {"bearer token": f"Bearer {_TOKEN}", _USER: f"Basic {pair}"}

    def first_byte_s(self, path: str, log_in: str, method: str = "GET", body: bytes = b"") -> float:
        """Seconds until the answer begins, which is one of success."""
        began = time.perf_counter()
        headers = {"Authorization": self.log_ins[log_in], "Content-Type": "application/json"}
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        taken = time.perf_counter() - began
        content = answer.read()
        if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
            raise RuntimeError(f"{path}: {answer.status} {content[:200]!r}")
        self.last = content
        return taken

    def all_s(self, path: str, log_in: str) -> float:
        """Seconds of REQUESTS, one after the other."""
        began = time.perf_counter()
        for _ in range(REQUESTS):
            self.first_byte_s(path, log_in)
        return time.perf_counter() - began


def _until_ready(client: _Client) -> None:
    """Wait, at most 30 s: without a log-in it does not say whether it is."""
    for _ in range(300):
        try:
            client.first_byte_s("/-/ready", _USER)
        except RuntimeError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the exporter is not ready")


def _pages(client: _Client) -> list[float]:
    """Before every second page something is filed. The first is not counted: it hashes the password."""
    client.first_byte_s("/", _USER)
    found = []
    for number in range(PAGES):
        if number % 2:
            _file(client, COUNT + number)
        found.append(client.first_byte_s("/", _USER))
    middle, size = statistics.median(found) * 1e3, len(client.last) / 1e3
    print(f"the page: median {middle:.0f} ms, at most {max(found) * 1e3:.0f} ms; {size:.0f} kB")
    return found


def _file(client: _Client, number: int) -> str:
    """The id of a downtime that is filed."""
    now = int(time.time())
    body = msgspec.json.encode(draft(number, now) | {"start": now, "end": now + 3600})
    client.first_byte_s("/api/v1/downtimes", _USER, "POST", body)
    filed: str = msgspec.json.decode(client.last)["id"]
    return filed


def _by_id(client: _Client) -> Mapping[str, float]:
    """How many times the rate of /-/healthy the rate of one downtime with its history is, by log-in.

    /-/healthy, which takes no token, is asked for as the user.
    """
    one = f"/api/v1/downtimes/{_file(client, 2 * COUNT)}"
    found = {}
    for log_in in client.log_ins:
        healthy, ours = interleaved(
            ROUNDS, partial(client.all_s, "/-/healthy", _USER), partial(client.all_s, one, log_in)
        )
        print(f"{log_in}: one by id {REQUESTS / ours:.0f}, /-/healthy {REQUESTS / healthy:.0f} a second")
        found[log_in] = healthy / ours
    return found


async def _writes() -> list[Result]:
    """Downtimes filed one after the other, and the same rows by sqlite3 itself, each one a commit."""
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as other:
        await fill(Path(ours))
        await fill(Path(other))
        taken, raw = list[float](), list[float]()
        async with opened(sqlite(Path(ours))) as store:
            acknowledged: list[str] = []
            with closing(_raw(Path(other))) as connection:
                for _ in range(ROUNDS):
                    now = int(time.time())
                    checked = [fields(number, now) for number in range(WRITES)]
                    began = time.perf_counter()
                    acknowledged += [(await store.file(one, who="alice", now=now)).id for one in checked]
                    taken.append(time.perf_counter() - began)
                    raw.append(_raw_s(connection))
        with closing(sqlite3.connect(Path(ours, FILE))) as connection:
            stored = {one for (one,) in connection.execute("SELECT id FROM downtimes")}
    middle, middle_raw = statistics.median(taken), statistics.median(raw)
    print(f"writes: {WRITES / middle:.0f} a second, sqlite3 itself {WRITES / middle_raw:.0f}")
    return [
        at_least("downtime: rate of writes on SQLite / of sqlite3 itself", middle_raw / middle, 0.25),
        at_most("downtime: writes lost", len(set(acknowledged) - stored), 0, "writes"),
    ]


def _raw(folder: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / FILE, isolation_level=None)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _raw_s(connection: sqlite3.Connection) -> float:
    """Seconds of the statements of WRITES downtimes with their first entry of history, made before."""
    now = int(time.time())
    written = [_rows(number, now) for number in range(WRITES)]
    downtime, entry = written[0]
    statements = _insert("downtimes", downtime), _insert("changes", entry)
    began = time.perf_counter()
    for pair in written:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE revision SET number = number + 1 WHERE id = 1")
        for statement, row in zip(statements, pair, strict=True):
            connection.execute(statement, row)
        connection.execute("COMMIT")
    return time.perf_counter() - began


def _rows(number: int, now: int) -> tuple[Mapping[str, object], Mapping[str, object]]:
    one = Downtime(
        id=new_id(), **fields(number, now)._asdict(), author="alice", created_at=now, changed_at=now
    )  # fmt: skip
    entry = Change(downtime_id=one.id, revision=1, at=now, who="alice", action=Action.FILED)
    return rows.values(one), rows.change_values(entry)


def _insert(table: str, row: Mapping[str, object]) -> str:
    columns, values = (", ".join(f'"{name}"' for name in row), ", ".join(f":{name}" for name in row))
    return f"INSERT INTO {table} ({columns}) VALUES ({values})"  # noqa: S608 - names of our own
