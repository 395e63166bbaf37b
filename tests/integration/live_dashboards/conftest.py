"""The Prometheus that all rounds of dashboards ask: its records take half a minute to fill."""

import time
from collections.abc import Iterator

import pytest

from support import steady_prometheus
from support.patience import FAR_S
from support.prometheus_process import RealPrometheus

_OF_A_DAY = "vm:stratoscope_hypervisor_vm_network_receive_bytes:increase24h"


@pytest.fixture(scope="package")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrometheus]:
    """It runs, and may have no records yet."""
    with steady_prometheus.watching(tmp_path_factory.mktemp("pages")) as pages:
        yield pages


@pytest.fixture(scope="package")
def full(begun: RealPrometheus) -> RealPrometheus:
    """It has all records."""
    until = time.monotonic() + FAR_S
    while not begun.ask(f"{_OF_A_DAY} offset {steady_prometheus.FULL_S}s"):
        assert time.monotonic() < until
        time.sleep(0.1)
    return begun
