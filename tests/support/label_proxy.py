"""A real prom-label-proxy, as scripts/get-go builds it: it shows one project's series alone."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from cloud.ports import free_port

from support.debian import ROOT
from support.go_programs import go_program
from support.patience import FAR_S

PAGE: Final = ROOT / "docs/dashboards-for-owners.md"
_NAME: Final = "prom-label-proxy "
_ADDRESSES: Final = ("-insecure-listen-address=", "-upstream=")


def documented(flag: str) -> Sequence[str]:
    """The flags, without its addresses, of the page's command with this flag."""
    lines = PAGE.read_text().replace("\\\n", " ").splitlines()
    commands = [line.split()[1:] for line in lines if line.strip().startswith(_NAME)]
    (found,) = (flags for flags in commands if any(one.startswith(f"{flag}=") for one in flags))
    assert sum(one.startswith(_ADDRESSES) for one in found) == len(_ADDRESSES)
    return [one for one in found if not one.startswith(_ADDRESSES)]


@contextmanager
def label_proxy(prometheus: str, folder: Path, flags: Sequence[str]) -> Iterator[str]:
    """The proxy on loopback. Yields its URL.

    Args:
        prometheus: The URL of what it asks.
        folder: Of its log.
        flags: But its addresses.
    """
    url = f"http://127.0.0.1:{free_port()}"
    values = (url.removeprefix("http://"), prometheus)
    program = str(go_program("prom-label-proxy"))
    command = [program, *(name + value for name, value in zip(_ADDRESSES, values, strict=True)), *flags]
    with (
        (folder / "label-proxy.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            until = time.monotonic() + FAR_S
            while not _answers(f"{url}/healthz"):
                assert process.poll() is None, (folder / "label-proxy.log").read_text()
                assert time.monotonic() < until
                time.sleep(0.05)
            yield url
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5):  # noqa: S310 - loopback
            return True
    except (URLError, ConnectionError, TimeoutError):
        return False
