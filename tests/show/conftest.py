"""The demo with little programs in place of its own."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import fake_family

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a Python, a Prometheus and an Alertmanager that are `fake_family`; it alone is PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    text = Path(fake_family.__file__).read_text()
    for name in ("python", "prometheus", "alertmanager"):
        (folder / name).write_text(f"#!{sys.executable} -IS\n{text}")
        (folder / name).chmod(0o755)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    # The demo starts its programs with the Python that runs it.
    monkeypatch.setattr("sys.executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("LIBVIRT_DEFAULT_URI", raising=False)
    yield folder
    for number, handler in before.items():
        signal.signal(number, handler)
