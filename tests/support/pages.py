"""Reads pages back, with the parsers of prometheus_client and with promtool."""

import shutil
import subprocess
from collections.abc import Iterable, Sequence

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from stratoscope.core.exposition import Lines, page, render
from stratoscope.core.metrics import Family, Sample


def text(parts: Sequence[Lines], *, openmetrics: bool = False) -> str:
    """A whole page, OpenMetrics' end mark included."""
    end = b"# EOF\n" if openmetrics else b""
    return (b"".join(page(parts, openmetrics=openmetrics)) + end).decode()


def joined(lines: Lines) -> str:
    """The lines of all families, without their heads."""
    return b"".join(block for blocks in lines.by_family.values() for block in blocks).decode()


def rendered(samples: Iterable[Sample], families: Sequence[Family]) -> str:
    """The page of these samples, in the text format."""
    return text([render(samples, families, 1_000_000)])


def parsed(page_text: str, *, openmetrics: bool = False) -> list[Metric]:
    """The families that prometheus_client finds; ValueError for a page that is wrong."""
    parse = openmetrics_families if openmetrics else text_families
    return list(parse(page_text))


def promtool_findings(page_text: str) -> str:
    """What `promtool check metrics` has against a page in the text format; empty if nothing.

    Raises:
        FileNotFoundError: promtool is not on PATH: `make tools` gets it.
    """
    tool = shutil.which("promtool")
    if tool is None:
        raise FileNotFoundError("promtool is not on PATH; `make tools` gets it")
    done = subprocess.run(
        [tool, "check", "metrics"], input=page_text.encode(), capture_output=True, check=False, timeout=30
    )
    findings = (done.stdout + done.stderr).decode().strip()
    return findings if done.returncode or findings else ""
