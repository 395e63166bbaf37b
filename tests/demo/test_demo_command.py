"""The command: what it writes and when, what it refuses, how it ends."""

import errno
import gc
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml

from stratoscope.core import new_file, yaml_file
from stratoscope.core.errors import ConfigError
from stratoscope.demo.command import main
from stratoscope.demo.config_writer import check_own, clouds, reachable, write_config
from support import logs
from support.patience import FAR_S


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """Put back in order what the command sets up for its process: logging, signals, garbage."""
    heard = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with logs.as_it_was():
        yield
    for number, handler in heard.items():
        signal.signal(number, handler)
    gc.unfreeze()


def run(file: Path, *flags: str, number: int = signal.SIGTERM) -> int:
    """Run the command until it has written its file, then tell it to stop; its exit status."""

    def stop() -> None:
        give_up = time.monotonic() + FAR_S
        while not file.exists() and time.monotonic() < give_up:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    stopping = threading.Thread(target=stop)
    stopping.start()
    try:
        return main([f"--write-config={file}", "--web.listen-address=127.0.0.1:0", *flags])
    finally:
        stopping.join()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_writes_where_it_listens_and_ends_when_told(tmp_path: Path, number: int) -> None:
    file = tmp_path / "stratoscope.yml"
    assert run(file, "--vms=20", "--hosts=3", "--projects=2", number=number) == 0
    document = yaml_file.load(file)
    assert document == {
        "clouds": [
            {
                "name": "demo",
                "kind": "openstack",
                "os_cloud": "admin",
                "clouds_file": str(tmp_path / "clouds.yaml"),
            }
        ]
    }
    known = yaml.safe_load((tmp_path / "clouds.yaml").read_text(encoding="utf-8"))["clouds"]
    assert set(known) == {"admin", "reader", "user1", "credential"}
    assert known["admin"]["auth"]["auth_url"].startswith("http://127.0.0.1:")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clouds.yaml", "stratoscope.yml"]


def test_opennebula_is_written_with_the_credential_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "stratoscope.yml"
    size = ("--vms=20", "--hosts=3", "--projects=2")
    for _ in range(2):  # the second one writes over its own files
        assert run(file, "--kind=opennebula", *size) == 0
        (entry,) = yaml_file.load(file)["clouds"]
        endpoint = entry.pop("endpoint")
        assert endpoint.startswith("http://127.0.0.1:")
        assert endpoint.endswith("/RPC2")
        assert entry == {
            "name": "demo-one", "kind": "opennebula", "credentials_file": str(tmp_path / "one_auth")
        }  # fmt: skip
        assert (tmp_path / "one_auth").read_text() == "oneadmin:demo\n"
        assert stat.filemode((tmp_path / "one_auth").lstat().st_mode) == "-rw-------"
        file.unlink()


