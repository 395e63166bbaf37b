"""A real kube-apiserver (scripts/kube), in which a real Helm installs the chart."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from kube.apiserver import Answer, Apiserver

from support import charts

Json: TypeAlias = dict[str, Any]

_OF_THE_SERVER: Final = {"events", "leases"}
"""It makes and forgets them as it likes."""
RESTRICTED: Final = {"pod-security.kubernetes.io/warn": "restricted"}
"""Labels of a namespace in which the server warns of each pod that may do more than it must."""
PRIVILEGED: Final = {"pod-security.kubernetes.io/enforce": "privileged"}
"""Labels of one whose pods may mount folders of their host."""


class Cluster(Apiserver):
    """What tests ask of it."""

    def add_namespace(self, name: str, labels: Mapping[str, str]) -> None:
        """One with the account `default`, which elsewhere a controller makes."""
        self.ask("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
        self.ask(f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})

    def of_kind(self, kind: str, namespace: str) -> list[Json]:
        """All of a kind, in the plural, of a namespace."""
        path = "/apis/apps/v1" if kind in ("deployments", "daemonsets") else "/api/v1"
        items: list[Json] = self.ask(f"{path}/namespaces/{namespace}/{kind}").content["items"]
        return items

    def objects(self) -> set[str]:
        """All objects that are in a namespace, each as `RESOURCE NAMESPACE/NAME`."""
        return {
            f"{resource} {one['metadata']['namespace']}/{one['metadata']['name']}"
            for path, resource in self.resources()
            if resource not in _OF_THE_SERVER
            for one in self.ask(f"{path}/{resource}").content["items"]
        }

    def try_pod(self, namespace: str, template: Mapping[str, Any]) -> Answer:
        """What the server says of a pod, which is not created."""
        metadata = {**template.get("metadata", {}), "name": "tried", "namespace": namespace}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        return self.ask(f"/api/v1/namespaces/{namespace}/pods?dryRun=All&fieldValidation=Strict", pod)


class Helm:
    """A Helm that talks to a cluster. Attributes: name: helm, which is Helm 3, or helm4."""

    def __init__(self, name: str, kubeconfig: Path, home: Path) -> None:
        self.name = name
        self._environment = {"KUBECONFIG": str(kubeconfig), "HOME": str(home)}

    def __call__(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        return charts.helm(*arguments, program=self.name, environment=self._environment)

    def must(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """The same; what fails is an error."""
        done = self(*arguments)
        assert done.returncode == 0, done.stderr
        return done
