"""The programs of the demo: how they end, also with the demo; where Prometheus and Alertmanager come from."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from stratoscope.show import exporters, packages, processes, servers
from stratoscope.show.processes import Words
from stratoscope.show.running import Running
from stratoscope.show.servers import Server
from stratoscope.show.terminal import DemoError, Stop, Stopped
from support.patience import FAR_S

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(60)"
GONE_S = 20
"""Far sooner than what sleeps for 60 s ends by itself."""
ENDING = (
    "import signal, time; signal.pthread_sigmask(signal.SIG_BLOCK, [15]); print('on');"
    "signal.sigwait([15]); print(time.monotonic())"
)
"""It says when it is asked to end."""


@contextmanager
def python(folder: Path, name: str, code: str) -> Iterator[Server]:
    """A program that runs this code, once it has said its first line."""
    one = Server(name, [sys.executable, "-IS", "-u", "-c", code], 0, folder)
    one.start()
    one.wait_until(lambda: one.last_lines() != "", Stop())
    try:
        yield one
    finally:
        servers.end([one])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"NO_PROXY": "corp"}, "corp,127.0.0.1,localhost"),
        ({"NO_PROXY": "CORP", "no_proxy": "corp"}, "corp,127.0.0.1,localhost"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_programs_reach_loopback_without_a_proxy_and_others_by_it(
    given: dict[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**given, "http_proxy": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    code = (
        "import os; print(*(os.environ[name] for name in ('http_proxy', 'no_proxy', 'NO_PROXY')), flush=True)"
    )
    said = f"http://127.0.0.1:9 {expected} {expected}"
    done = processes.run([sys.executable, "-IS", "-c", code], Stop())
    assert done.output.strip() == said
    with python(tmp_path, "little", f"{code}; import time; time.sleep(60)") as child:
        assert child.last_lines() == said


def test_downtime_is_told_as_it_can_be_typed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "stratoscope"
    executable(program)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(program.parent))
    rest = "downtime add 'now for 2h' '--title=its switch is replaced' --match cloud=demo host=cn11"
    usual = "http://127.0.0.1:10974"

    def typed(given: str, at: str = usual) -> str:
        monkeypatch.setattr("sys.argv", [given, "demo"])
        return exporters.typed_downtime(at)

    assert typed(str(program)) == f"stratoscope {rest}"
    assert typed(str(program), "http://127.0.0.1:4") == f"stratoscope {rest} --url=http://127.0.0.1:4"
    assert typed("bin/stratoscope") == f"bin/stratoscope {rest}"  # as `make` starts it
    assert typed("/here/__main__.py") == f"{sys.executable} -m stratoscope {rest}"
    monkeypatch.setenv("PATH", "/nowhere")
    assert typed(str(program)) == f"{program} {rest}"


def test_program_that_is_deaf_is_ended_by_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_STOP_S", 0.05)  # a program that does not end is waited for in vain
    with python(tmp_path, "deaf", DEAF) as child:
        servers.end([child])
        with pytest.raises(DemoError, match="deaf ended with status -9; its last lines:\ndeaf"):
            child.check()


def test_clouds_end_after_those_that_need_them(tmp_path: Path) -> None:
    names = ("openstack", "opennebula", "exporter")
    with ExitStack() as stack:
        started = [stack.enter_context(python(tmp_path, name, ENDING)) for name in names]
        Running(tmp_path, tmp_path, Stop(), started).end()
        ends = {one.name: float(one.last_lines().split()[-1]) for one in started}
    assert ends["exporter"] == min(ends.values())


def test_what_does_not_come_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    stop = Stop()
    with python(tmp_path, "slow", DEAF.replace("SIG_IGN", "SIG_DFL")) as child:
        with pytest.raises(DemoError, match=r"slow is not ready after 0.01 s:\ndeaf"):
            child.wait_until(lambda: False, stop, 0.01)
        stop.set()
        with pytest.raises(Stopped):
            child.wait_until(lambda: False, stop)


def test_signal_ends_a_command_with_all_that_it_started(tmp_path: Path) -> None:
    stop, file = Stop(), tmp_path / "pid"

    def once_it_runs() -> None:
        deadline = time.monotonic() + FAR_S
        while time.monotonic() < deadline and not file.exists():
            time.sleep(0.01)
        stop.set()

    thread = threading.Thread(target=once_it_runs)
    thread.start()
    with pytest.raises(Stopped):
        processes.run(["sh", "-c", f"sleep 60 & echo $! > {file}.new; mv {file}.new {file}; wait"], stop)
    thread.join()
    assert is_gone(file.read_text())


def is_gone(pid: str) -> bool:
    """Whether it ends within a moment; nobody may have asked how."""
    file = Path(f"/proc/{pid.strip()}/cmdline")
    deadline = time.monotonic() + GONE_S
    while time.monotonic() < deadline:
        try:
            if file.read_bytes() == b"":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent has ended")
def test_programs_end_with_a_demo_that_is_killed_even_those_that_are_deaf(tmp_path: Path) -> None:
    demo = f"""
