"""`stratoscope demo` as a whole, with little programs in place of the real ones."""

import os
import re
import signal
import tempfile
import threading
import time
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from stratoscope.__main__ import main
from stratoscope.show import asking, events, packages, processes
from support.patience import FAR_S


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where its folder is, to see that nothing is left there; and it is not waited for as for real programs.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(events, "LOOK_S", 0.01)
    monkeypatch.setattr(processes, "LOOK_S", 0.01)


def left(tmp_path: Path) -> list[str]:
    """The processes that were started from there and still run, and the folders of the demo."""
    folders = [one.name for one in tmp_path.glob("stratoscope-demo-*")]
    commands = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(file.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return [*folders, *(one for one in commands if str(tmp_path / "bin") in one)]


@pytest.mark.usefixtures("family")
def test_all_is_started_shown_judged_and_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--seconds=0.1"]) == 0
    said = capsys.readouterr().out
    for expected in (
        "management exporter: embedded OpenStack, 200 VMs on 12 hosts and OpenNebula, 30 VMs on 4 hosts",
        "hypervisor exporter: a host of the OpenStack, cn05",
        "hypervisor exporter: this machine, ",
        "/alerts",
        "Debian's has no page",
        f"{Path('grafana/dashboards')}",
        ": StratoscopeServiceDown fires: an agent of cn07 was made to fall silent",
        ": StratoscopeHostDown for cn11 is silenced by the downtime",
        ": cn04 of demo-one is OFFLINE, so it has a downtime",
        "/downtimes/d1",
        "    demo: edge 50 %",
        "?g0.expr=zone:full:ratio&g0.tab=1",
        "/d/stratoscope-vm?from=now-15m&var-cloud=demo&var-project=p1&var-vm=v1",
        "what has not come after 150 s is named then",
    ):
        assert expected in said
    assert left(tmp_path) == []


@pytest.mark.usefixtures("family")
def test_proxy_that_does_not_answer_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    asking._opener.cache_clear()
    assert main(["demo", "--seconds=0.1"]) == 0


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("begun", ["openstack", "opennebula", "prometheus"])
def test_signal_ends_all_and_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals, begun: str
) -> None:
    def send_once_it_has_begun() -> None:
        deadline = time.monotonic() + FAR_S
        while time.monotonic() < deadline and not list(tmp_path.glob(f"stratoscope-demo-*/{begun}.log")):
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    timer = threading.Thread(target=send_once_it_has_begun)
    timer.start()
    assert main(["demo"]) == 0
    timer.join()
    assert "demo: all programs have ended" in capsys.readouterr().out
    assert left(tmp_path) == []


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("dies:management", "management ended with status 3"),
        ("refuses:rules", "the rules were not written: rules: no"),
        ("refuses:vmprobe", "vmprobe ended with status 1; its last lines:\nvmprobe: no"),
    ],
)
def test_program_that_ends_ends_the_demo_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: str, why: str
) -> None:
    monkeypatch.setenv("FAKE_FAMILY", wrong)
    assert main(["demo"]) == 1
    assert f"stratoscope demo: {why}" in capsys.readouterr().err
    assert left(tmp_path) == []


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_program_of_others_that_does_not_start_is_left_out_with_its_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv("FAKE_FAMILY", f"refuses:{name}")
    assert main(["demo", "--seconds=0.1"]) == 0
    said = capsys.readouterr().out
    what = {
        "prometheus": "Prometheus, so no alert and no answer",
        "alertmanager": "Alertmanager, so no silence",
    }
    assert f"not shown: {what[name]}: {name} ended with status 1; its last lines:\n{name}: no\n" in said
    assert "each probe has created its VM" in said


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_program_of_others_that_ends_while_the_demo_runs_is_told_and_the_demo_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv("FAKE_FAMILY", f"dies:{name} nothing-found not-silenced")
    monkeypatch.setattr(events, "SEEN_S", 0.2)  # as above
    assert main(["demo", "--seconds=0.1"]) == 1
    said = capsys.readouterr()
    assert f"{name} ended with status 3; it had said nothing\n" in said.out
    assert f"the demo goes on without {name}\n" in said.out
    assert f"will not be seen without {name}: StratoscopeHostDown for cn11 is silenced" in said.out
    assert "Can a user get a VM now?" in said.out
    assert said.err == f"stratoscope demo: ended while the demo ran: {name}\n"
    assert left(tmp_path) == []


@pytest.mark.usefixtures("family")
def test_what_comes_late_is_named_with_the_place_to_look_and_told_when_it_comes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_FAMILY", "late")
    monkeypatch.setattr(events, "SEEN_S", 0.1)  # as above
    assert main(["demo", "--seconds=1"]) == 0
    early, _, late = capsys.readouterr().out.partition("the demo goes on to look for them\n")
    agent = "StratoscopeServiceDown fires: an agent of cn07 was made to fall silent"
    assert re.search(rf"after +\d+ s: not seen yet: {agent}; look at http://.*/alerts\n", early)
    assert re.search(r"each probe has created its VM, or failed\n", early)
    answers, _, after = late.partition("ends by itself after 1 s\n")
    assert re.search(
        r"How full is it\?.*\n    not yet: Prometheus has zone:\S+ since \d+ s at most, or not at all\n",
        answers,
    )
    assert re.search(rf"after +\d+ s: {agent}\n", after)
    assert re.search(r"How full is it\?.*\n    demo: edge 50 %\n", after)


