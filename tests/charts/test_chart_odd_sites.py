"""What sites have that nobody thinks of: names that YAML takes for another thing, labels that stand twice."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.charts import (
    CASES,
    CHART,
    IMAGES,
    VERSIONS,
    Manifest,
    container_of,
    entry,
    faults,
    helm,
    of_case,
    of_kind,
    pod_of,
    rendered,
    the,
)

pytestmark = pytest.mark.charts

ALL = {
    "podDisruptionBudget": {"enabled": True},
    "monitor": {"enabled": True, "cloud": "no"},
    "ingress": {"enabled": True, "className": "123", "path": "/a: b #c"},
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}], "path": "/a,b}"},
    "priorityClassName": "123",
    "existingConfigMap": "0x1",
    "secrets": [{"name": "123", "mountPath": "/secret"}],
    "serviceAccount": {"name": "123"},
}
ONCE_MORE: Mapping[str, dict[str, Any]] = {
    "rules": {"enabled": True},
    "dashboards": {"enabled": True},
    "alertmanagerConfig": {"enabled": True, "receivers": [{"name": "warning"}]},
}


class Once(yaml.SafeLoader):
    """As kustomize reads: a key that stands twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        assert len(set(keys)) == len(keys), f"twice in {keys}"
        return super().construct_mapping(node, deep)


def read_once(values: Mapping[str, Any], name: str = "rel", namespace: str = "monitoring") -> list[Manifest]:
    done = helm(
        *("template", name, CHART, f"--namespace={namespace}", "--values=-"),
        given=json.dumps(values),
    )
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.load_all(done.stdout, Once) if one]


@pytest.mark.parametrize("word", ["no", "on", "true", "null", "123", "1e3", "0x1"])
def test_name_that_yaml_takes_for_something_else_is_a_name(word: str) -> None:
    """Of a release, a namespace, an entry and what else has one: clouds of Norway are called `no`."""
    one = "no" if word[0].isdigit() else word
    exporters = {
        one: {"exporter": "downtime", **ALL, "webConfigSecret": word},
        "claim": {"exporter": "vmprobe", "persistence": {"existingClaim": word}},
    }
    values: dict[str, Any] = {
        **IMAGES,
        **ONCE_MORE,
        "exporters": exporters,
        "dashboards": {"enabled": True, "namespace": word},
    }
    if not word[0].isdigit():
        values |= {"nameOverride": word, "fullnameOverride": word}
    found = read_once(values, name=word, namespace=word)
    assert {one["metadata"]["namespace"] for one in found} == {word}
    for manifest in found:
        assert [
            type(value) for value in manifest["metadata"]["labels"].values() if type(value) is not str
        ] == []
        assert type(manifest["metadata"]["name"]) is str
        assert [*faults(manifest, VERSIONS[-1])] == []


LABELS = {"release": "a", "cloud": "a", "app.kubernetes.io/part-of": "a", "grafana_dashboard": "a"}


def test_label_that_is_named_twice_stands_once_and_the_nearer_counts() -> None:
    """Helm takes the last of two, kustomize and so Flux refuse them."""
    nearer = {"release": "b", "cloud": "b"}
    one = {
        "exporter": "vmprobe",
        "podLabels": nearer,
        "podAnnotations": {"kubectl.kubernetes.io/default-container": "b"},
        "persistence": {"annotations": {"helm.sh/resource-policy": "b"}},
        "monitor": {"enabled": True, "cloud": "c", "labels": nearer},
    }
    values = {
        **IMAGES,
        "commonLabels": LABELS,
        "exporters": {"one": one},
        "rules": {"enabled": True, "labels": nearer},
        "dashboards": {"enabled": True, "labels": nearer, "annotations": {"grafana_folder": "b"}},
        "alertmanagerConfig": {**ONCE_MORE["alertmanagerConfig"], "labels": nearer},
    }
    found = read_once(values)
    (dashboard,) = [one for one in found if one["metadata"]["name"].endswith("-dashboard-vm")]
    for kind in ("PodMonitor", "PrometheusRule", "AlertmanagerConfig"):
        labels = of_kind(found, kind)[-1]["metadata"]["labels"]
        assert (kind, {key: labels[key] for key in LABELS}) == (kind, LABELS | nearer)
    assert dashboard["metadata"]["labels"].items() >= (LABELS | {"grafana_dashboard": "1"} | nearer).items()
    assert dashboard["metadata"]["annotations"] == {"grafana_folder": "b"}
    pod = the(found, "Deployment")["spec"]["template"]["metadata"]
    assert nearer.items() <= pod["labels"].items()
    assert pod["annotations"]["kubectl.kubernetes.io/default-container"] == "b"
    assert the(found, "PersistentVolumeClaim")["metadata"]["annotations"] == {"helm.sh/resource-policy": "b"}


