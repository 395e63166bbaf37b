"""What the demo says of what there is to see, asked of one part alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stratoscope.show import events, probes, prometheus, queries, shown
from stratoscope.show.asking import NoAnswerError
from stratoscope.show.events import Watch
from stratoscope.show.queries import QUERIES
from stratoscope.show.running import Running
from stratoscope.show.servers import Server
from stratoscope.show.terminal import Stop

FOUND = [{"metric": {"zone": "edge"}, "value": [0, "0.5"]}]


@pytest.fixture
def running(tmp_path: Path) -> Running:
    """With a Prometheus and one exporter of probes, neither of which runs."""
    probes, others = Server("vmprobe", [], 1, tmp_path, "vmprobe"), {"prometheus": "http://p"}
    return Running(tmp_path, tmp_path, Stop(), [probes], others)


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
    watch = Watch(running, 0, events.events(running))
    running.servers.clear()
    told = []
    for _ in range(4):
        capsys.readouterr()
        watch.look()
        told.append(capsys.readouterr().out.count("no answer, so it is asked again"))
    assert told == [1, 0, 0, 1]


def test_questions_about_hosts_are_asked_where_an_exporter_answers_them(running: Running) -> None:
    about_hosts = [one for one in QUERIES if one.of_hosts]
    assert about_hosts
    assert queries.asked(has_hosts=running.has_hosts) == [one for one in QUERIES if not one.of_hosts]
    running.servers.append(Server("hypervisor-n1", [], 1, running.folder, "hypervisor"))
    assert queries.asked(has_hosts=running.has_hosts) == [*QUERIES]


@pytest.mark.usefixtures("_no_pages")
def test_answer_that_comes_late_is_told_once(
    running: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # No Prometheus runs: first it has nothing, then an answer; and no exporter of probes or downtimes.
    monkeypatch.setattr(probes, "found", lambda _: [])
    monkeypatch.setattr(queries, "ask", lambda *_: [])
    running.servers.append(Server("downtime", [], 2, running.folder, "downtime"))
    watch = Watch(running, 0, shown.answers(running))
    assert capsys.readouterr().out.count("not yet") == len(watch.left)
    running.servers.clear()
    watch.look()
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(queries, "ask", lambda *_: FOUND)
    watch.look()
    watch.look()
    assert capsys.readouterr().out.count(QUERIES[0].title) == 1
