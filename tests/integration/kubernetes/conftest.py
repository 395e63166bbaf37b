"""A kube-apiserver for all of these tests; a namespace and a release for each."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.kube import RESTRICTED, Cluster, Helm

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    running = Cluster(tmp_path_factory.mktemp("kube"))
    try:
        running.start()
        running.add_namespace("grafana", {})  # of dashboards, in ci/changed-values.yaml
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def helms(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Helm]:
    """Both, by their names."""
    home: Path = tmp_path_factory.mktemp("home")
    return {name: Helm(name, cluster.kubeconfig, home) for name in ("helm", "helm4")}


@pytest.fixture(params=["helm", "helm4"])
def helm(request: pytest.FixtureRequest, helms: dict[str, Helm]) -> Helm:
    found: Helm = helms[request.param]
    return found


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """A new one; no controller would end its deletion, so it stays until the server goes."""
    name = f"test-{next(_NUMBERS)}"
    cluster.add_namespace(name, RESTRICTED)
    return name
