"""scripts/dashboards-draw: pictures with invented answers, and with those of a Prometheus."""

import subprocess
import time
from pathlib import Path

import pytest

from support.debian import ROOT
from support.prometheus_process import QUICK, Prometheus

pytestmark = pytest.mark.drawn

PICTURES = ROOT / "build" / "screenshots" / "dashboards"


def drawn(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = ROOT / "scripts" / "dashboards-draw"
    return subprocess.run([script, *arguments], check=False, capture_output=True, text=True)


def test_pictures_are_made_in_both_modes() -> None:
    for picture in PICTURES.glob("create-*.png"):
        picture.unlink()
    done = drawn("create")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "create: drawn")
    assert {one.name for one in PICTURES.glob("create-*.png")} >= {"create-light.png", "create-dark.png"}


def test_panels_for_which_prometheus_has_no_data_are_named(tmp_path: Path) -> None:
    prometheus = Prometheus(tmp_path, QUICK, {"groups": []})
    prometheus.start()
    try:
        deadline = time.monotonic() + 30
        while not prometheus.ask("vector(1)"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        done = drawn(f"--prometheus={prometheus.url}", "--last=30m", "create")
    finally:
        prometheus.stop()
    assert done.returncode == 1
    assert "Phases: no data, and it is not marked" in done.stdout


def test_board_that_does_not_exist_is_an_error_that_names_those_that_do() -> None:
    done = drawn("other")
    assert done.returncode == 2
    assert "no board is called other; there are " in done.stderr