def test_process_listens_on_several_addresses_and_ends_at_once(tmp_path: Path) -> None:
    file = tmp_path / "stratoscope.yml"
    command = [
        sys.executable, "-m", "stratoscope", "demo-cloud", "--vms=5", "--hosts=2", "--projects=1",
        "--web.listen-address=127.0.0.1:0", "--web.listen-address=[::1]:0", f"--write-config={file}",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        urls = line.split("urls=")[1].split()[0].split(",")
        assert len(urls) == 2
        for url in urls:
            with urlopen(f"{url}/identity/v3", timeout=FAR_S) as answer:  # noqa: S310 - our own
                assert json.load(answer)["versions"][0]["id"] == "v3.14"
        process.terminate()
        assert process.wait(FAR_S) == 0
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--kind=nope", "--kind: unknown: nope; allowed: openstack, opennebula"),
        ("--vms=x", "--vms: 'x' is not allowed; allowed: whole numbers from 0 to 100000"),
        ("--hosts=0", "--hosts: '0' is not allowed; allowed: whole numbers from 1 to 2000"),
        ("--projects=1001", "--projects: '1001' is not allowed; allowed: whole numbers from 1 to 1000"),
        ("--seed=-1", "--seed: '-1' is not allowed; allowed: whole numbers from 0 to "),
        ("--nope", "unrecognized arguments: --nope; allowed: --help, --hosts, "),
        ("--web.listen-address=nope", "--web.listen-address: 'nope' is no address; allowed: "),
        ("--web.listen-address=", "--web.listen-address: expected a value, got nothing"),
        ("--write-config=/nope/file.yml", "--write-config: /nope: No such directory"),
        (
            "--write-hosts=/nope --kind=opennebula",
            "--write-hosts: there are no files of hosts yet; allowed: --kind=openstack",
        ),
        (
            "--write-config=/clouds.yaml",
            "--write-config: /clouds.yaml: the clouds.yaml is written beside it; ",
        ),
    ],
)
def test_wrong_flag_is_one_line_and_status_2(
    flag: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--vms=0", "--hosts=1", "--projects=1", *flag.split()]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"stratoscope demo-cloud: {message}")
    assert said.count("\n") == 1


def test_address_in_use_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flags = ["--vms=0", "--hosts=1", "--projects=1", f"--web.listen-address=127.0.0.1:{port}"]
        assert main(flags) == 2
    assert "cannot listen on" in capsys.readouterr().err


def test_file_that_cannot_be_written_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "clouds.yaml"))

    monkeypatch.setattr(new_file.os, "rename", refused)  # a disk that is full cannot be had here
    flags = ["--vms=0", "--hosts=1", "--projects=1", "--web.listen-address=127.0.0.1:0"]
    assert main([*flags, f"--write-config={tmp_path / 'demo.yml'}"]) == 2
    said = f"--write-config: {tmp_path / 'clouds.yaml'}: No space left on device\n"
    assert capsys.readouterr().err == f"stratoscope demo-cloud: {said}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["taken", "taken/", "taken/.", "taken/..", "taken/nothing/", "/", "/dev/null"]
)
def test_folder_or_device_for_the_configuration_is_refused_and_nothing_is_written(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").mkdir()
    flags = ["--vms=0", "--hosts=1", "--projects=1", "--web.listen-address=127.0.0.1:0"]
    assert main([*flags, f"--write-config={os.path.join(tmp_path, name)}"]) == 2  # noqa: PTH118 - keeps the `/`
    said = capsys.readouterr().err
    assert said.startswith("stratoscope demo-cloud: --write-config: /")
    assert said.endswith(": expected the name of a file, got a directory or a device\n")
    assert list(tmp_path.rglob("*")) == [tmp_path / "taken"]


def test_what_others_have_put_into_the_folder_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("whole")
    names = ("clouds.yaml", "demo.yml")
    for name in names:
        for theirs in (name, f".{name}.{os.getpid()}"):
            (tmp_path / theirs).symlink_to(victim)
    write_config(tmp_path / "demo.yml", "http://127.0.0.1:1")
    assert victim.read_text() == "whole"
    assert [stat.filemode((tmp_path / name).lstat().st_mode) for name in names] == ["-rw-------"] * 2


def test_folder_in_the_place_of_the_clouds_yaml_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "clouds.yaml").mkdir()
    assert main(["--vms=0", "--hosts=1", "--projects=1", f"--write-config={tmp_path / 'demo.yml'}"]) == 2
    assert (
        f"--write-config: {tmp_path / 'clouds.yaml'}: expected the name of a file" in capsys.readouterr().err
    )


@pytest.mark.parametrize("name", ["demo.yml", "clouds.yaml"])
@pytest.mark.parametrize(
    "text", ["clouds: {}\n", "", "\n# Written by stratoscope demo-cloud, which overwrites it."]
)
def test_file_of_somebody_is_not_overwritten(
    name: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratoscope.demo.command.build", lambda *_, **__: pytest.fail("it comes too late"))
    (tmp_path / name).write_text(text)
    assert main([f"--write-config={tmp_path / 'demo.yml'}", "--vms=0", "--hosts=1", "--projects=1"]) == 2
    assert capsys.readouterr().err == (
        f"stratoscope demo-cloud: --write-config: {tmp_path / name} exists, and demo-cloud has not written"
        " it: name one in another folder, or move this one away\n"
    )
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [(name, text)]


def test_its_own_files_are_written_anew(tmp_path: Path) -> None:
    for port in ("1", "2"):
        write_config(tmp_path / "demo.yml", f"http://127.0.0.1:{port}")
        for name in ("demo.yml", "clouds.yaml"):
            check_own(tmp_path / name)
        assert f"http://127.0.0.1:{port}/" in (tmp_path / "clouds.yaml").read_text()


def test_file_that_cannot_be_read_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "demo.yml").symlink_to(tmp_path / "demo.yml")
    assert main([f"--write-config={tmp_path / 'demo.yml'}", "--vms=0", "--hosts=1", "--projects=1"]) == 2
    said = f"--write-config: {tmp_path / 'demo.yml'}: Too many levels of symbolic links\n"
    assert capsys.readouterr().err == f"stratoscope demo-cloud: {said}"


def test_folder_that_takes_no_files_is_told_with_the_name_of_the_users_file() -> None:
    with pytest.raises(ConfigError, match=r"^--write-config: /proc/clouds\.yaml: "):
        write_config(Path("/proc/demo.yml"), "http://127.0.0.1:1")


def test_help_tells_the_flags(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "--write-config FILE" in capsys.readouterr().out


def test_it_ends_while_the_world_is_being_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def told_to_stop(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("stratoscope.demo.command.build", told_to_stop)
    assert main(["--vms=0"]) == 0


def test_every_interface_is_reached_by_loopback() -> None:
    assert reachable("http://[::]:80") == reachable("http://0.0.0.0:80") == "http://127.0.0.1:80"
    assert reachable("http://192.0.2.1:80") == "http://192.0.2.1:80"
    assert "http://127.0.0.1:80/identity/v3" in json.dumps(clouds("http://[::]:80"))
