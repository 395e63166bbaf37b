"""The renderer against prometheus_client's, for 100,000 samples of 50 families."""

import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from results import Result, at_least, interleaved

from stratoscope.core.exposition import page, render
from stratoscope.core.metrics import Family, Labels

FAMILIES, OBJECTS = 50, 2000


class _Prepared:
    """Metrics that are ready, so that generate_latest's own work alone is measured."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def run(rounds: int) -> list[Result]:
    names = ("cloud", "vm_id", "device")
    families = [Family(f"stratoscope_bench_{n}_bytes", "A figure.", labels=names) for n in range(FAMILIES)]
    ids = [f"7d2c99e0-3a20-4845-806d-{n:012x}" for n in range(OBJECTS)]
    labels = [Labels(cloud="uni", vm_id=vm_id, device="vda") for vm_id in ids]
    samples = [
        family((row * 1.37 + column) if column % 2 else row * 4096, label)
        for row, label in enumerate(labels)
        for column, family in enumerate(families)
    ]
    registry = CollectorRegistry()
    metrics = []
    for column, family in enumerate(families):
        metric = GaugeMetricFamily(family.name, family.help, labels=names)
        for row, vm_id in enumerate(ids):
            metric.add_metric(["uni", vm_id, "vda"], (row * 1.37 + column) if column % 2 else row * 4096)
        metrics.append(metric)
    registry.register(_Prepared(metrics))

    def ours() -> bytes:
        return b"".join(page([render(samples, families, 10**9)], openmetrics=False))

    if _values(ours()) != _values(generate_latest(registry)):
        raise AssertionError("the two renderers say different things")
    mine, client = interleaved(rounds, lambda: _cpu(ours), lambda: _cpu(lambda: generate_latest(registry)))
    return [at_least("renderer: prometheus_client's CPU time / ours, 100,000 samples", client / mine, 8)]


def _cpu(call: object) -> float:
    began = time.process_time()
    call()  # type: ignore[operator]  # a call without arguments
    return time.process_time() - began


def _values(text: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }
