"""Whether a commit may be released: its tag, its changelog, and the versions that chart and rules name."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

_REGISTRY: Final = re.compile(r"[A-Za-z0-9][-.A-Za-z0-9]*(:\d+)?(/[a-z0-9]+([-._]+[a-z0-9]+)*)+")
_SECTION: Final = re.compile(r"^## (.+)$", re.MULTILINE)


def git(root: Path, *arguments: str) -> str:
    """What git answers. Raises CalledProcessError."""
    return subprocess.check_output(["git", *arguments], cwd=root, text=True).strip()


def version_of(root: Path) -> str:
    """The version that the tag of HEAD names. Raises ValueError: No such tag, or a changed work tree."""
    tags = git(root, "tag", "--points-at", "HEAD").splitlines()
    versions = [tag.removeprefix("v") for tag in tags if re.fullmatch(r"v\d+\.\d+\.\d+", tag)]
    if len(versions) != 1:
        raise ValueError(f"tags of HEAD: {', '.join(tags) or 'none'}; allowed: one such as v1.2.3")
    if changed := git(root, "status", "--porcelain"):
        raise ValueError(f"the work tree is not that of the tag: {changed}")
    return versions[0]


def registry(name: str) -> str:
    """Where the images will be; "" is allowed. Raises ValueError: No image may be there."""
    if name and not _REGISTRY.fullmatch(name):
        raise ValueError(f"REGISTRY is {name!r}; allowed: such as registry.example.org/stratoscope")
    return name


def notes(root: Path, version: str) -> str:
    """What the changelog says of the version. Raises ValueError: Nothing, or something stands above it."""
    _, *parts = _SECTION.split((root / "CHANGELOG.md").read_text())
    sections = {head: text.strip() for head, text in zip(parts[::2], parts[1::2], strict=True)}
    if sections.pop("Unreleased", ""):
        raise ValueError(f"CHANGELOG.md: entries stand below Unreleased; allowed: below {version}")
    newest = next(iter(sections), "none")
    if not re.fullmatch(rf"{re.escape(version)} - \d{{4}}-\d\d-\d\d", newest):
        raise ValueError(f"CHANGELOG.md: its newest section is {newest}; allowed: {version} - YEAR-MONTH-DAY")
    if not sections[newest]:
        raise ValueError(f"CHANGELOG.md: the section {newest} is empty")
    return f"{sections[newest]}\n"


def faults(root: Path, version: str) -> Iterator[str]:
    """What else in the tree names another version."""
    chart = yaml.safe_load((root / "helm/stratoscope/Chart.yaml").read_text())
    if chart["appVersion"] != version:
        yield f"Chart.yaml: appVersion: {chart['appVersion']}; allowed: {version}"
    rules = rules_version(root)
    if _fit(rules) != _fit(version):
        yield f"stratoscope_rules_info: version: {rules}; allowed: one that fits {version}"


def rules_version(root: Path) -> str:
    """Of the bundle, as `stratoscope_rules_info` shows it."""
    groups = yaml.safe_load((root / "prometheus/rules/meta.yml").read_text())["groups"]
    (found,) = [
        rule["labels"]["version"]
        for group in groups
        for rule in group["rules"]
        if rule.get("record") == "stratoscope_rules_info"
    ]
    return str(found)


def _fit(version: str) -> list[str]:
    """What rules and exporters have in common that fit: the major version, before 1.0 the minor one, too."""
    major, minor, _ = version.split(".")
    return [major, minor] if major == "0" else [major]
