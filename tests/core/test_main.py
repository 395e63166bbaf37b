"""The command: what it runs, what it refuses, how its process ends."""

import asyncio
import gc
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout

from stratoscope.__main__ import main
from stratoscope.core import app
from stratoscope.core.collector import Collection, Collections, OnScrape
from stratoscope.core.errors import ConfigError
from stratoscope.core.flags import Flags
from stratoscope.core.program import version
from stratoscope.programs import COMMANDS, EXPORTERS
from support import configs, logs, notes
from support.houses import PROGRAM, House, Slurper
from support.patience import FAR_S
from support.services import Domains

ALLOWED = f"allowed: {', '.join([*EXPORTERS, *COMMANDS])}\n"


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """Put back in order what the command sets up for its process: logging, SIGHUP, garbage, threads."""
    hang_up, switch_s = signal.getsignal(signal.SIGHUP), sys.getswitchinterval()
    with logs.as_it_was():
        yield
    signal.signal(signal.SIGHUP, hang_up)
    sys.setswitchinterval(switch_s)
    gc.unfreeze()


def package(folder: Path, **modules: str) -> None:
    """Write a package of an exporter or command: what it is, and its modules by name."""
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from stratoscope.core.program import Command, Program\n"
        f"COMMAND = Command('{folder.name}.command', 'Counts.')\n"
        "commands = {'count': COMMAND}\n"
        "PROGRAM = Program(name='slurper', port=0, summary='Shows.', commands=commands)\n"
    )
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)


def run(house: House, *arguments: str) -> tuple[int, list[int]]:
    """The exit status of the command, and those with which it has ended the process."""
    ended: list[int] = []
    exporter = house.exporter()
    return app.main(exporter, Flags.parse(exporter.program, arguments), end=ended.append), ended


