"""The chart, rendered by a real Helm, and what Kubernetes says of its manifests."""

import functools
import importlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import jsonschema
import yaml

from support.debian import ROOT
from support.go_programs import go_program

CHART: Final = ROOT / "helm/stratoscope"
PACKAGES: Final = sorted((ROOT / "tests/fixtures/charts").glob("*.tgz"))
"""Earlier charts as they were packaged, each with a folder of values."""
NAMESPACE: Final = "monitoring"
VERSIONS: Final = [f"1.{minor}" for minor in range(29, 38)]
"""Of Kubernetes, which the chart supports, as far as there are schemas of them."""
IMAGES: Final = {"global": {"imageRegistry": "registry.example.org"}}

Manifest: TypeAlias = dict[str, Any]
Values: TypeAlias = Mapping[str, Any] | Path


def helm(
    *arguments: str | Path,
    program: str = "helm",
    environment: Mapping[str, str] = MappingProxyType({}),
    given: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """What Helm answers; its errors without its notes on links that it follows.

    Args:
        program: helm, or helm4.
        environment: More of it.
        given: What it reads from its standard input.
    """
    done = subprocess.run(
        [go_program(program), *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        input=given,
    )
    lines = done.stderr.splitlines(keepends=True)
    done.stderr = "".join(line for line in lines if "found symbolic link in path" not in line)
    return done


def template(values: Values, *arguments: str, chart: Path = CHART) -> subprocess.CompletedProcess[str]:
    """What `helm template` answers for a release `rel`."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump({} if isinstance(values, Path) else values, file)
        file.flush()
        path = values if isinstance(values, Path) else file.name
        return helm("template", "rel", chart, f"--namespace={NAMESPACE}", f"--values={path}", *arguments)


def rendered(values: Values, *arguments: str, chart: Path = CHART) -> list[Manifest]:
    """The manifests of a release `rel`."""
    done = template(values, *arguments, chart=chart)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.load_all(done.stdout, yaml.CSafeLoader) if one]


def cases_of(chart: Path) -> Sequence[Path]:
    """The values that are tried with the chart, or with an earlier one of PACKAGES."""
    folder = CHART / "ci" if chart == CHART else chart.with_suffix("")
    return sorted(folder.glob("*-values.yaml"))


CASES: Final = cases_of(CHART)


@functools.cache
def of_case(path: Path) -> list[Manifest]:
    """The manifests of a case below ci/, rendered once."""
    return rendered(path)


def refusal(values: Mapping[str, Any]) -> str:
    """The error of values that are wrong."""
    done = template(values)
    assert done.returncode != 0, done.stdout
    return done.stderr


def of_kind(manifests: Sequence[Manifest], kind: str) -> list[Manifest]:
    return [one for one in manifests if one["kind"] == kind]


def the(manifests: Sequence[Manifest], kind: str) -> Manifest:
    """The only one of its kind."""
    (found,) = of_kind(manifests, kind)
    return found


def entry(exporter: str, **keys: object) -> Mapping[str, Any]:
    """Values with one workload, `one`."""
    if exporter == "hypervisor":
        keys = {"libvirtGroupId": 64055} | keys
    return {**IMAGES, "exporters": {"one": {"exporter": exporter, **keys}}}


def pod_of(manifests: Sequence[Manifest]) -> Manifest:
    """The pod template of the only workload."""
    (found,) = [one for one in manifests if one["kind"] in ("DaemonSet", "Deployment")]
    template: Manifest = found["spec"]["template"]
    return template


def container_of(manifests: Sequence[Manifest]) -> Manifest:
    (container,) = pod_of(manifests)["spec"]["containers"]
    found: Manifest = container
    return found


def faults(manifest: Manifest, version: str) -> Iterator[str]:
    """What a Kubernetes of this version, with the custom resources of tests/fixtures/crds, does not take."""
    custom = _custom_schemas().get((manifest["apiVersion"], manifest["kind"]))
    if custom is not None:
        for error in jsonschema.Draft202012Validator(custom).iter_errors(manifest):
            yield f"{error.json_path}: {error.message}"
        return
    validator = _validator()
    try:
        validator.validate(manifest, version, strict=True)
    except validator.ValidationError as error:
        yield f"{list(error.path)}: {error.message}"


def schema_versions() -> set[str]:
    """The versions of Kubernetes of which there are schemas, such as 1.34."""
    return {".".join(one.split(".")[:2]) for one in _validator().utils.all_versions()}


def _validator() -> Any:
    """`make charts` installs it, and who runs other tests imports this module, too."""
    return importlib.import_module("kubernetes_validate")


@functools.cache
def _custom_schemas() -> Mapping[tuple[str, str], Any]:
    """By apiVersion and kind."""
    found = {}
    for path in (ROOT / "tests/fixtures/crds").glob("*.yaml"):
        spec = yaml.load(path.read_text(), yaml.CSafeLoader)["spec"]
        for version in spec["versions"]:
            key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
            schema = _strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            found[key] = schema
    return found


def _strict(schema: Any) -> Any:
    """The schema, to which a key that it does not name is a fault: Kubernetes drops it without a word."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _strict(value) for key, value in schema.items()}
    if isinstance(found.get("properties"), dict) and not found.get("x-kubernetes-preserve-unknown-fields"):
        found.setdefault("additionalProperties", False)
    if found.get("x-kubernetes-int-or-string") is True:
        found.pop("type", None)
    return found
