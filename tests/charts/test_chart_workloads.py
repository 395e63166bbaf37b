"""What a workload is, and what its values change."""

from collections.abc import Mapping
from typing import Any

import pytest

from stratoscope.programs import EXPORTERS
from support import charts
from support.charts import IMAGES, NAMESPACE, Manifest, container_of, entry, of_kind, pod_of, rendered, the

pytestmark = pytest.mark.charts

PORTS = {"hypervisor": 10971, "management": 10972, "vmprobe": 10973, "downtime": 10974}


def values_of(manifests: list[Manifest], exporter: str) -> Manifest:
    kind = "DaemonSet" if exporter == "hypervisor" else "Deployment"
    return the(manifests, kind)


def test_empty_values_make_nothing() -> None:
    assert rendered({}) == []


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_safe_by_default(exporter: str) -> None:
    found = rendered(entry(exporter))
    spec = pod_of(found)["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert the(found, "ServiceAccount")["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & {*spec}
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container_of(found)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    policy = the(found, "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    assert policy["ingress"] == [{"ports": [{"port": "metrics", "protocol": "TCP"}]}]
    assert of_kind(found, "PodDisruptionBudget") == []
    assert {one["kind"] for one in found} <= {
        *("ConfigMap", "ServiceAccount", "Service", "PersistentVolumeClaim", "NetworkPolicy"),
        *("Deployment", "DaemonSet", "Pod"),
    }


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_user_is_the_exporters_own(exporter: str) -> None:
    """Not that of images, which others have: in the host's /proc are Secrets of the same user."""
    found = rendered(entry(exporter))
    context = pod_of(found)["spec"]["securityContext"]
    port = PORTS[exporter]
    assert [context[key] for key in ("runAsUser", "runAsGroup", "fsGroup")] == [port] * 3


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_port_is_the_exporters_own(exporter: str) -> None:
    found = rendered(entry(exporter))
    port = PORTS[exporter]
    assert container_of(found)["ports"] == [{"name": "metrics", "containerPort": port, "protocol": "TCP"}]
    assert f"--web.listen-address=:{port}" in container_of(found)["args"]
    assert the(found, "Service")["spec"]["ports"][0]["port"] == port


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_who_selects_pods_finds_those_of_this_entry_alone(exporter: str) -> None:
    found = rendered(entry(exporter, podDisruptionBudget={"enabled": True}))
    labels = pod_of(found)["metadata"]["labels"]
    workload = values_of(found, exporter)["spec"]["selector"]["matchLabels"]
    chosen = [
        workload,
        the(found, "Service")["spec"]["selector"],
        the(found, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        the(found, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ]
    assert all(one == workload for one in chosen)
    assert workload.items() <= labels.items()
    test = the(found, "Pod")["metadata"]["labels"]
    assert not workload.items() <= test.items()
    both = rendered(
        {**IMAGES, "exporters": {"a": {"exporter": "management"}, "b": {"exporter": "management"}}}
    )
    first, second = (one["spec"]["selector"]["matchLabels"] for one in of_kind(both, "Deployment"))
    assert first != second


def test_hosts_are_read_only_and_named_by_their_node() -> None:
    found = rendered(entry("hypervisor", libvirtGroupId=108))
    spec, container = pod_of(found)["spec"], container_of(found)
    assert 108 in spec["securityContext"]["supplementalGroups"]
    folders = {one["name"]: one["hostPath"]["path"] for one in spec["volumes"] if "hostPath" in one}
    assert folders == {"libvirt": "/run/libvirt", "proc": "/proc", "sys": "/sys", "cgroup": "/sys/fs/cgroup"}
    mounts = {one["name"]: one for one in container["volumeMounts"]}
    assert all(mounts[name]["readOnly"] for name in folders)
    for flag, name in (("procfs", "proc"), ("sysfs", "sys"), ("cgroup", "cgroup")):
        assert f"--path.{flag}={mounts[name]['mountPath']}" in container["args"]
    assert "--host.name=$(NODE_NAME)" in container["args"]
    assert container["env"] == [
        {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    ]
    assert spec["tolerations"] == [{"operator": "Exists"}]


@pytest.mark.parametrize("exporter", ["vmprobe", "downtime"])
def test_state_is_in_a_claim_that_outlives_the_release(exporter: str) -> None:
    found = rendered(entry(exporter))
    claim = the(found, "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert values_of(found, exporter)["spec"]["strategy"] == {"type": "Recreate"}
    assert {"name": "state", "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}} in pod_of(
        found
    )["spec"]["volumes"]
    assert "--storage.path=/var/lib/stratoscope" in container_of(found)["args"]


def test_claim_of_somebody_is_taken_and_none_is_made() -> None:
    found = rendered(entry("vmprobe", persistence={"existingClaim": "mine"}))
    assert of_kind(found, "PersistentVolumeClaim") == []
    state = {"name": "state", "persistentVolumeClaim": {"claimName": "mine"}}
    assert state in pod_of(found)["spec"]["volumes"]


def test_two_of_one_state_are_refused() -> None:
    assert "exporters.one.replicas: 2; allowed: 1" in charts.refusal(entry("vmprobe", replicas=2))
    assert "exporters.one.replicas: 2; allowed: 1" in charts.refusal(entry("downtime", replicas=2))
    two = rendered(entry("downtime", replicas=2, persistence={"enabled": False}))
    assert values_of(two, "downtime")["spec"]["replicas"] == 2


def test_strategy_has_the_settings_of_its_own() -> None:
    """Helm 4 leaves alone what Kubernetes fills in, and with such settings Recreate is refused."""
    two = values_of(rendered(entry("management", replicas=2)), "management")["spec"]["strategy"]
    assert {*two} == {"type", "rollingUpdate"}
    assert values_of(rendered(entry("management")), "management")["spec"]["strategy"] == {"type": "Recreate"}


def test_probes_ask_unless_a_page_asks_for_a_log_in() -> None:
    kinds = ("livenessProbe", "readinessProbe", "startupProbe")
    container = container_of(rendered(entry("management")))
    assert [container[kind]["httpGet"]["path"] for kind in kinds] == ["/-/healthy", "/-/ready", "/-/ready"]
    guarded = rendered(entry("management", webConfigSecret="web"))
    assert [container_of(guarded)[kind]["tcpSocket"] for kind in kinds] == [{"port": "metrics"}] * 3
    assert "--web.config.file=/etc/stratoscope-web/web.yml" in container_of(guarded)["args"]
    assert of_kind(guarded, "Pod") == []


def test_no_secret_is_made_of_values() -> None:
    for case in charts.CASES:
        assert of_kind(charts.of_case(case), "Secret") == []


def test_pods_are_replaced_when_their_configuration_changes_and_not_by_a_new_chart() -> None:
    def pods(**config: object) -> Manifest:
        return pod_of(rendered(entry("management", config=config)))

    assert pods(a=1) == pods(a=1)
    assert pods(a=1) != pods(a=2)
    assert "helm.sh/chart" not in pods()["metadata"]["labels"]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"service": {"enabled": False}}, {"service": {"enabled": False, "type": "NodePort"}}),
        ({"replicas": 0}, {"replicas": 0}),
        ({"tolerations": []}, {"tolerations": []}),
        ({"logLevel": "debug"}, {"logLevel": "debug"}),
    ],
)
def test_entry_replaces_defaults_also_by_nothing(own: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    defaults = {"tolerations": [{"operator": "Exists"}], "service": {"type": "NodePort"}, "replicas": 3}
    values = {**entry("management", **own), "defaults": {"all": defaults}}
    found = rendered(values)
    workload = the(found, "Deployment")
    assert len(of_kind(found, "Service")) == expected.get("service", {"enabled": True})["enabled"]
    assert workload["spec"]["replicas"] == expected.get("replicas", 3)
    assert ("tolerations" in pod_of(found)["spec"]) == ("tolerations" not in expected)
    assert f"--log.level={expected.get('logLevel', 'info')}" in container_of(found)["args"]


def test_entries_do_not_share_what_they_change() -> None:
    values = {
        **IMAGES,
        "exporters": {
            "a": {"exporter": "management", "resources": {"limits": {"memory": "1Gi"}}},
            "b": {"exporter": "management"},
        },
    }
    first, second = (
        one["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
        for one in of_kind(rendered(values), "Deployment")
    )
    assert first == "1Gi"
    assert second != "1Gi"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, "registry.example.org/stratoscope-management:0.2.0"),
        ({"tag": "1.2"}, "registry.example.org/stratoscope-management:1.2"),
        ({"repository": "x/y", "tag": "1"}, "registry.example.org/x/y:1"),
        (
            {"digest": "sha256:" + "a" * 64, "tag": "1"},
            "registry.example.org/stratoscope-management@sha256:" + "a" * 64,
        ),
    ],
)
def test_image(image: Mapping[str, str], expected: str) -> None:
    found = rendered(entry("management", image=image))
    assert container_of(found)["image"] == expected
    (test,) = the(found, "Pod")["spec"]["containers"]
    assert test["image"] == expected


def test_longest_name_is_that_of_a_service() -> None:
    values = {**IMAGES, "fullnameOverride": "a" * 53, "exporters": {"b" * 23: {"exporter": "downtime"}}}
    assert len(the(rendered(values), "Service")["metadata"]["name"]) == 63


def test_pod_of_helm_test_has_the_limits_of_what_it_tests() -> None:
    """A namespace with a quota takes no pod without them."""
    found = rendered(entry("management"))
    (test,) = the(found, "Pod")["spec"]["containers"]
    assert test["resources"] == container_of(found)["resources"] != {}


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_pod_of_helm_test_runs_where_and_as_whom_the_exporter_does(exporter: str) -> None:
    """OpenShift gives each namespace users of its own; nodes of one kind alone may be allowed to run it."""
    no_users = {"runAsUser": None, "runAsGroup": None, "fsGroup": None}
    own = {"nodeSelector": {"tier": "control"}, "tolerations": [{"key": "control", "operator": "Exists"}]}
    values = {**entry(exporter, **own), "defaults": {exporter: {"podSecurityContext": no_users}}}
    for found in (rendered(entry(exporter)), rendered(values)):
        workload, test = pod_of(found)["spec"], the(found, "Pod")["spec"]
        as_whom = {**workload["securityContext"]}
        as_whom.pop("supplementalGroups", None)
        assert test["securityContext"] == as_whom
        assert test["containers"][0]["securityContext"] == workload["containers"][0]["securityContext"]
        for key in own:
            assert test.get(key) == workload.get(key)
    assert as_whom == {
        "fsGroupChangePolicy": "OnRootMismatch",
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_a_route_takes_its_path_off_as_the_exporters_pages_begin_at_the_root() -> None:
    def rule(**keys: object) -> Manifest:
        route = {"enabled": True, "parentRefs": [{"name": "gateway"}], **keys}
        (found,) = the(rendered(entry("downtime", httpRoute=route)), "HTTPRoute")["spec"]["rules"]
        return found  # type: ignore[no-any-return]  # manifests are read from YAML

    root = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
    assert rule(path="/cloud")["filters"] == [{"type": "URLRewrite", "urlRewrite": {"path": root}}]
    assert "filters" not in rule()


def test_registry_is_asked_for() -> None:
    said = charts.refusal({"exporters": {"uni": {"exporter": "management"}}})
    assert "exporters.uni: no registry with images is known: set global.imageRegistry" in said


def test_everything_is_in_the_release_s_namespace() -> None:
    for case in charts.CASES:
        for one in charts.of_case(case):
            elsewhere = one["metadata"]["name"] == "mine" or "dashboard" in one["metadata"]["name"]
            assert elsewhere or one["metadata"]["namespace"] == NAMESPACE, one["metadata"]
