"""Programs of ours in processes of their own, and where they listen; for tests that block."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from support.patience import FAR_S

TESTS = Path(__file__).parents[1]


def get(url: str) -> str:
    """What is answered; "" where nothing is, or an error."""
    try:
        with urlopen(url, timeout=FAR_S) as answer:  # noqa: S310 - http://127.0.0.1 only
            content: bytes = answer.read()
            return content.decode()
    except (URLError, ConnectionError):
        return ""


def is_ready(url: str) -> bool:
    return get(f"{url}/-/ready") != ""


def wait_until(holds: Callable[[], object], process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Raises AssertionError when it does not come to hold, with what the process has logged."""
    give_up = time.monotonic() + FAR_S
    while not holds():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < give_up, log.read_text()
        time.sleep(0.05)


@contextmanager
def site(
    folder: Path, module: str, *arguments: str, is_ready: Callable[[str], object] = is_ready
) -> Iterator[str]:
    """Runs `python -m MODULE ARGUMENTS` on a free port of loopback; yields its URL once it is ready."""
    log = folder / f"{module}-{arguments[0]}.log"
    command = [sys.executable, "-m", module, *arguments, "--web.listen-address=127.0.0.1:0"]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    with log.open("wb") as written:
        process = subprocess.Popen(command, env=environment, stdout=written, stderr=written)
    try:
        wait_until(lambda: _url(log), process, log)
        url = _url(log)
        wait_until(lambda: is_ready(url), process, log)
        yield url
    finally:
        process.terminate()
        process.wait(FAR_S)


def _url(log: Path) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
    return found[0] if found else ""
