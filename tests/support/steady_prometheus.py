"""A real Prometheus with the bundle, in which time goes faster, that watches support/steady_cloud.py."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stratoscope.rules import bundle
from stratoscope.rules.values import Values
from support import steady_cloud
from support.faster_rules import faster
from support.prometheus_process import RealPrometheus, Target

FACTOR: Final = 120
FULL_S: Final = 25
"""A window of 20 min, the interval of a group that has it, at the factor, and what is unsteady at first."""


@contextmanager
def watching(folder: Path) -> Iterator[RealPrometheus]:
    """It runs; its records are there after FULL_S."""
    rules = faster(bundle.files(Values()), FACTOR, scraped_every_s=1)
    with steady_cloud.served() as pages:
        found = RealPrometheus(folder, rules=rules, targets=[*_targets(pages)])
        found.start()
        try:
            yield found
        finally:
            found.stop()


def _targets(pages: str) -> Iterator[Target]:
    for name in ("management", "vmprobe", "downtime"):
        yield Target(name, pages, _labels(f"/{name}"))
    for host in steady_cloud.HOSTS:
        yield Target("hypervisor", pages, _labels(f"/hypervisor/{host}") | {"host": host})


def _labels(path: str) -> dict[str, str]:
    return {"__metrics_path__": path, "instance": path, "cloud": "uni"}
