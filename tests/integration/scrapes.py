"""Scrapes as Prometheus makes them."""

import time
from urllib.request import Request, urlopen

from integration.conftest import RunningExporter
from integration.virsh import Page, page

TIMEOUT_S = 10


def scrape(exporter: RunningExporter, timeout_s: float = TIMEOUT_S) -> tuple[Page, float]:
    """A page as Prometheus asks for it, and how long it took."""
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": str(timeout_s)}
    request = Request(f"{exporter.url}/metrics", headers=headers)  # noqa: S310 - http://127.0.0.1 only
    began = time.monotonic()
    with urlopen(request, timeout=timeout_s + 5) as answer:  # noqa: S310 - http://127.0.0.1 only
        text = answer.read().decode()
    return page(text), time.monotonic() - began
