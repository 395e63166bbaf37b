"""`stratoscope availability` on a real Prometheus, which has the minutes of a month."""

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from stratoscope.__main__ import main
from support import argo
from support.alertmanagers import ROOT, free_port
from support.argo import State
from support.patience import FAR_S
from support.worked_days import WORKED

pytestmark = [pytest.mark.integration, pytest.mark.full]

TOOLS = ROOT / "build" / "tools" / "usr" / "bin"
BEGINS = int(datetime(2025, 11, 1, tzinfo=UTC).timestamp())
DAYS = [*(timeline for timeline, _, _ in WORKED.values()), *[[(0, State.OK)]] * 25]
"""Of November: those that are worked, and 25 that are ok."""
SECONDS = {"late": 59.999, "midnight": 0.0}
"""By cloud: when in a minute Prometheus evaluates."""


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


def fill(folder: Path) -> None:
    """A day at a time: promtool reads its file anew for each block."""
    for number, timeline in enumerate(DAYS):
        (folder / "page").write_text("\n".join(page(number, timeline)) + "\n")
        arguments = ["tsdb", "create-blocks-from", "openmetrics", folder / "page", folder / "data"]
        subprocess.run([TOOLS / "promtool", *arguments], check=True, capture_output=True)


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[str]:
    """Its address."""
    fill(tmp_path)
    (tmp_path / "prometheus.yml").write_text("{}")
    address = f"127.0.0.1:{free_port()}"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                TOOLS / "prometheus",
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
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


def test_month_is_that_of_the_reference(prometheus: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["availability", f"--url={prometheus}", "--month=2025-11", "--timeout=60s"]) == 0
    rows = json.loads(capsys.readouterr().out)
    availability, reliability = argo.month([argo.day(one) for one in DAYS])
    assert [row["cloud"] for row in rows] == [*SECONDS]
    for row in rows:
        found = (row["availability_percent"], row["reliability_percent"], row["unknown_percent"])
        assert found == (float(availability), float(reliability), 4.30557), row["cloud"]
