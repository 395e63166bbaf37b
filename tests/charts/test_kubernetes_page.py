"""docs/kubernetes.md: what it tells to type installs what it says."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from test_chart_configuration import refused, started

from support.charts import CHART, VERSIONS, Manifest, faults, of_kind
from support.kubernetes_page import FILES, PAGE, commands, flag, rendered_by

pytestmark = pytest.mark.charts

INSTALLED = [one for one in commands("helm", "upgrade", "--install") if not one[1].startswith("oci:")]
each_command = pytest.mark.parametrize("command", INSTALLED, ids=" ".join)


def manifests(command: Sequence[str]) -> list[Manifest]:
    return [one for one in yaml.load_all(rendered_by(*command), yaml.CSafeLoader) if one]


def last(release: str) -> list[Manifest]:
    """What a release is in the end."""
    return manifests([one for one in INSTALLED if one[0] == release][-1])


@each_command
def test_kubernetes_takes_what_a_command_installs(command: Sequence[str]) -> None:
    found = manifests(command)
    assert [fault for one in found for fault in faults(one, VERSIONS[-1])] == []
    assert of_kind(found, "Deployment") or of_kind(found, "DaemonSet")


@each_command
def test_exporter_takes_what_a_command_configures(command: Sequence[str], tmp_path: Path) -> None:
    (tmp_path / "check").mkdir()
    pods = [*started(manifests(command))]
    assert [refused(pod, tmp_path / "check") for pod in pods] == [""] * len(pods)


@each_command
def test_secrets_and_namespaces_are_made_before(command: Sequence[str]) -> None:
    namespace = flag(command, "namespace")
    made = {
        one[0]
        for one in commands("kubectl", "create", "secret", "generic")
        if flag(one, "namespace") == namespace
    }
    named = re.findall(
        r"secretName: ([\w-]+)|basicAuth:\s+password:\s+key: \w+\s+name: (\S+)", rendered_by(*command)
    )
    assert {first or second for first, second in named} - {"downtime-tls"} <= made
    assert [namespace] in commands("kubectl", "create", "namespace")


def test_namespaces_have_the_level_that_their_pods_need() -> None:
    levels = {one[0]: one[1].partition("=")[2] for one in commands("kubectl", "label", "namespace")}
    assert levels == {"stratoscope": "restricted", "stratoscope-hosts": "privileged"}
    mounts_host = {one[0]: any("hostPath" in str(pod) for pod in last(one[0])) for one in INSTALLED}
    assert mounts_host == {"stratoscope": False, "stratoscope-hosts": True}


def test_who_comes_from_outside_has_to_log_in() -> None:
    """Else pages are refused, and /metrics is open to all."""
    pages = yaml.safe_load(FILES["pages.yaml"])["exporters"]
    shown = {name for name, one in pages.items() if {"ingress", "httpRoute"} & {*one}}
    assert shown == {name for name, one in pages.items() if one.get("webConfigSecret")}
    assert shown == {"downtimes", "probes"}


def test_claims_that_stay_are_those_that_are_named() -> None:
    claims = of_kind(last("stratoscope"), "PersistentVolumeClaim")
    assert {one["metadata"]["annotations"]["helm.sh/resource-policy"] for one in claims} == {"keep"}
    (command,) = commands("kubectl", "delete", "persistentvolumeclaim")
    assert {one["metadata"]["name"] for one in claims} == {*command} - {"--namespace=stratoscope"}
    for one in claims:
        assert f"`{one['metadata']['name']}`" in PAGE


def test_objects_that_commands_name_are_installed() -> None:
    names = {f"{one['kind'].lower()}/{one['metadata']['name']}" for one in last("stratoscope")}
    named = re.findall(r"\b(deployment/[\w-]+)", PAGE)
    assert {*named} <= names
    assert named


def test_monitors_and_rules_are_selected_and_the_hosts_have_no_rules() -> None:
    """By the label that kube-prometheus-stack takes."""
    of_exporters, of_hosts = last("stratoscope"), last("stratoscope-hosts")
    watched = [
        *of_kind(of_exporters, "PodMonitor"),
        *of_kind(of_hosts, "PodMonitor"),
        *of_kind(of_exporters, "PrometheusRule"),
    ]
    assert {one["metadata"]["labels"]["release"] for one in watched} == {"monitoring"}
    assert [len(of_kind(of_exporters, "PodMonitor")), len(of_kind(of_hosts, "PodMonitor"))] == [3, 1]
    assert of_kind(of_hosts, "PrometheusRule") == []
    assert {one["kind"] for one in of_exporters} >= {"AlertmanagerConfig", "Ingress", "HTTPRoute"}


def test_a_threshold_of_the_page_is_in_the_rules() -> None:
    ((name, value),) = yaml.safe_load(FILES["monitoring.yaml"])["rules"]["thresholds"].items()
    groups = [g for one in of_kind(last("stratoscope"), "PrometheusRule") for g in one["spec"]["groups"]]
    found = [
        rule["expr"]
        for group in groups
        for rule in group["rules"]
        if rule.get("record", "").split(":")[1:2] == [name]
    ]
    assert found == [f"vector({value})"]


def test_errors_that_the_page_names_are_those_of_the_chart() -> None:
    source = "\n".join(one.read_text() for one in (CHART / "templates").rglob("*.tpl"))
    assert "no registry with images is known" in source
    assert "`no registry with images is known`" in PAGE


def test_page_says_what_to_do_of_each_way_in_which_a_pod_does_not_start() -> None:
    rows = re.findall(r"^\| (.+?) \|", PAGE, re.MULTILINE)
    for state in (
        "ErrImagePull",
        "InvalidImageName",
        "CrashLoopBackOff",
        "FailedMount",
        "Pending",
        "0 pods",
        "limits.cpu",
    ):
        assert [row for row in rows if state in row], state
    assert 'no matches for kind "PodMonitor"' in PAGE


def test_chart_of_a_release_is_at_the_version_of_the_clone() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    (command,) = [one for one in commands("helm", "upgrade", "--install") if one[1].startswith("oci:")]
    assert flag(command, "version") == chart["version"]
    assert {flag(command, "values")} <= {*FILES}
