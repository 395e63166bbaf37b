"""Values that are wrong are refused by their key; the schema knows each key of values.yaml, and no other."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import pytest
import yaml

from stratoscope.core.errors import ConfigError
from stratoscope.programs import EXPORTERS
from stratoscope.rules.thresholds import known
from stratoscope.rules.values import OWN, _check_label
from support.charts import CHART, IMAGES, VERSIONS, container_of, entry, faults, of_kind, refusal, rendered

pytestmark = pytest.mark.charts

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"exporter": {}}, "additional properties 'exporter' not allowed"),
        ({"exporters": {"a": {}}}, "at '/exporters/a': missing property 'exporter'"),
        (
            {"exporters": {"a": {"exporter": "managment"}}},
            "/a/exporter': value must be one of 'hypervisor', 'management', 'vmprobe', 'downtime'",
        ),
        (
            {"exporters": {"a": {"exporter": "hypervisor"}}},
            "at '/exporters/a': missing property 'libvirtGroupId'",
        ),
        (entry("management", libvirtGroupId=1), "additional properties 'libvirtGroupId' not allowed"),
        ({"fullnameOverride": "Strato"}, "at '/fullnameOverride': 'Strato' does not match pattern"),
        ({"nameOverride": "strato scope"}, "at '/nameOverride'"),
        ({"commonLabels": {"team": "cloud operators"}}, "at '/commonLabels/team'"),
        (entry("management", podLabels={"a": "b" * 64}), "at '/exporters/one/podLabels/a': maxLength"),
        (entry("management", replica=2), "at '/exporters/one': additional properties 'replica' not allowed"),
        (entry("management", replicas="2"), "at '/exporters/one/replicas': got string, want integer"),
        (entry("management", resources={"limit": {}}), "at '/exporters/one/resources'"),
        (entry("management", monitor={"interval": "1 min"}), "at '/exporters/one/monitor/interval'"),
        (entry("management", monitor={"kind": "Probe"}), "'PodMonitor', 'ServiceMonitor'"),
        (entry("management", image={"digest": "abc"}), "at '/exporters/one/image/digest'"),
        (
            entry("management", secrets=[{"name": "a"}]),
            "at '/exporters/one/secrets/0': missing property 'mountPath'",
        ),
        (entry("vmprobe", persistence={"size": "1 GB"}), "at '/exporters/one/persistence/size'"),
        (entry("vmprobe", persistence={"size": "10"}), "at '/exporters/one/persistence/size': '10' does not"),
        (entry("management", resources={"limits": {"memory": 512}}), "/resources/limits/memory': minimum"),
        (entry("management", resources={"limits": {"memory": "512MB"}}), "/limits/memory': '512MB' does not"),
        (entry("management", resources={"requests": {"cpu": "50 m"}}), "/requests/cpu': '50 m' does not"),
        (entry("management", extraEnv=[{"name": "A", "value": 1}]), "/extraEnv/0/value': got number, want"),
        (entry("management", imagePullSecrets=["Registry"]), "at '/exporters/one/imagePullSecrets/0'"),
        (entry("management", webConfigSecret="web.yml/a"), "at '/exporters/one/webConfigSecret'"),
        (
            entry("management", secrets=[{"name": "Clouds_Yaml", "mountPath": "/etc/openstack"}]),
            "at '/exporters/one/secrets/0/name': 'Clouds_Yaml' does not match pattern",
        ),
        (
            entry("management", podDisruptionBudget={"maxUnavailable": "50"}),
            "at '/exporters/one/podDisruptionBudget/maxUnavailable'",
        ),
        (
            entry("downtime", ingress={"hosts": ["https://a.example.org"]}),
            "at '/exporters/one/ingress/hosts/0'",
        ),
        (
            {"alertmanagerConfig": {"receivers": [{"name": "warning", "emailConfig": []}]}},
            "at '/alertmanagerConfig/receivers/0': additional properties 'emailConfig' not allowed",
        ),
        (entry("vmprobe", persistence={"accessModes": []}), "at '/exporters/one/persistence/accessModes'"),
        ({"exporters": {"A_b": {"exporter": "management"}}}, "invalid propertyName 'A_b'"),
        ({"defaults": {"all": {"libvirtSocketFolder": "/x"}}}, "at '/defaults/all'"),
        (
            {"rules": {"thresholds": {"steal_ratio": "1"}}},
            "at '/rules/thresholds/steal_ratio': got string, want number",
        ),
        (
            {"rules": {"thresholds": {"steal_ratio": 2}}},
            "at '/rules/thresholds/steal_ratio': maximum: got 2, want 1",
        ),
        ({"rules": {"thresholds": {"nothing": 1}}}, "additional properties 'nothing' not allowed"),
        ({"rules": {"watched": {"projects": ["lab/"]}}}, "at '/rules/watched/projects/0'"),
        ({"rules": {"runbookUrl": "https://x.example.org"}}, "at '/rules/runbookUrl'"),
        ({"rules": {"runbookUrl": "https://{{ $labels.cloud }}/"}}, "at '/rules/runbookUrl'"),
        ({"rules": {"extraLabels": {"my team": "x"}}}, "at '/rules/extraLabels': additional properties 'my"),
        ({"rules": {"extraLabels": {"__name__": "x"}}}, "additional properties '__name__' not allowed"),
        ({"rules": {"extraLabels": {"cloud": "x"}}}, "at '/rules/extraLabels/cloud': false schema"),
        ({"rules": {"extraLabels": {"team": "{{ boom"}}}, "at '/rules/extraLabels/team'"),
        (
            {"rules": {"enabled": True, "alerts": {"Nothing": False}}},
            "rules.alerts: unknown name Nothing; allowed: Stratoscope",
        ),
        (
            {"alertmanagerConfig": {"enabled": True, "receivers": [{"name": "x"}]}},
            "alertmanagerConfig.receivers: none has the name `warning`",
        ),
        (
            entry(
                "management", service={"enabled": False}, monitor={"enabled": True, "kind": "ServiceMonitor"}
            ),
            "exporters.one.monitor.kind: ServiceMonitor needs service.enabled",
        ),
        (
            {**entry("management"), "global": {"imageRegistry": "https://registry.example.org"}},
            "exporters.one.image: https://registry.example.org/stratoscope-management:",
        ),
        (
            {**entry("management"), "global": {"imageRegistry": "registry.example.org/"}},
            "allowed: such as registry.example.org/stratoscope-management:0.2.0; see global.imageRegistry",
        ),
        (
            entry("management", image={"repository": "a/b:c"}),
            "exporters.one.image: registry.example.org/a/b:c:",
        ),
        (entry("management", image={"tag": "0.1 beta"}), "exporters.one.image: "),
        (
            entry("management", monitor={"enabled": True, "interval": "5s"}),
            "exporters.one.monitor.scrapeTimeout: 10s; allowed: at most the interval, 5s",
        ),
        (
            entry("management", monitor={"enabled": True, "interval": "1m", "scrapeTimeout": "1m500ms"}),
            "exporters.one.monitor.scrapeTimeout: 1m500ms; allowed: at most the interval, 1m",
        ),
        (
            entry("downtime", httpRoute={"enabled": True}),
            "exporters.one.httpRoute.parentRefs: empty; allowed: the Gateways",
        ),
        (
            entry("management", existingConfigMap="mine", config={"clouds": []}),
            "exporters.one.existingConfigMap: mine, beside config; allowed: one of them",
        ),
        (
            entry("management", secrets=[{"name": one, "mountPath": "/etc/openstack"} for one in "ab"]),
            "exporters.one.secrets[1].mountPath: /etc/openstack is taken; allowed: a folder of its own",
        ),
        (
            entry("management", secrets=[{"name": "a", "mountPath": "/etc/stratoscope/"}]),
            "exporters.one.secrets[0].mountPath: /etc/stratoscope/ is taken",
        ),
        (
            entry("vmprobe", extraVolumeMounts=[{"name": "a", "mountPath": "/var/lib/stratoscope"}]),
            "exporters.one.extraVolumeMounts[0].mountPath: /var/lib/stratoscope is taken",
        ),
        (
            entry("downtime", service={"enabled": False}, ingress={"enabled": True}),
            "exporters.one.service.enabled: false",
        ),
    ],
)
def test_wrong_value_is_refused_by_its_key(values: Mapping[str, Any], said: str) -> None:
    assert said in refusal(values)


@pytest.mark.parametrize(
    "values",
    [
        {**entry("management"), "global": {"imageRegistry": "Registry.example.org:5000/team/a_b"}},
        entry("management", resources={"limits": {"memory": 1073741824, "cpu": 1.5}}),
        entry("management", resources={"requests": {"memory": "1e9", "cpu": "50m"}}),
        entry("management", monitor={"enabled": True, "interval": "1m", "scrapeTimeout": "60s"}),
        entry("management", monitor={"enabled": True, "interval": "1h30m", "scrapeTimeout": "1h"}),
        entry("management", secrets=[{"name": "a", "mountPath": "/etc/stratoscope/secrets"}]),
    ],
)
def test_unusual_value_is_taken(values: Mapping[str, Any]) -> None:
    assert rendered(values)


def paths(values: object, where: str = "") -> Iterator[str]:
    if isinstance(values, dict) and values:
        for key, value in values.items():
            yield f"{where}/{key}"
            yield from paths(value, f"{where}/{key}")


def allowed(schema: Mapping[str, Any], where: str = "") -> Iterator[str]:
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    for key, value in schema.get("properties", {}).items():
        yield f"{where}/{key}"
        yield from allowed(value, f"{where}/{key}")


def is_open(path: str) -> bool:
    """Whether it is below a key whose contents Kubernetes or the thresholds decide."""
    ends = (
        "SecurityContext",
        "securityContext",
        "resources",
        "updateStrategy",
        "labels",
        "thresholds",
        "probes",
    )
    return any(f"{end}/" in path for end in ends)


def test_schema_and_values_have_the_same_keys() -> None:
    """But that values.yaml has the keys of all workloads once, below `all`."""
    known, written = {*allowed(SCHEMA)}, {*paths(VALUES)}
    assert [one for one in written - known if not is_open(one)] == []
    of_all = [one.removeprefix("/defaults/all") for one in known if one.startswith("/defaults/all/")]
    repeated = {f"/defaults/{exporter}{key}" for exporter in EXPORTERS for key in of_all}
    assert [one for one in known - written - repeated if not is_open(one)] == []


def test_each_exporter_has_its_defaults_and_may_be_chosen() -> None:
    assert [*VALUES["defaults"]] == ["all", "hypervisor", "management", "vmprobe", "downtime"]
    assert {*SCHEMA["$defs"]["entry"]["properties"]["exporter"]["enum"]} == {*EXPORTERS}


def test_labels_are_those_that_the_command_takes() -> None:
    """With one that the rules give, two alerts would be one, and neither fires."""
    patterns = SCHEMA["properties"]["rules"]["properties"]["extraLabels"]["patternProperties"]
    for name in ("team", "_", "_x", "namespace", "A1", "clouds", "", "1a", "a-b", "__a", "ü", *OWN):
        found = [allowed for pattern, allowed in patterns.items() if re.search(pattern, name)]
        with nullcontext() if found and all(found) else pytest.raises(ConfigError):
            _check_label(name)


def test_schema_has_each_threshold_with_its_range() -> None:
    expected = {
        name: {
            "type": "integer" if one.is_bucket else "number",
            "minimum": 0,
            **({} if math.isinf(one.most) else {"maximum": one.most}),
        }
        for name, one in known().items()
    }
    assert SCHEMA["properties"]["rules"]["properties"]["thresholds"]["properties"] == expected


def test_a_later_file_takes_an_entry_away() -> None:
    values = {**IMAGES, "exporters": {"a": {"exporter": "management"}, "b": None}}
    (workload,) = of_kind(rendered(values), "Deployment")
    assert workload["metadata"]["name"] == "rel-stratoscope-a"
    assert rendered({**IMAGES, "exporters": {"a": None}}) == []


NEEDED = (
    *("automountServiceAccountToken", "config", "hostNetwork", "httpRoute", "image", "imagePullSecrets"),
    *("ingress", "logFormat", "logLevel", "networkPolicy", "persistence", "podDisruptionBudget", "probes"),
    *("replicas", "service", "serviceAccount", "terminationGracePeriodSeconds"),
)
"""Keys on which templates stand: Helm takes those away that are null."""


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_defaults_that_are_taken_away_are_absent(exporter: str) -> None:
    nulls = {key: None for key in VALUES["defaults"]["all"] if key not in NEEDED}
    found = rendered({**entry(exporter), "defaults": {"all": nulls}})
    assert "securityContext" not in container_of(found)
    assert [one for one in found for fault in faults(one, VERSIONS[-1])] == []


def test_defaults_that_are_needed_are_refused_by_their_keys() -> None:
    values = {**entry("downtime"), "defaults": {"all": dict.fromkeys(NEEDED)}}
    said = f"exporters.one: null in defaults.all took away {', '.join(NEEDED)}; allowed: other values of them"
    assert said in refusal(values)


@pytest.mark.parametrize("key", ["global", "defaults", "rules", "dashboards"])
def test_a_part_that_is_taken_away_is_refused_by_its_key(key: str) -> None:
    assert f"at '': missing property '{key}'" in refusal({**entry("management"), key: None})


@pytest.mark.parametrize("key", VALUES["defaults"])
def test_defaults_that_are_taken_away_are_refused_by_their_key(key: str) -> None:
    values = {**entry("management"), "defaults": {key: None}}
    assert f"at '/defaults': missing property '{key}'" in refusal(values)


@pytest.mark.parametrize("probe", ["liveness", "readiness", "startup"])
def test_a_probe_may_be_taken_away(probe: str) -> None:
    values = {**entry("management"), "defaults": {"all": {"probes": {probe: None}}}}
    probes = {name for name in container_of(rendered(values)) if name.endswith("Probe")}
    assert probes == {"livenessProbe", "readinessProbe", "startupProbe"} - {f"{probe}Probe"}


def test_readme_names_what_defaults_of_all_cannot_change() -> None:
    """The chart's own values of an exporter stand above those that somebody sets for all."""
    of_all = {*paths(VALUES["defaults"]["all"])}
    of_one = {path for exporter in EXPORTERS for path in paths(VALUES["defaults"][exporter])}
    ends = {path for path in of_one & of_all if not any(other.startswith(f"{path}/") for other in of_one)}
    below_resources = {path for path in of_one if path.startswith("/resources/")}
    expected = {path[1:].replace("/", ".") for path in ends} | ({"resources"} if below_resources else set())
    said = (CHART / "README.md").read_text().partition("They are\n")[2]
    assert {*re.findall(r"`([\w.]+)`", said)} == expected