@pytest.mark.usefixtures("family")
def test_answer_that_is_empty_is_none_once_what_it_reads_is_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_FAMILY", "nothing-recorded")
    monkeypatch.setattr(events, "SEEN_S", 0.1)  # as above
    assert main(["demo", "--seconds=0.1"]) == 1
    said = capsys.readouterr()
    assert re.search(r"What is down that should be up\?\n    none\n", said.out)
    assert "not yet:" not in said.out
    assert "not seen: every question has an answer; " in said.err


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize(
    ("wrong", "within_s", "why"),
    [("slow", 0.05, r"it takes longer than 0\.05 s"), ("broken", FAR_S, "no JSON: Expecting value.*")],
)
def test_answer_that_does_not_come_is_told_and_the_demo_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: str, within_s: float, why: str
) -> None:
    limits = chain([within_s], repeat(FAR_S))

    def ask(*of: str) -> list[dict[str, Any]]:
        with monkeypatch.context() as now:
            now.setattr(asking, "_TIMEOUT_S", next(limits))
            return asking.ask(*of)

    monkeypatch.setenv("FAKE_FAMILY", wrong)
    # Only the answer to the first query must come soon: on a busy machine all others take their time.
    monkeypatch.setattr(events, "ask", ask)
    assert main(["demo", "--seconds=0.1"]) == 0
    said = capsys.readouterr().out
    (one,) = re.findall(r"after +\d+ s: no answer, so it is asked again: (.*)\n", said)
    assert re.fullmatch(rf"http://\S+/api/v1/query\?\S+: {why}", one)
    assert re.search(r"after +\d+ s: every question has an answer\n", said)


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("nothing-found", "not seen: every question has an answer; StratoscopeServiceDown fires"),
        ("not-silenced", "not seen: StratoscopeHostDown for cn11 is silenced by the downtime"),
    ],
)
def test_what_is_not_seen_in_time_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: str, why: str
) -> None:
    monkeypatch.setenv("FAKE_FAMILY", wrong)
    monkeypatch.setattr(events, "SEEN_S", 0.2)  # not the minutes that a demo may need
    assert main(["demo", "--seconds=0.1"]) == 1
    assert why in capsys.readouterr().err


def test_demo_without_prometheus_and_alertmanager_says_why_and_goes_on(
    family: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("prometheus", "alertmanager"):
        (family / name).unlink()
    script = tmp_path / "get-debian.sh"
    script.write_text("echo 'get-debian: apt knows no package' >&2; exit 1\n")
    (family / "bash").symlink_to("/bin/bash")
    monkeypatch.setattr(packages, "HERE", tmp_path)  # the script there fails as without a network
    assert main(["demo", "--seconds=0.1"]) == 0
    said = capsys.readouterr().out
    assert "not shown: Prometheus: apt knows no package" in said
    assert "not shown: Alertmanager: apt knows no package" in said
    assert "How full is it?" not in said
    assert "alerts and answers were not looked at: there is no Prometheus\n" in said


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("no-domains", "not shown: VMs of qemu:///system: it has no domains\n"),
        ("no-libvirt", "not shown: VMs of qemu:///system: Failed to connect socket\n"),
    ],
)
def test_machine_without_vms_is_told_why_it_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: str, said: str
) -> None:
    monkeypatch.setenv("FAKE_FAMILY", wrong)
    assert main(["demo", "--seconds=0.1"]) == 0
    found = capsys.readouterr().out
    assert said in found
    assert "hypervisor exporter: a host of the OpenStack, cn09" in found
    assert "hypervisor exporter: this machine" not in found


@pytest.mark.usefixtures("family")
def test_demo_without_libvirts_bindings_shows_no_hosts_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The bindings are installed where tests run.
    monkeypatch.setattr("stratoscope.show.exporters._LIBVIRT", "no_such_module")
    assert main(["demo", "--seconds=0.1"]) == 0
    found = capsys.readouterr().out
    assert "not shown: hosts: the extra [hypervisor] is not installed" in found
    assert "hypervisor exporter" not in found


def test_what_is_not_installed_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # All extras are installed where tests run; and the handlers of signals are the test run's own.
    monkeypatch.setattr("stratoscope.show.exporters._NEEDED", {"vmprobe": "no_such_module"})
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main(["demo"]) == 1
    said = capsys.readouterr().err
    assert (
        said == "stratoscope demo: not installed: vmprobe; pip install '.[vmprobe]' in a clone installs it\n"
    )


@pytest.mark.parametrize("flag", ["--seconds=soon", "--tools=", f"--tools={__file__}", "--port=1"])
def test_wrong_flag_is_one_line(capsys: pytest.CaptureFixture[str], flag: str) -> None:
    assert main(["demo", flag]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
