"""How a command ends when its reader or its person has enough."""

import subprocess
import sys

import pytest

_COMMAND = [sys.executable, "-m", "stratoscope"]


@pytest.mark.parametrize("words", [["--help"], ["downtime", "list", "--help"]])
def test_a_reader_that_has_gone_is_no_error(words: list[str]) -> None:
    with subprocess.Popen([*_COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode in (141, 0), "0: argparse itself ignores it"


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
