"""A real kube-apiserver (scripts/kube), in which a real Helm installs the chart."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml
from kube.apiserver import Answer, Apiserver

from support import charts
from support.debian import ROOT
from support.patience import FAR_S

Json: TypeAlias = dict[str, Any]

_CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_OF_THE_SERVER: Final = {"events", "leases"}
"""It makes and forgets them as it likes."""
RESTRICTED: Final = {"pod-security.kubernetes.io/warn": "restricted"}
"""Labels of a namespace in which the server warns of each pod that may do more than it must."""
PRIVILEGED: Final = {"pod-security.kubernetes.io/enforce": "privileged"}
"""Labels of one whose pods may mount folders of their host."""


class Cluster(Apiserver):
    """With the custom resources of tests/fixtures/crds."""

    def start(self) -> None:
        super().start()
        for path in sorted((ROOT / "tests/fixtures/crds").glob("*.yaml")):
            definition = yaml.load(path.read_text(), yaml.CSafeLoader)
            self.ask(_CRDS, definition)
            self._wait_until_served(definition["metadata"]["name"])

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
            for path, resource in self._resources()
            for one in self.ask(f"{path}/{resource}").content["items"]
        }

    def try_pod(self, namespace: str, template: Mapping[str, Any]) -> Answer:
        """What the server says of a pod, which is not created."""
        metadata = {**template.get("metadata", {}), "name": "tried", "namespace": namespace}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        return self.ask(f"/api/v1/namespaces/{namespace}/pods?dryRun=All&fieldValidation=Strict", pod)

    def _resources(self) -> Iterator[tuple[str, str]]:
        """The path of its version, and the name, of each kind of object that is in a namespace."""
        groups = self.ask("/apis").content["groups"]
        for path in ("/api/v1", *(f"/apis/{one['preferredVersion']['groupVersion']}" for one in groups)):
            for one in self.ask(path).content["resources"]:
                if one["namespaced"] and "list" in one["verbs"] and one["name"] not in _OF_THE_SERVER:
                    yield path, one["name"]

    def _wait_until_served(self, name: str) -> None:
        deadline = time.monotonic() + FAR_S
        while time.monotonic() < deadline:
            status = self.ask(f"{_CRDS}/{name}").content.get("status", {})
            if {"Established"} & {
                one["type"] for one in status.get("conditions", ()) if one["status"] == "True"
            }:
                return
            time.sleep(0.05)
        raise TimeoutError(f"{name} is not served")


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
