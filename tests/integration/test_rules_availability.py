"""`stratoscope availability` on a real Prometheus, which has the minutes of a month, with real downtimes."""

import json
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from cloud.ports import free_port

from stratoscope.__main__ import main
from support import argo
from support.alertmanagers import ROOT
from support.argo import State
from support.downtime_process import DowntimeProcess
from support.patience import FAR_S
from support.worked_days import HOUR, WORKED

pytestmark = pytest.mark.integration

TOOLS = ROOT / "build" / "tools" / "usr" / "bin"
BEGINS = int(datetime(2025, 11, 1, tzinfo=UTC).timestamp())
DAYS = [*(timeline for timeline, _, _ in WORKED.values()), *[[(0, State.OK)]] * 25]
"""Of November: those that are worked, and 25 that are ok."""
SECONDS = {"late": 59.999, "midnight": 0.0}
"""By cloud: when in a minute Prometheus evaluates."""
SHUT = (3 * HOUR, 9 * HOUR)
"""A downtime of zone a that is filed a year late; in it, the probe fails for some time."""
PROBES = {
    "a": [(0, State.OK), (2 * HOUR, State.CRITICAL), (8 * HOUR, State.OK)],
    "b": [(0, State.OK), (20 * HOUR, State.WARNING)],
}
"""By zone: what was recorded on the first day."""


def states(timeline: list[tuple[int, State]]) -> Iterator[State]:
    """That of each minute of the day."""
    for minute in range(1440):
        yield [state for begins, state in timeline if begins <= minute * 60][-1]


def page(number: int, timeline: list[tuple[int, State]]) -> Iterator[str]:
    """The records of all minutes of a day in OpenMetrics."""
    counted = {
        "up": {State.OK, State.WARNING},
        "down": {State.DOWNTIME},
        "known": {*State} - {State.UNKNOWN, State.MISSING},
    }
    day = BEGINS + number * argo.DAY_S
    parity = "odd" if day // argo.DAY_S % 2 else "even"
    for of, those in counted.items():
        name = f"scope:stratoscope_availability_{of}:minute"
        yield f"# TYPE {name} gauge"
        for cloud, second in SECONDS.items():
            labels = f'{{cloud="{cloud}",scope="cloud",day="{parity}"}}'
            for minute, state in enumerate(states(timeline)):
                yield f"{name}{labels} {int(state in those)} {day + 60 * minute + second:.3f}"
    yield "# EOF"


def page_of_probes() -> Iterator[str]:
    """What the rules recorded of the first day in the zones of a cloud."""
    name = "probe:stratoscope_availability:badness"
    yield f"# TYPE {name} gauge"
    for zone, timeline in PROBES.items():
        for minute, state in enumerate(states(timeline)):
            labels = f'{{cloud="zones",probe="in-{zone}",zone="{zone}",image_id=""}}'
            yield f"{name}{labels} {[*State].index(state)} {BEGINS + 60 * minute + 59.999:.3f}"
    yield "# EOF"


def store(page: Iterable[str], folder: Path) -> None:
    """Add a page to the data of a Prometheus."""
    (folder / "page").write_text("\n".join(page) + "\n")
    arguments = ["tsdb", "create-blocks-from", "openmetrics", folder / "page", folder / "data"]
    subprocess.run([TOOLS / "promtool", *arguments], check=True, capture_output=True)


@contextmanager
def prometheus(folder: Path) -> Iterator[str]:
    """With the data of the folder. Yields its address."""
    (folder / "prometheus.yml").write_text("{}")
    address = f"127.0.0.1:{free_port()}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                TOOLS / "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--storage.tsdb.retention.time=50y",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(f"http://{address}/-/ready")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


def wait_for(url: str) -> None:
    until = time.monotonic() + FAR_S
    while time.monotonic() < until:
        try:
            with urlopen(url):  # noqa: S310 - http
                return
        except URLError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


@pytest.mark.full
def test_month_is_that_of_the_reference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, timeline in enumerate(DAYS):  # promtool reads its file anew for each block
        store(page(number, timeline), tmp_path)
    with prometheus(tmp_path) as url:
        assert main(["availability", f"--url={url}", "--month=2025-11", "--timeout=60s"]) == 0
    rows = json.loads(capsys.readouterr().out)
    availability, reliability = argo.month([argo.day(one) for one in DAYS])
    assert [row["cloud"] for row in rows] == [*SECONDS]
    for row in rows:
        found = (row["availability_percent"], row["reliability_percent"], row["unknown_percent"])
        assert found == (float(availability), float(reliability), 4.30557), row["cloud"]


def test_month_is_counted_anew_with_a_downtime_that_was_filed_late(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the zone it is a downtime; the cloud as a whole was critical for an hour before."""
    store(page_of_probes(), tmp_path)
    service = DowntimeProcess(tmp_path / "downtime", downtime={}).start()
    try:
        start, end = (BEGINS + one for one in SHUT)
        service.file(
            title="new power",
            start=start,
            end=end,
            matcher_sets=[['cloud="zones"', 'zone="a"']],
            silences=False,
        )
        with prometheus(tmp_path) as url:
            arguments = [f"--url={url}", f"--downtimes-url={service.url}", "--month=2025-11", "--timeout=60s"]
            assert main(["availability", *arguments]) == 0
    finally:
        service.stop()
    rows = json.loads(capsys.readouterr().out)
    shut = [(0, State.OK), (2 * HOUR, State.CRITICAL), (SHUT[0], State.DOWNTIME), (SHUT[1], State.OK)]
    days = {
        "": argo.day([*shut, (20 * HOUR, State.WARNING)]),
        "a": argo.day(shut),
        "b": argo.day(PROBES["b"]),
    }
    assert [row["zone"] for row in rows] == [*days]
    for row in rows:
        expected = argo.month([days[row["zone"]], *[argo.Day(0, argo.DAY_S, 0)] * 29])
        assert (row["availability_percent"], row["reliability_percent"]) == tuple(map(float, expected)), row
