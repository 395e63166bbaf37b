"""The units of systemd: systemd takes them, and they leave an exporter little that it could harm."""

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from stratoscope.core.flags import Flags
from stratoscope.programs import EXPORTERS
from support.debian import ROOT

pytestmark = [pytest.mark.charts, pytest.mark.parametrize("exporter", EXPORTERS)]

PROGRAM = "/opt/stratoscope/bin/stratoscope"
MOST = 2.0
"""Of what systemd calls exposure, from 0 to 10; below 2 is its best word."""


def unit(exporter: str) -> Path:
    return ROOT / f"systemd/stratoscope-{exporter}.service"


def settings(exporter: str) -> list[tuple[str, str]]:
    lines = unit(exporter).read_text().splitlines()
    return [
        (key, value) for key, sign, value in (line.partition("=") for line in lines) if sign and key[0] != "#"
    ]


def test_systemd_takes_it(exporter: str, tmp_path: Path) -> None:
    copy = tmp_path / unit(exporter).name
    copy.write_text(unit(exporter).read_text().replace(PROGRAM, sys.executable))
    done = subprocess.run(
        ["/usr/bin/systemd-analyze", "verify", copy], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_calls_it_little_exposed(exporter: str) -> None:
    command = [
        "/usr/bin/systemd-analyze",
        "security",
        "--offline=yes",
        f"--threshold={MOST * 10:.0f}",
        unit(exporter),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_exporter_has_its_flags(exporter: str) -> None:
    (start,) = [value for key, value in settings(exporter) if key == "ExecStart"]
    program, name, *arguments = shlex.split(start)
    assert (program, name, arguments.pop()) == (PROGRAM, exporter, "$ARGS")
    flags = Flags.parse(import_module(EXPORTERS[exporter]).PROGRAM, arguments)
    assert flags.config_file == Path("/etc/stratoscope/stratoscope.yml")
    state = [f"/var/lib/{value}" for key, value in settings(exporter) if key == "StateDirectory"]
    assert state == ([str(flags.storage_path)] if flags.storage_path else [])


def test_all_are_hardened_alike(exporter: str) -> None:
    """But that the hypervisor's sees the processes and the devices of its host."""
    own = {
        "Description",
        "After",
        "ExecStart",
        "EnvironmentFile",
        "TimeoutStopSec",
        "StateDirectory",
        "StateDirectoryMode",
    }
    differs = {
        "SupplementaryGroups",
        "InaccessiblePaths",
        "ProtectProc",
        "ProcSubset",
        "PrivateDevices",
        "PrivateUsers",
        "RestrictAddressFamilies",
    }

    def common(of: str) -> list[tuple[str, str]]:
        return [one for one in settings(of) if one[0] not in own | differs]

    assert common(exporter) == common("management")
    other = {one for one in settings(exporter) if one[0] in differs}
    if exporter == "hypervisor":
        assert {("SupplementaryGroups", "libvirt"), ("ProtectProc", "default")} <= other
        hidden = " ".join(value for key, value in other if key == "InaccessiblePaths").split()
        assert {f"-/run/libvirt/{one}-sock" for one in ("libvirt", "virtqemud", "virtstoraged")} <= {*hidden}
        assert [path for path in hidden if not re.fullmatch(r"-/run/libvirt/\w+-sock", path)] == []
    else:
        assert other == {one for one in settings("management") if one[0] in differs}
