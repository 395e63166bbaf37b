"""Each case of ci/, of each earlier chart, too: installed, upgraded and removed by both Helms."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
import yaml
from kube.apiserver import RefusedError

from support.charts import CHART, PACKAGES, cases_of
from support.kube import PRIVILEGED, RESTRICTED, Cluster, Helm, Json

pytestmark = [pytest.mark.integration, pytest.mark.full]

LIVES = [
    pytest.param((helm, chart, values), id=f"{helm}-{chart.stem}-{values.stem}")
    for helm in ("helm", "helm4")
    for chart in (CHART, *PACKAGES)
    for values in cases_of(chart)
]
HOSTS = "hosts-values"
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Life:
    """What became of one release.

    Attributes:
        namespace: Its own.
        exporters: Of its values.
        is_same_chart: Whether the chart that was installed is the one that it was upgraded to.
        said: What Helm, and the server by Helm, wrote beside the answer.
        notes: What a user reads after the installation.
        pods: What the server says of each pod that it would have.
        installed: What there was before the upgrade, by kind and name: uid, and generation.
        upgraded: The same after it.
        left: What remains after its removal.
        claims: Those that are to remain.
    """

    namespace: str
    exporters: Mapping[str, Json]
    is_same_chart: bool
    said: str
    notes: str
    pods: Mapping[str, Sequence[str]]
    installed: Mapping[str, tuple[str, int]]
    upgraded: Mapping[str, tuple[str, int]]
    left: set[str]
    claims: set[str]


@pytest.fixture(scope="module", params=LIVES)
def life(request: pytest.FixtureRequest, cluster: Cluster, helms: dict[str, Helm]) -> Life:
    name, chart, values = request.param
    helm, namespace = helms[name], f"case-{next(_NUMBERS)}"
    cluster.add_namespace(namespace, PRIVILEGED if values.stem == HOSTS else RESTRICTED)
    place = f"--namespace={namespace}"
    before = cluster.objects()
    steps = [helm.must("install", "rel", chart, place, f"--values={values}")]
    installed = kept(cluster, namespace)
    steps.append(helm.must("upgrade", "rel", CHART, place, f"--values={values}"))
    upgraded = kept(cluster, namespace)
    hooks = yaml.safe_load_all(helm.must("get", "hooks", "rel", place).stdout)
    pods = {one["metadata"]["name"]: one for one in hooks if one}
    for kind in ("deployments", "daemonsets"):
        pods |= {one["metadata"]["name"]: one["spec"]["template"] for one in cluster.of_kind(kind, namespace)}
    claims = {
        f"persistentvolumeclaims {namespace}/{one['metadata']['name']}"
        for one in cluster.of_kind("persistentvolumeclaims", namespace)
    }
    taken = {name: says(cluster, namespace, pod) for name, pod in pods.items()}
    steps.append(helm.must("uninstall", "rel", place))
    return Life(
        namespace=namespace,
        exporters=(yaml.safe_load(values.read_text()) or {}).get("exporters", {}),
        is_same_chart=chart == CHART,
        said="".join(step.stderr for step in steps),
        notes=steps[0].stdout.partition("NOTES:\n")[2],
        pods=taken,
        installed=installed,
        upgraded=upgraded,
        left=cluster.objects() - before,
        claims=claims,
    )


def kept(cluster: Cluster, namespace: str) -> dict[str, tuple[str, int]]:
    """What an upgrade is not to make anew."""
    kinds = ("deployments", "daemonsets", "services", "persistentvolumeclaims")
    found = [(kind, one["metadata"]) for kind in kinds for one in cluster.of_kind(kind, namespace)]
    return {f"{kind} {one['name']}": (one["uid"], one.get("generation", 0)) for kind, one in found}


def says(cluster: Cluster, namespace: str, pod: Json) -> Sequence[str]:
    try:
        return cluster.try_pod(namespace, pod).warnings
    except RefusedError as error:
        return [str(error)]


def test_nobody_warns(life: Life) -> None:
    assert life.said == ""


def test_server_takes_each_pod(life: Life) -> None:
    assert len(life.pods) >= len(life.exporters)
    assert {name: said for name, said in life.pods.items() if said} == {}


def test_upgrade_makes_nothing_anew(life: Life) -> None:
    uids = {name: uid for name, (uid, _) in life.upgraded.items()}
    assert {name: uid for name, (uid, _) in life.installed.items()}.items() <= uids.items()
    if life.is_same_chart:
        assert life.upgraded == life.installed


def test_nothing_is_left_but_claims(life: Life) -> None:
    assert life.left == life.claims
    stateful = [one for one in life.exporters.values() if has_claim(one)]
    assert len(life.claims) == len(stateful)


def has_claim(entry: Json) -> bool:
    """Also one that is not to be kept: the controller that lets a deleted claim go does not run here."""
    persistence = entry.get("persistence", {})
    return (
        entry["exporter"] in ("vmprobe", "downtime")
        and persistence.get("enabled", True)
        and "existingClaim" not in persistence
    )


def test_notes_name_each_exporter(life: Life) -> None:
    told = [line for line in life.notes.splitlines() if line.startswith("* ")]
    assert [line.split("`")[1] for line in told] == sorted(life.exporters)
    assert ("No exporter is deployed" in life.notes) == (not life.exporters)
    for line in told:
        address = line.partition(": ")[2]
        assert address == "" or f".{life.namespace}:" in address


def test_notes_say_what_is_open_to_all(life: Life) -> None:
    ways = ("ingress", "httpRoute")
    shown = [
        one
        for one in life.exporters.values()
        if any(one.get(way, {}).get("enabled") for way in ways) and not one.get("webConfigSecret")
    ]
    if life.is_same_chart:
        assert life.notes.count("sees /metrics, and nobody there can log in") == len(shown)
