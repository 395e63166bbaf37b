"""What the demo says of what there is to see, asked of one part alone."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stratoscope.demo.show import answers, events, judge, probes, prometheus
from stratoscope.demo.show.answers import Answers
from stratoscope.demo.show.asking import NoAnswerError
from stratoscope.demo.show.children import DemoError
from stratoscope.demo.show.events import Watch
from stratoscope.demo.show.exporters import Exporter
from stratoscope.demo.show.queries import QUERIES
from stratoscope.demo.show.running import Running
from stratoscope.demo.show.servers import Server

FOUND = [{"metric": {"zone": "edge"}, "value": [0, "0.5"]}]


def of_host(folder: Path) -> Exporter:
    """The exporter of a host, not started."""
    return Exporter("hypervisor", folder / "x.yml", Server("hypervisor-n1", [], 1, folder))


@pytest.fixture
def running(tmp_path: Path) -> Running:
    """With a Prometheus and one exporter of probes, neither of which runs."""
    found = Running(tmp_path, tmp_path, threading.Event(), prometheus="http://p")
    found.exporters.append(Exporter("vmprobe", tmp_path / "x.yml", Server("vmprobe", [], 1, tmp_path)))
    return found


@pytest.fixture
def _no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing listens: only the words of addresses matter.
    monkeypatch.setattr(prometheus, "alerts_page", lambda at: f"{at}/alerts")
    monkeypatch.setattr(prometheus, "link", lambda at, record: f"{at}/{record}")


@pytest.mark.usefixtures("_no_pages")
@pytest.mark.parametrize(("missing", "happened"), [("", True), (QUERIES[0].record, False)])
def test_every_question_has_an_answer_once_all_have(
    running: Running, monkeypatch: pytest.MonkeyPatch, missing: str, *, happened: bool
) -> None:
    # No Prometheus runs: this is what it answers.
    monkeypatch.setattr(events, "ask", lambda _, query: [] if query == missing else FOUND)
    (event,) = [one for one in events.events(running) if one.text == "every question has an answer"]
    assert event.has_happened() == happened


@pytest.mark.usefixtures("_no_pages")
def test_program_that_does_not_answer_is_told_once_until_it_has_answered(
    running: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answered: Iterator[bool] = iter([False, False, True, False])

    def have_run(_: str) -> bool:
        if not next(answered):
            raise NoAnswerError("http://x", "refused")
        return False

    # Nor does the exporter of probes.
    monkeypatch.setattr(probes, "have_run", have_run)
    monkeypatch.setattr(events, "ask", lambda *_: [])
    watch = Watch(running, 0)
    told = []
    for _ in range(4):
        capsys.readouterr()
        watch.look()
        told.append(capsys.readouterr().out.count("no answer, so it is asked again"))
    assert told == [1, 0, 0, 1]


def test_questions_about_hosts_are_asked_where_an_exporter_answers_them(running: Running) -> None:
    about_hosts = [one for one in QUERIES if one.is_about_hosts]
    assert about_hosts
    assert answers.queries(running) == [one for one in QUERIES if one not in about_hosts]
    running.exporters.append(of_host(running.folder))
    assert answers.queries(running) == [*QUERIES]
    running.prometheus = ""
    assert answers.queries(running) == []


@pytest.mark.usefixtures("_no_pages")
def test_answer_that_comes_late_is_told_once(
    running: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    late = Answers(running, [QUERIES[0]])
    # No Prometheus runs: first it has nothing, then an answer.
    monkeypatch.setattr(answers, "ask", lambda *_: [])
    late.look()
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(answers, "ask", lambda *_: FOUND)
    late.look()
    late.look()
    assert capsys.readouterr().out.count(QUERIES[0].title) == 1


def test_exporter_that_does_not_answer_in_the_end_is_a_failure(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    # To wait until it is not there would take a minute.
    monkeypatch.setattr(judge, "is_ready", lambda _: False)
    with pytest.raises(DemoError, match="vmprobe does not answer"):
        judge.judge(running, [])


class _Child:
    """A program of which only its memory is known."""

    def __init__(self, size: int) -> None:
        self._size = size

    def resident_bytes(self) -> int:
        return self._size


class _Program:
    """A program with this memory."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.child = name, _Child(size)


def test_memory_of_all_programs_together_is_bounded(running: Running) -> None:
    programs: list[Any] = [_Program("a", 1_000_000_000), _Program("b", 500_000_000)]
    running.servers = programs
    judge._judge_memory(running)
    programs.append(_Program("c", 1))
    with pytest.raises(DemoError, match="the programs have 1500 MB; allowed: 1500 MB"):
        judge._judge_memory(running)
