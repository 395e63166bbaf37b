"""How a command ends when its reader or its person has enough."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_COMMAND = [sys.executable, "-m", "stratoscope"]


@pytest.mark.parametrize("words", [["--help"], ["downtime", "list", "--help"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_gone_is_no_error(words: list[str], unbuffered: str) -> None:
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(
        [*_COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode in (141, 0), "0: argparse itself ignores it"


@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], ["downtime", "list", "--help"], ["check-alerts", "--url=http://127.0.0.1:1"]],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_takes_nothing_is_one_line_and_status_1(words: list[str], unbuffered: str) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [*_COMMAND, *words], stdout=full, stderr=subprocess.PIPE, check=False,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    said = b"stratoscope: standard output: No space left on device\n"
    assert (ended.returncode, ended.stderr) == (1, said)


def test_a_closed_output_is_no_error() -> None:
    words = " ".join([*_COMMAND, "--version", ">&-"])
    ended = subprocess.run(["sh", "-c", words], capture_output=True, check=False)  # noqa: S607 - any sh
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_an_interrupted_command_ends_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from stratoscope import __main__  # noqa: PLC0415 - its parts are replaced

    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, "_run", interrupted)
    assert __main__.main(["downtime", "list"]) == 130


def test_a_full_disk_is_said_and_the_stream_is_as_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from stratoscope import __main__  # noqa: PLC0415 - the same

    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert __main__.main(["--version"]) == 1
        assert sys.stdout is full
    assert capsys.readouterr().err == "stratoscope: standard output: No space left on device\n"
