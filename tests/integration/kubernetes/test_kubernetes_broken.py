"""What a user sees where an installation or an upgrade cannot go well, and how it goes on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from kube.apiserver import RefusedError

from integration.virsh import wait_for
from support.charts import CHART, IMAGES, entry
from support.cut_off import cut_off
from support.kube import PRIVILEGED, Cluster, Helm

pytestmark = [pytest.mark.integration, pytest.mark.full]


class Release:
    """A release `rel` in a namespace."""

    def __init__(self, helm: Helm, namespace: str, folder: Path, name: str = "rel") -> None:
        self._helm, self._folder, self.name = helm, folder, name
        self._place = f"--namespace={namespace}"

    def does(self, verb: str, values: Mapping[str, Any], *flags: str) -> str:
        """What Helm says of the chart with these values; "" if it did it."""
        file = self._folder / "values.yaml"
        file.write_text(json.dumps(values))
        done = self._helm(verb, self.name, CHART, self._place, f"--values={file}", *flags)
        assert (done.returncode == 0) == ("Error: " not in done.stderr)
        return done.stderr

    def status(self) -> tuple[str, int]:
        """Its status and revision."""
        told = json.loads(self._helm.must("status", self.name, self._place, "--output=json").stdout)
        return told["info"]["status"], told["version"]

    def roll_back(self) -> None:
        self._helm.must("rollback", self.name, self._place)


@pytest.fixture
def release(helm: Helm, namespace: str, tmp_path: Path) -> Release:
    return Release(helm, namespace, tmp_path)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"exporters": {"a": {"exporter": "hypervisor"}}}, "missing property 'libvirtGroupId'"),
        ({"exporters": {"a": {"exporter": "managment"}}}, "at '/exporters/a/exporter'"),
        ({"exporter": {}}, "additional properties 'exporter' not allowed"),
        (entry("management", replica=2), "additional properties 'replica' not allowed"),
        (entry("vmprobe", replicas=2), "exporters.one.replicas: 2; allowed: 1"),
        ({"exporters": {"a": {"exporter": "management"}}}, "exporters.a: no registry with images is known"),
        ({"exporters": {"A": {"exporter": "management"}}}, "invalid propertyName 'A'"),
        ({"fullnameOverride": "Strato"}, "at '/fullnameOverride'"),
        ({"nameOverride": "strato scope"}, "at '/nameOverride'"),
        ({"commonLabels": {"team": "cloud operators"}}, "at '/commonLabels/team'"),
    ],
)
def test_wrong_values_are_one_error_and_leave_nothing(
    values: Mapping[str, Any], said: str, release: Release, cluster: Cluster
) -> None:
    before = cluster.objects()
    error = release.does("install", values)
    assert said in error
    assert error.count("\n- ") <= 1
    assert error.count("Error: ") == 1
    assert cluster.objects() == before


def test_server_that_is_away_changes_nothing(release: Release, cluster: Cluster) -> None:
    assert release.does("install", entry("management")) == ""
    cluster.go_away()
    try:
        assert "connection refused" in release.does("upgrade", entry("management", replicas=2))
    finally:
        cluster.come_back()
    assert release.status() == ("deployed", 1)
    assert release.does("upgrade", entry("management", replicas=2)) == ""


def test_upgrade_that_lost_the_server_goes_on_after_a_rollback(
    release: Release, helm: Helm, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    values = entry("management", replicas=2)
    assert release.does("install", entry("management")) == ""

    def is_change(method: str, path: str) -> bool:
        return method == "PATCH" and "/deployments/" in path

    with cut_off(cluster, is_change) as url:
        config = json.loads(cluster.kubeconfig.read_text())
        config["clusters"][0]["cluster"] = {"server": url}
        file = tmp_path / "kubeconfig"
        file.touch(mode=0o600)
        file.write_text(json.dumps(config))
        broken = Release(Helm(helm.name, file, tmp_path), namespace, tmp_path)
        assert "Error: UPGRADE FAILED" in broken.does("upgrade", values)
    assert release.status() == ("pending-upgrade", 2)
    assert "another operation (install/upgrade/rollback) is in progress" in release.does("upgrade", values)
    release.roll_back()
    assert release.does("upgrade", values) == ""
    assert release.status() == ("deployed", 4)
    (deployment,) = cluster.of_kind("deployments", namespace)
    assert deployment["spec"]["replicas"] == 2


@pytest.mark.parametrize(("first", "then"), [(1, 2), (2, 1)])
def test_replicas_may_become_more_and_fewer(
    first: int, then: int, release: Release, cluster: Cluster, namespace: str
) -> None:
    """The strategy changes with it, and one of the two has settings which the other must not have."""
    for replicas in (first, then):
        verb = "install" if replicas == first else "upgrade"
        assert release.does(verb, entry("management", replicas=replicas)) == ""
        (deployment,) = cluster.of_kind("deployments", namespace)
        assert deployment["spec"]["strategy"]["type"] == ("Recreate" if replicas == 1 else "RollingUpdate")


def test_name_override_changes_no_selector(
    helm: Helm, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """A release that is called as the chart is keeps its names, and a selector cannot be changed."""
    release = Release(helm, namespace, tmp_path, "stratoscope")
    assert release.does("install", entry("management")) == ""
    assert release.does("upgrade", {**entry("management"), "nameOverride": "strato"}) == ""
    (deployment,) = cluster.of_kind("deployments", namespace)
    assert deployment["metadata"]["labels"]["app.kubernetes.io/name"] == "strato"


def test_claim_that_is_changed_is_told_by_the_server(release: Release) -> None:
    assert release.does("install", entry("vmprobe")) == ""
    error = release.does("upgrade", entry("vmprobe", persistence={"accessModes": ["ReadWriteMany"]}))
    assert "rel-stratoscope-one" in error
    assert "spec is immutable after creation" in error
    assert release.does("upgrade", entry("vmprobe")) == ""


@pytest.mark.parametrize("name", ["a" * 53, "rel.v1", "a." + "b" * 51])
def test_longest_and_odd_names_are_taken(name: str, helm: Helm, cluster: Cluster, tmp_path: Path) -> None:
    namespace = f"n-{helm.name}-{name.replace('.', '-')}".ljust(63, "n")
    cluster.add_namespace(namespace, {})
    one = entry("downtime", ingress={"enabled": True}, podDisruptionBudget={"enabled": True})["exporters"][
        "one"
    ]
    values = {
        **IMAGES,
        "exporters": {"e" * 23: one},
        "dashboards": {"enabled": True},
        "rules": {"enabled": True},
    }
    assert Release(helm, namespace, tmp_path, name).does("install", values) == ""
    (deployment,) = cluster.of_kind("deployments", namespace)
    assert cluster.try_pod(namespace, deployment["spec"]["template"]).warnings == []


def test_name_that_is_too_long_is_refused(helm: Helm, namespace: str, tmp_path: Path) -> None:
    error = Release(helm, namespace, tmp_path, "a" * 54).does("install", entry("management"))
    assert "release name" in error


def limit(cluster: Cluster, namespace: str, **most: str) -> None:
    """A quota that is in force; nothing is used yet, as a controller would say."""
    hard = {key.replace("_", "."): value for key, value in most.items()}
    hard["count/replicationcontrollers"] = "0"
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    quota = cluster.ask(path, {"metadata": {"name": "limit"}, "spec": {"hard": hard}}).content
    quota["status"] = {"hard": hard, "used": dict.fromkeys(hard, "0")}
    cluster.ask(f"{path}/limit/status", quota, method="PUT")
    wait_for(lambda: is_full(cluster, namespace))


def is_full(cluster: Cluster, namespace: str) -> bool:
    """Whether the server refuses the one object of which the quota allows none."""
    pod = {"metadata": {"labels": {"a": "a"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    body = {"metadata": {"name": "a"}, "spec": {"selector": {"a": "a"}, "template": pod}}
    try:
        cluster.ask(f"/api/v1/namespaces/{namespace}/replicationcontrollers?dryRun=All", body)
    except RefusedError as error:
        return "exceeded quota: limit" in str(error)
    return False


def test_quota_that_is_used_up_is_named(release: Release, cluster: Cluster, namespace: str) -> None:
    limit(cluster, namespace, persistentvolumeclaims="0")
    error = release.does("install", entry("vmprobe"))
    assert "exceeded quota: limit, requested: persistentvolumeclaims=1" in error
    none = entry("vmprobe", persistence={"enabled": False})
    assert release.does("upgrade", none, "--install") == ""


def test_pods_say_what_a_quota_of_memory_asks_for(
    release: Release, helm: Helm, cluster: Cluster, namespace: str
) -> None:
    limit(cluster, namespace, requests_memory="1Gi", limits_memory="1Gi", requests_cpu="1")
    assert release.does("install", entry("management")) == ""
    (deployment,) = cluster.of_kind("deployments", namespace)
    (test,) = yaml.safe_load_all(helm.must("get", "hooks", "rel", f"--namespace={namespace}").stdout)
    for pod in (deployment["spec"]["template"], test):
        assert cluster.try_pod(namespace, pod).warnings == []


def test_quota_of_cpu_needs_a_limit_of_yours(release: Release, cluster: Cluster, namespace: str) -> None:
    """The chart limits no CPU, which would make collections slow."""
    limit(cluster, namespace, limits_cpu="1")
    assert release.does("install", entry("management")) == ""
    (deployment,) = cluster.of_kind("deployments", namespace)
    with pytest.raises(RefusedError, match=r"must specify limits\.cpu for: exporter"):
        cluster.try_pod(namespace, deployment["spec"]["template"])
    assert release.does("upgrade", entry("management", resources={"limits": {"cpu": "1"}})) == ""
    (deployment,) = cluster.of_kind("deployments", namespace)
    assert cluster.try_pod(namespace, deployment["spec"]["template"]).warnings == []


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_hosts_need_a_namespace_of_their_own(
    level: str, helm: Helm, cluster: Cluster, tmp_path: Path
) -> None:
    namespace = f"{level}-{helm.name}"
    cluster.add_namespace(namespace, dict.fromkeys(PRIVILEGED, level))
    Release(helm, namespace, tmp_path).does("install", entry("hypervisor"))
    (hosts,) = cluster.of_kind("daemonsets", namespace)
    with pytest.raises(RefusedError, match=f'violates PodSecurity "{level}:latest": [^,:]*volume'):
        cluster.try_pod(namespace, hosts["spec"]["template"])


def test_warnings_of_the_server_are_seen(release: Release) -> None:
    """What the tests of all cases stand on."""
    wrong = entry("management", podSecurityContext={"runAsNonRoot": False})
    assert "would violate PodSecurity" in release.does("install", wrong)
