"""The demo as a newcomer sees it: real programs, and the alerts, silence and dashboards that it promises."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stratoscope.show.asking import ask
from support.demo_promises import EXPECTED, MOST_BYTES, exporters_up

ROOT = Path(__file__).parents[2]
FIRST_ANSWERS_S, ENDED_S, SEEN_S, PATIENCE_S = 90, 30, 240, 20
pytestmark = pytest.mark.integration


@contextmanager
def demo(folder: Path, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """`stratoscope demo` as a process, whose temporary files are in the folder."""
    process = subprocess.Popen(
        [sys.executable, "-m", "stratoscope", "demo", f"--tools={ROOT / 'build'}", *flags],
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=ENDED_S)


def started(folder: Path) -> dict[str, int]:
    """The processes that have a file of the folder in their command line: pid by command line."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/stratoscope-demo-" in line:
            found[line] = int(file.parent.name)
    return found


def said_until(process: subprocess.Popen[str], word: str) -> str:
    """What it says up to a line with this word."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if word in line:
            return "".join(lines)
    raise AssertionError("".join(lines))


def gone(folder: Path) -> bool:
    """Whether nothing of the demo is left within a moment."""
    deadline = time.monotonic() + ENDED_S
    while (started(folder) or list(folder.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not started(folder) and not list(folder.iterdir())


def memory_bytes(pids: Iterable[int]) -> int:
    """Of these processes, with the pages that they share with others."""
    pages = (Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in pids)
    return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE")


def judge(said: str) -> None:
    """Prometheus has what a demo has that is well."""
    (at,) = re.findall(r"^Prometheus: .*(http://127\.0\.0\.1:\d+)/", said, re.MULTILINE)
    up = exporters_up(len(re.findall(r"^\w+ exporter: ", said, re.MULTILINE)))
    deadline = time.monotonic() + PATIENCE_S
    for what, query in {"exporters up": up, **EXPECTED}.items():
        while not ask(at, query):
            assert time.monotonic() < deadline, what
            time.sleep(0.5)


def test_demo_shows_what_it_promises_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with demo(tmp_path, f"--seconds={PATIENCE_S + 5}") as process:
        said = said_until(process, "ends by itself")
        judge(said)
        assert memory_bytes(started(tmp_path).values()) <= MOST_BYTES
        rest, _ = process.communicate(timeout=SEEN_S)
    assert process.returncode == 0, said + rest
    after = {
        text: int(seconds) for seconds, text in re.findall(r"^after +(\d+) s: (.*)$", said, re.MULTILINE)
    }
    assert after["every question has an answer"] <= FIRST_ANSWERS_S
    assert any(text.startswith("StratoscopeServiceDown fires") for text in after)
    assert "StratoscopeHostDown for cn11 is silenced by the downtime" in after
    for cloud in ("demo", "demo-one"):
        assert re.search(rf"^    {cloud}: \S+ \d+ %", said, re.MULTILINE)
    assert gone(tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_all_programs(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as process:
        said_until(process, "dashboards")
        assert len(started(tmp_path)) >= 6
        process.send_signal(number)
        process.wait(ENDED_S)
    assert process.returncode == 0
    assert gone(tmp_path)


@pytest.mark.full
def test_demo_that_is_killed_leaves_no_program_behind(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        said_until(process, "every question has an answer")
        assert len(started(tmp_path)) >= 6
        process.kill()
        process.wait(ENDED_S)
        deadline = time.monotonic() + ENDED_S
        while started(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert started(tmp_path) == {}


@pytest.mark.full
def test_demo_goes_on_without_a_prometheus_that_is_killed(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        said_until(process, "Ctrl-C ends it")
        (pid,) = (pid for line, pid in started(tmp_path).items() if "--storage.tsdb.path" in line)
        os.kill(pid, signal.SIGKILL)
        said_until(process, "the demo goes on without prometheus")
        time.sleep(2)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.wait(ENDED_S)
    assert process.returncode == 0
    assert gone(tmp_path)


@pytest.mark.full
def test_program_that_is_killed_ends_the_demo_with_its_name(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        said_until(process, "dashboards")
        (pid,) = (pid for line, pid in started(tmp_path).items() if " downtime " in line)
        os.kill(pid, signal.SIGKILL)
        said = said_until(process, "stratoscope demo: downtime ended with status -9")
        process.wait(ENDED_S)
    assert process.returncode == 1, said
    assert gone(tmp_path)
