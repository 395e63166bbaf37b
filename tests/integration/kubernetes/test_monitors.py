"""What a real Prometheus has of the chart's monitors: our labels, and those of the operator that are left."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from integration.virsh import wait_for
from support.charts import entry, rendered, the
from support.prometheus_process import QUICK, Prometheus
from support.thread_server import pages

pytestmark = [pytest.mark.integration, pytest.mark.full]

FOUND = {
    "__meta_kubernetes_namespace": "monitoring",
    "__meta_kubernetes_pod_name": "rel-stratoscope-one-x7k2p",
    "__meta_kubernetes_pod_container_name": "exporter",
    "__meta_kubernetes_pod_node_name": "node-7",
    "__meta_kubernetes_service_name": "rel-stratoscope-one",
}
"""What Kubernetes says of the target."""


def job_of(kind: str, monitor: Mapping[str, Any], address: str) -> dict[str, Any]:
    """What the operator (v0.89) makes of a monitor, for a target that is found already."""
    spec = monitor["spec"]
    (endpoint,) = spec["podMetricsEndpoints" if kind == "PodMonitor" else "endpoints"]
    labels = {"namespace": "namespace", "pod": "pod_name", "container": "pod_container_name"}
    if kind == "ServiceMonitor":
        labels["service"] = "service_name"
    own = [
        {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": label}
        for label, source in labels.items()
    ]
    name = f"{monitor['metadata']['namespace']}/{monitor['metadata']['name']}"
    own += [
        {
            "target_label": "job",
            "replacement": name if kind == "PodMonitor" else FOUND["__meta_kubernetes_service_name"],
        },
        {"target_label": "endpoint", "replacement": endpoint["port"]},
    ]
    return {
        "job_name": f"{kind}/{name}/0",
        "honor_labels": endpoint["honorLabels"],
        "static_configs": [{"targets": [address], "labels": FOUND}],
        "relabel_configs": own + [relabeling(one) for one in endpoint["relabelings"]],
        "metric_relabel_configs": [relabeling(one) for one in endpoint.get("metricRelabelings", ())],
    }


def relabeling(of_operator: Mapping[str, Any]) -> dict[str, Any]:
    """In the words of Prometheus."""
    words = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    return {words.get(key, key): value for key, value in of_operator.items()}


@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor"])
@pytest.mark.parametrize(
    ("exporter", "target"),
    [
        ("management", {"job": "stratoscope-management", "instance": "rel-stratoscope-one", "cloud": "lab"}),
        (
            "hypervisor",
            {"job": "stratoscope-hypervisor", "instance": "node-7", "host": "node-7", "cloud": "lab"},
        ),
    ],
)
def test_our_labels_win(kind: str, exporter: str, target: Mapping[str, str], tmp_path: Path) -> None:
    monitor = the(rendered(entry(exporter, monitor={"enabled": True, "kind": kind, "cloud": "lab"})), kind)
    target = {**target, "namespace": "monitoring"}
    name = f"stratoscope_{exporter}_up"
    with pages("text/plain") as shown:
        shown.texts["/metrics"] = f'{name}{{cloud="uni",service="nova-compute",host="h1"}} 1\n'
        config = {**QUICK, "scrape_configs": [job_of(kind, monitor, shown.url.removeprefix("http://"))]}
        prometheus = Prometheus(tmp_path / "prometheus", config, {"groups": []})
        prometheus.start()
        try:
            wait_for(lambda: prometheus.ask(name) != {}, 30)
            (series,) = (dict(labels) for labels in prometheus.ask(name))
            assert series == {
                **target,
                "__name__": name,
                "cloud": "uni",
                "service": "nova-compute",
                "host": "h1",
            }
            # Hosts may not show `up`, but what Prometheus itself says of them stays.
            (up,) = (dict(labels) for labels in prometheus.ask("up"))
            assert up == {**target, "__name__": "up"}
        finally:
            prometheus.stop()