@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor"])
@pytest.mark.parametrize(
    "other", ["app.kubernetes.io/name", "app.kubernetes.io/instance", "stratoscope/entry"]
)
def test_no_label_or_name_hides_pods_from_those_who_select_them(kind: str, other: str) -> None:
    one = entry("management", podLabels={other: "other"}, monitor={"enabled": True, "kind": kind})
    found = rendered({**one, "nameOverride": "other", "commonLabels": {other: "other"}})
    pod = the(found, "Deployment")["spec"]["template"]["metadata"]["labels"]
    of_service = the(found, "Service")["metadata"]["labels"]
    assert the(found, "Deployment")["spec"]["selector"]["matchLabels"].items() <= pod.items()
    seen = pod if kind == "PodMonitor" else of_service
    selector = the(found, kind)["spec"]["selector"]["matchLabels"]
    assert selector.items() <= seen.items()
    assert {*selector} == {"app.kubernetes.io/instance", "stratoscope/entry"}


@pytest.mark.parametrize(
    ("cloud", "label"),
    [("lab", "lab"), ("Uni Göttingen", None), ("a" * 63, "a" * 63), ("a" * 64, None), ("", None)],
)
def test_cloud_is_a_label_of_pods_if_it_can_be_one(cloud: str, label: str | None) -> None:
    found = rendered(entry("management", monitor={"enabled": True, "cloud": cloud}))
    pod = the(found, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert pod.get("cloud") == label
    (endpoint,) = the(found, "PodMonitor")["spec"]["podMetricsEndpoints"]
    target = {"targetLabel": "cloud", "replacement": cloud}
    assert (target in endpoint["relabelings"]) == bool(cloud)


def limits_of(found: Sequence[Manifest]) -> object:
    return container_of(found)["resources"].get("limits")


def test_null_removes_what_a_default_says() -> None:
    """The way by which OpenShift chooses users itself, and by which pods get no limit."""
    users = {"runAsUser": None, "runAsGroup": None, "fsGroup": None}
    own = {"podSecurityContext": users, "resources": {"limits": {"memory": None}}}
    of_vmprobe = {"podSecurityContext": users}
    left = {
        "runAsNonRoot": True,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for values in (entry("vmprobe", **own), {**entry("vmprobe"), "defaults": {"vmprobe": of_vmprobe}}):
        found = rendered(values)
        assert pod_of(found)["spec"]["securityContext"] == left
        assert the(found, "Pod")["spec"]["securityContext"] == left
    assert limits_of(rendered(entry("vmprobe", **own))) in (None, {})
    assert limits_of(rendered(entry("vmprobe"))) == {"memory": "160Mi"}


def test_values_that_a_parent_chart_shares_are_taken() -> None:
    """Secrets as kube-prometheus-stack writes them."""
    shared = {
        "imageRegistry": "r.example.org:5000/mirror",
        "imagePullSecrets": [{"name": "a"}, "b"],
        "else": 1,
    }
    found = rendered({**entry("management", imagePullSecrets=["a", {"name": "c"}]), "global": shared})
    assert pod_of(found)["spec"]["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}, {"name": "c"}]
    assert container_of(found)["image"].startswith("r.example.org:5000/mirror/stratoscope-management:")


def test_long_names_of_releases_that_differ_at_their_ends_have_objects_of_their_own() -> None:
    """As those that tools make of a cluster, a region and a namespace."""
    names = {
        the(read_once(entry("management"), name="b" * 45 + end), "Service")["metadata"]["name"]
        for end in "ab"
    }
    assert len(names) == 2


def test_name_of_a_service_begins_with_a_letter() -> None:
    service = the(read_once(entry("management"), name="2024"), "Service")
    assert service["metadata"]["name"] == "stratoscope-2024-stratoscope-one"


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_objects_may_be_applied_by_kubectl(case: Path) -> None:
    """As Argo CD does: it writes the whole object into an annotation, which has a bound."""
    assert [one["metadata"]["name"] for one in of_case(case) if len(json.dumps(one)) > 262_144 * 0.8] == []
