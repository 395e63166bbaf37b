"""The embedded cloud does not stand still in silence: a task that fails ends it, with the reason."""

from pathlib import Path

import pytest

from stratoscope.demo import command, server
from stratoscope.demo.command import main
from stratoscope.demo.openstack.hypervisors import writer
from support import logs


@pytest.mark.parametrize("broken", ["move", "advance"])
def test_cloud_whose_task_fails_ends_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    # A bug of our own is needed, and it is to come soon.
    monkeypatch.setattr(writer, "EVERY_S", 0.01)
    monkeypatch.setattr(server, "_TICK_S", 0.01)
    monkeypatch.setattr(writer.HostFiles if broken == "move" else command.OpenStack, broken, fails)
    with logs.as_it_was(), pytest.raises(ZeroDivisionError):
        main(["--web.listen-address=127.0.0.1:0", f"--write-hosts={tmp_path / 'hosts'}"])