import pathlib, sys
from stratoscope.show import processes
from stratoscope.show.servers import Server
from stratoscope.show.terminal import Stop
folder = pathlib.Path({str(tmp_path)!r})
child = Server("deaf", [sys.executable, "-IS", "-u", "-c", {DEAF!r}], 0, folder)
child.start()
child.wait_until(lambda: child.last_lines() != "", Stop())
(folder / "pid").write_text(str(child.pid))
sleeps = f"trap '' TERM; echo $$ > {{folder}}/other.new; mv {{folder}}/other.new {{folder}}/other; sleep 60"
processes.run(["sh", "-c", sleeps], Stop())
"""
    process = subprocess.Popen([sys.executable, "-c", demo])
    deadline = time.monotonic() + FAR_S
    while time.monotonic() < deadline and not (tmp_path / "other").exists():
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert is_gone((tmp_path / "pid").read_text())
    assert is_gone((tmp_path / "other").read_text())


def test_command_that_does_not_end_is_ended() -> None:
    done = processes.run(["sleep", "60"], Stop(), 0.05)
    assert (done.status, done.reason) == (1, "it has not ended after 0.05 s")


def test_command_that_is_deaf_is_ended_by_force_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_STOP_S", 0.2)  # as above
    file = tmp_path / "pid"
    done = processes.run(["sh", "-c", f"trap '' TERM; sleep 60 & echo $! > {file}; wait"], Stop(), 0.3)
    assert (done.status, done.reason) == (1, "it has not ended after 0.3 s")
    assert is_gone(file.read_text())


def test_output_that_another_session_keeps_open_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_STOP_S", 0.1)  # as above
    command = [sys.executable, "-IS", "-c", "import os, time; os.fork() or os.setsid(); time.sleep(3)"]
    began = time.monotonic()
    assert processes.run(command, Stop(), 0.5).status == 1
    assert time.monotonic() < began + 2.5


def test_command_that_is_not_there_is_named() -> None:
    done = processes.run(["no-such-program", "x"], Stop())
    assert (done.status, done.reason) == (127, "no-such-program: No such file or directory")


def test_reason_of_a_command_is_its_last_line() -> None:
    done = processes.run(["sh", "-c", "echo a; echo b >&2; echo >&2; exit 3"], Stop())
    assert (done.status, done.output, done.reason) == (3, "a\n", "b")
    assert processes.run(["sh", "-c", "exit 3"], Stop()).reason == "status 3"


def found(name: str, into: Path) -> Words:
    return packages.find(name, into, Stop())


def executable(file: Path, text: str = "") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("prometheus", "prometheus"),
        ("alertmanager", "alertmanager"),
        ("alertmanager", "prometheus-alertmanager"),
    ],
)
def test_program_of_path_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str
) -> None:
    program = executable(tmp_path / "usr" / "bin" / file)
    monkeypatch.setenv("PATH", str(program.parent))
    assert found(name, tmp_path / "into") == [program]


def test_debians_prometheus_is_told_where_its_page_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = executable(tmp_path / "usr" / "bin" / "prometheus")
    page = tmp_path / "usr" / "share" / "prometheus" / "web"
    page.mkdir(parents=True)
    monkeypatch.setenv("PATH", str(program.parent))
    assert found("prometheus", tmp_path) == [program, f"--web.local-assets={page}/"]


def test_alertmanager_that_may_not_have_its_template_says_what_to_do(tmp_path: Path) -> None:
    """As for an ordinary user of a chroot, whom the kernel gives no name spaces."""
    executable(tmp_path / "bin" / "unshare", "echo 'unshare failed: Operation not permitted' >&2; exit 1")
    script = packages.HERE / "run-alertmanager.sh"
    done = subprocess.run(
        ["/bin/bash", script, tmp_path],
        env={"PATH": str(tmp_path / "bin")},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.endswith("install the package prometheus-alertmanager, or run this as root")


@pytest.mark.parametrize(("restricted", "is_told"), [("1", True), ("0", False)])
def test_ordinary_user_of_ubuntu_is_told_which_setting_denies_it(
    restricted: str, is_told: bool, tmp_path: Path
) -> None:
    setting = "kernel.apparmor_restrict_unprivileged_userns"
    file = f"/proc/sys/{setting.replace('.', '/', 1)}"
    executable(tmp_path / "bin" / "unshare", "exit 1")
    executable(tmp_path / "bin" / "cat", f"[[ $1 != {file} ]] || echo {restricted}")
    # Tests may run as root, and EUID cannot be set.
    script = (packages.HERE / "run-alertmanager.sh").read_text().replace("((EUID == 0))", "((1000 == 0))")
    done = subprocess.run(
        ["/bin/bash", "-c", script, "run", tmp_path],
        env={"PATH": str(tmp_path / "bin")},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{setting} is 1, ") is is_told
    assert line.endswith(f"let root type sysctl -w {setting}=0") is is_told


def test_packages_are_unpacked_where_path_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    executable(tmp_path / "bin" / "apt-get")
    (tmp_path / "bin" / "bash").symlink_to("/bin/bash")
    executable(tmp_path / "get-debian.sh", 'echo "$1/$2"')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(packages, "HERE", tmp_path)  # in place of the script that downloads
    into = tmp_path / "into"
    assert found("prometheus", into) == [into / "prometheus" / "usr" / "bin" / "prometheus"]
    runs = ["bash", tmp_path / "run-alertmanager.sh", into / "alertmanager"]
    assert found("alertmanager", into) == runs
    said = capsys.readouterr().out
    assert (
        f"prometheus of this distribution is unpacked into {into / 'tools'}, once: 23 MB to download" in said
    )


@pytest.mark.parametrize(("writable", "mode"), [("into", 0o1777), ("into/tools", 0o777)])
def test_program_that_another_user_can_replace_is_not_run(
    writable: str, mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    into = tmp_path / "into"
    for name in ("prometheus", "promtool"):
        executable(into / "tools" / "usr" / "bin" / name, f"touch {tmp_path}/ran")
    (tmp_path / writable).chmod(mode)
    (tmp_path / "bin").mkdir()
    for name in ("bash", "dirname"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    why = f"^--tools: {re.escape(str(tmp_path / writable))}: other users may write there; allowed: "
    with pytest.raises(DemoError, match=why):
        found("prometheus", into)
    assert not (tmp_path / "ran").exists()


def test_machine_without_apt_is_told_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("bash", "dirname"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    expected = f"^no apt-get here: put prometheus promtool into {re.escape(str(tmp_path))}/tools/usr/bin$"
    with pytest.raises(DemoError, match=expected):
        found("prometheus", tmp_path)


@pytest.mark.parametrize(
    ("given", "expected"), [("", "home/.cache"), ("relative", "home/.cache"), ("/cache", "/cache")]
)
def test_packages_are_kept_in_the_cache_of_their_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, expected: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    assert packages.cache() == tmp_path / expected / "stratoscope"


def test_a_signal_that_comes_at_any_moment_of_a_wait_ends_it() -> None:
    waits = """
import signal
from stratoscope.show.terminal import Stop
for _ in range(200):
    stop = Stop()
    signal.signal(signal.SIGALRM, lambda *_: stop.set())
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    while not stop.wait(0):
        pass
"""
    subprocess.run([sys.executable, "-c", waits], check=True, timeout=FAR_S)