@pytest.mark.parametrize("name", configs.names("bad"))
def test_bad_file_ends_the_command_with_status_2_and_its_message(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hypervisor", f"--config.file={configs.sample('bad', name)}"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err[-1]) == ("", 1, "\n")
    configs.assert_message(err.removeprefix("stratoscope hypervisor: ").removesuffix("\n"), name)


@pytest.mark.parametrize("name", configs.names("good"))
def test_good_file_is_said_to_be_good(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = configs.sample("good", name)
    assert main(["hypervisor", f"--config.file={file}", "--config.check"]) == 0
    assert capsys.readouterr() == (f"{file} is good\n", "")


def test_defaults_are_checked_where_there_is_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hypervisor", "--config.check"]) == 0
    assert capsys.readouterr().out == "the default configuration is good\n"


def test_check_looks_at_the_web_configuration_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web = tmp_path / "web.yml"
    web.write_text("basic_auth: {}\n")
    assert main(["hypervisor", f"--web.config.file={web}", "--config.check"]) == 2
    assert f"stratoscope hypervisor: {web}: basic_auth: unknown key; allowed: " in capsys.readouterr().err


def test_check_of_the_configuration_looks_at_the_folder_of_the_state(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    bad = Flags.parse(notes.PROGRAM, ["--config.check", f"--storage.path={tmp_path}/file"])
    assert app.main(notes.EXPORTER, bad) == 2
    said = f"stratoscope notes: --storage.path: {tmp_path}/file is no folder to write to\n"
    assert capsys.readouterr().err.endswith(f"\n{said}")
    good = Flags.parse(notes.PROGRAM, ["--config.check", f"--storage.path={tmp_path}/data"])
    assert app.main(notes.EXPORTER, good) == 0
    assert not (tmp_path / "data").exists()
    assert Flags.parse(notes.PROGRAM, []).storage_path == Path("data/notes")


def test_online_check_prints_a_line_for_each_thing_that_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = ["a: gone", "b: off"]

    async def look_up(settings: object) -> list[str]:
        assert isinstance(settings, notes.Notes)
        return wrong

    program = replace(notes.PROGRAM, checks_online=True)
    exporter = replace(notes.EXPORTER, program=program, check_online=look_up)
    offline = ["--config.check", f"--storage.path={tmp_path}/data"]
    online = Flags.parse(program, [*offline, "--online"])
    assert app.main(exporter, online) == 2
    start = "stratoscope notes: the default configuration: "
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.endswith(f"\n{start}a: gone\n{start}b: off\n")
    assert app.main(exporter, Flags.parse(program, offline)) == 0
    capsys.readouterr()
    wrong.clear()
    assert app.main(exporter, online) == 0
    printed = capsys.readouterr()
    assert printed.out == "the default configuration is good\n"
    assert "nobody can log in: " in printed.err
    assert not (tmp_path / "data").exists()


def test_exporter_has_the_flag_online_and_the_check_together() -> None:
    with pytest.raises(TypeError, match="notes: checks_online and check_online go together"):
        replace(notes.EXPORTER, program=replace(notes.PROGRAM, checks_online=True))


def test_check_looks_at_the_addresses_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hypervisor", "--web.listen-address=:1", "--web.listen-address=1", "--config.check"]) == 2
    assert "--web.listen-address: '1' is no address; allowed: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], f"stratoscope: no exporter or command given; {ALLOWED}"),
        (["hypervizor"], f"stratoscope: no exporter or command 'hypervizor'; {ALLOWED}"),
        (["--config.file=a.yml"], f"stratoscope: no exporter or command '--config.file=a.yml'; {ALLOWED}"),
        (["hypervisor", "--log.level"], "stratoscope hypervisor: --log.level: expected one argument\n"),
    ],
)
def test_wrong_command_ends_with_status_2_and_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr() == ("", message)


def test_arguments_are_the_command_lines_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["stratoscope", "--version"])
    assert main() == 0
    assert capsys.readouterr().out == f"stratoscope {version()}\n"


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_describes_each_exporter_and_command_in_one_line(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([flag]) == 0
    exporters, commands = capsys.readouterr().out.partition("\nexporters:\n")[2].split("\ncommands:\n")
    assert [line.split()[0] for line in exporters.splitlines()] == [*EXPORTERS]
    assert [line.split()[0] for line in commands.splitlines()] == [*COMMANDS]
    assert (
        "  hypervisor     VMs and their host as libvirt, cgroups and /proc see them, from outside the VM.\n"
        in exporters
    )
    assert (
        "  demo-cloud     An embedded cloud with real protocols on loopback, whose VMs live and die.\n"
        in commands
    )


def test_command_gets_what_follows_its_name_and_says_how_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path / "counts_words", command="def main(arguments):\n    return len(arguments)\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["count", "one", "--two=2"], {}, {"count": "counts_words"}) == 2
    assert main(["count"], {}, {"count": "counts_words"}) == 0


def test_command_of_an_exporter_gets_what_follows_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package(tmp_path / "shows_words", command="def main(arguments):\n    print(arguments)\n    return 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["slurper", "count", "--url=x"], {"slurper": "shows_words"}) == 7
    assert capsys.readouterr().out == "['--url=x']\n"
    assert main(["slurper", "add"], {"slurper": "shows_words"}) == 2
    said = "stratoscope: slurper has no command 'add'; allowed: count, flags, see --help\n"
    assert capsys.readouterr().err == said
    assert main(["slurper", "--help"], {"slurper": "shows_words"}) == 0
    assert "\ncommands:\n  count  Counts.\n" in capsys.readouterr().out


async def test_command_imports_no_server_and_no_metrics(tmp_path: Path) -> None:
    package(tmp_path / "is_light", command="def main(arguments):\n    return len(HEAVY & {*sys.modules})\n")
    heavy = "import sys\nHEAVY = {'aiohttp', 'prometheus_client', 'msgspec', 'yaml', 'jinja2', 'libvirt'}\n"
    (tmp_path / "is_light" / "command.py").write_text(
        heavy + (tmp_path / "is_light" / "command.py").read_text()
    )
    program = (
        "import sys; from stratoscope.__main__ import main\n"
        f"sys.path.insert(0, {str(tmp_path)!r}); exporters = {{'slurper': 'is_light'}}\n"
        "sys.exit(main(['slurper', 'count'], exporters) or main(['check'], {}, {'check': 'is_light'}))"
    )
    assert await command("-c", program) == (0, "")


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_exporter_answers_help_and_version(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hypervisor", flag]) == 0
    assert "stratoscope" in capsys.readouterr().out


def test_sdk_that_is_not_installed_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package(tmp_path / "needs_sdk", exporter="import sdk_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["slurper"], {"slurper": "needs_sdk"}) == 2
    said = (
        "No module named 'sdk_that_is_not_there'; the extra [slurper] installs it: "
        "pip install '.[slurper]' in a clone, see README.md"
    )
    assert capsys.readouterr().err == f"stratoscope: {said}\n"


def test_wrong_flag_is_said_before_the_sdk_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package(tmp_path / "wants_sdk", exporter="import sdk_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["slurper", "--log.level"], {"slurper": "wants_sdk"}) == 2
    assert capsys.readouterr().err == "stratoscope slurper: --log.level: expected one argument\n"


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], *([name, "--help"] for name in [*EXPORTERS, *COMMANDS])],
    ids=" ".join,
)
async def test_help_needs_no_sdk(arguments: list[str]) -> None:
    program = (
        "import sys; sys.modules |= dict.fromkeys(('libvirt', 'openstack', 'keystoneauth1'))\n"
        f"from stratoscope.__main__ import main; sys.exit(main({arguments!r}))"
    )
    assert await command("-c", program) == (0, "")


@pytest.mark.parametrize(
    ("name", "clouds", "installs"),
    [
        ("hypervisor", [], "[hypervisor] installs it: pip install '.[hypervisor]'"),
        (
            "management",
            [("lab", "openstack")],
            "[openstack] installs it: pip install '.[management,openstack]'",
        ),
        ("vmprobe", [("lab", "libvirt")], "[libvirt] installs it: pip install '.[vmprobe,libvirt]'"),
        (
            "vmprobe",
            [("lab", "openstack"), ("other", "libvirt")],
            "[openstack] installs it: pip install '.[vmprobe,openstack]'",
        ),
    ],
)
async def test_exporter_without_the_sdk_of_a_kind_ends_with_one_line_that_names_its_extra(
    name: str, clouds: list[tuple[str, str]], installs: str, tmp_path: Path
) -> None:
    entries = [{"name": one, "kind": its_kind} for one, its_kind in clouds]
    probes = [{"name": "boot", "cloud": "lab"}]
    document = {"clouds": entries, "vmprobe": {"probes": probes}}
    (tmp_path / "x.yml").write_text(json.dumps(document))
    program = (
        "import sys; sys.modules |= dict.fromkeys(('libvirt', 'openstack'))\n"
        "from stratoscope.__main__ import main\n"
        f"sys.exit(main([{name!r}, '--config.file={tmp_path}/x.yml']))"
    )
    status, err = await command("-c", program)
    assert (status, err.count("\n")) == (2, 1)
    assert f"the extra {installs} in a clone, see README.md" in err


async def test_hang_up_signal_while_it_imports_does_not_end_it(tmp_path: Path) -> None:
    package(
        tmp_path / "hung_up",
        exporter="import signal, sys\n"
        "assert 'aiohttp' not in sys.modules, 'what takes long is imported before SIGHUP is ignored'\n"
        "signal.raise_signal(signal.SIGHUP)\n"
        "import sdk_that_is_not_there\n",
    )
    program = (
        "import sys; from stratoscope.__main__ import main\n"
        f"sys.path.insert(0, {str(tmp_path)!r}); sys.exit(main(['slurper'], {{'slurper': 'hung_up'}}))"
    )
    status, err = await command("-c", program)
    assert (status, err.count("\n")) == (2, 1)
    assert "sdk_that_is_not_there" in err


@pytest.mark.parametrize("text", ["import stratoscope.absent\n", "raise ImportError('of no module')\n"])
def test_import_that_fails_by_a_bug_of_ours_is_not_hidden(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"has_bug_{len(text)}"
    package(tmp_path / name, exporter=text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError):
        main(["hypervisor"], {"hypervisor": name})


@pytest.mark.parametrize("flag", ["--config.file", "--web.config.file"])
def test_file_that_is_not_there_is_named_with_its_flag(
    flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(House(), f"{flag}={tmp_path}/x.yml") == (2, [])
    said = f"{flag}: {tmp_path}/x.yml: No such file or directory"
    assert capsys.readouterr().err == f"stratoscope slurper: {said}\n"


def test_address_in_use_ends_with_status_2_and_names_the_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert run(House(), f"--web.listen-address={address}") == (2, [])
    err = capsys.readouterr().err
    said = f"--web.listen-address: cannot listen on {address}: Address already in use"
    assert err == f"stratoscope slurper: {said}\n"


class Stopping(Domains):
    """Asks its own process to stop; it is asked once the signals are heard."""

    async def fetch(self) -> int:
        signal.raise_signal(signal.SIGTERM)
        return 1


def stopping(_: Slurper) -> Collections:
    return Collections([Collection(Stopping(), OnScrape(60))])


def test_command_that_is_told_to_stop_ends_its_process_with_status_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house, file = House(stopping), tmp_path / "a.yml"
    file.write_text("slurper: {password: hunter2}")
    assert run(house, f"--config.file={file}", "--log.level=debug") == (0, [0])
    assert house.closed == house.opened
    err = capsys.readouterr().err
    assert "msg=listening urls=http://127.0.0.1:" in err
    assert "msg=stopping" in err
    assert "hunter2" not in err


def test_threads_and_garbage_leave_the_loop_its_turn() -> None:
    assert run(House(stopping)) == (0, [0])
    assert sys.getswitchinterval() == pytest.approx(app.SWITCH_S)
    assert gc.get_freeze_count() > 0


def test_bug_at_start_ends_the_process_with_status_1_and_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def fail() -> None:
        raise RuntimeError("a bug")

    assert run(House(opening=fail)) == (1, [1])
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "level=critical" in line]
    assert "RuntimeError: a bug" in line


def test_exporter_that_cannot_be_opened_as_configured_ends_with_status_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def refuse() -> None:
        raise ConfigError("clouds[0].uri: nobody there")

    assert run(House(opening=refuse)) == (2, [])
    assert capsys.readouterr().err.endswith("\nstratoscope slurper: clouds[0].uri: nobody there\n")


def test_address_that_others_reach_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    addresses = ("--web.listen-address=0.0.0.0:0", "--web.listen-address=127.0.0.1:0")
    assert run(House(stopping), *addresses) == (0, [0])
    err = capsys.readouterr().err
    assert 'level=warning logger=stratoscope.core.web.auth msg="no TLS or authentication on 0.0.0.0:0' in err
    assert len(re.findall(r"http://(?:0\.0\.0\.0|127\.0\.0\.1):\d+", err)) == 2


async def command(*arguments: str) -> tuple[int, str]:
    """Exit status and standard error of a process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    async with asyncio.timeout(FAR_S):
        _, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, err.decode()


@pytest.mark.parametrize("name", ["collector_key_unknown", "cloud_kind_unknown", "yaml_syntax"])
async def test_process_ends_with_status_2_and_one_line(name: str) -> None:
    file = configs.sample("bad", name)
    status, err = await command("-m", "stratoscope", "hypervisor", f"--config.file={file}")
    assert (status, err.count("\n")) == (2, 1)
    configs.assert_message(err.removeprefix("stratoscope hypervisor: ").removesuffix("\n"), name)


@asynccontextmanager
async def hung(where: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A process whose source hangs there, and its URL."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "support.hung", where, stderr=subprocess.PIPE, env=environment
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(FAR_S):
            line = (await process.stderr.readline()).decode()
        listens = re.search(r"urls=(\S+)", line)
        assert listens is not None, line
        yield process, listens[1]
        await process.stderr.read()
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def is_answered(session: ClientSession, url: str, status: int) -> None:
    """Ask until that is the answer."""
    async with asyncio.timeout(FAR_S):
        while True:
            async with session.get(url) as response:
                if response.status == status:
                    return
            await asyncio.sleep(0.01)


async def scraped(session: ClientSession, url: str) -> str:
    """A page, or why there is none."""
    try:
        async with session.get(f"{url}/metrics") as response:
            return await response.text()
    except ClientError as error:
        return str(error)


@pytest.mark.parametrize("where", ["start", "scrape", "close", "loop"])
async def test_hung_source_does_not_hold_up_the_end(where: str) -> None:
    async with hung(where) as (process, url), ClientSession(timeout=ClientTimeout(total=FAR_S)) as session:
        await is_answered(session, f"{url}/-/ready", 503 if where == "start" else 200)
        scrape = asyncio.create_task(scraped(session, url))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        for _ in range(2):
            os.kill(process.pid, signal.SIGTERM)  # process.terminate() may take its end away from wait()
        async with asyncio.timeout(FAR_S):
            assert await process.wait() == 0
            assert time.monotonic() - began < 10 * PROGRAM.stop_timeout_s
            await scrape
