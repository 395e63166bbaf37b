"""A real prom-label-proxy, as scripts/get-label-proxy builds it: it shows one project's series alone."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from support.alertmanagers import free_port
from support.debian import ROOT
from support.patience import FAR_S


@contextmanager
def label_proxy(prometheus: str, folder: Path, *whose: str) -> Iterator[str]:
    """The proxy on loopback. Yields its URL.

    Args:
        prometheus: The URL of what it asks.
        folder: Of its log.
        whose: The flags that say which project it shows.
    """
    url = f"http://127.0.0.1:{free_port()}"
    command = [_built(), f"-insecure-listen-address={url.removeprefix('http://')}", f"-upstream={prometheus}"]
    command += ["-label=project_id", "-enable-label-apis", *whose]
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


def _built() -> str:
    done = subprocess.run([ROOT / "scripts/get-label-proxy"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5):  # noqa: S310 - loopback
            return True
    except (URLError, ConnectionError, TimeoutError):
        return False
