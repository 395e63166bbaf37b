"""The bill of materials of an image, in CycloneDX 1.6: its Debian packages and its wheels."""

import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from oci.folder import ImagesError
from oci.store import Commit, Image, name

_OURS: Final = uuid.UUID("5a7a1c0f-6c0e-5d0e-9d3c-2f1f3f0b7a10")
_DEBIAN: Final = "${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\t${Maintainer}\n"
_LEAST: Final = 50
"""Packages of Debian that the slimmest image has; with fewer the list was not read."""


def written(exporter: str, image: Image, root: Path, commit: Commit) -> str:
    """The bill as JSON, valid by its schema. Args: root: The files of the image. Raises ImagesError."""
    digest = image.digest.partition(":")[2]
    itself = Component(
        type=ComponentType.CONTAINER,
        name=name(exporter),
        version=commit.version,
        bom_ref=name(exporter),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
    )
    bom = Bom(components=[*_debian(root), *_wheels(root)], serial_number=uuid.uuid5(_OURS, digest))
    bom.metadata.component = itself
    bom.metadata.timestamp = datetime.fromtimestamp(commit.seconds, UTC)
    bom.register_dependency(itself, bom.components)
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        why, *_ = str(error.data).splitlines()
        raise ImagesError(f"{exporter}: the bill of materials is not valid: {why}")
    return text


def _debian(root: Path) -> Iterator[Component]:
    release = dict(line.split("=", 1) for line in (root / "etc/os-release").read_text().splitlines())
    distribution = "debian-" + release["VERSION_ID"].strip('"')
    query = ["dpkg-query", f"--admindir={root / 'var/lib/dpkg'}", "--show", f"--showformat={_DEBIAN}"]
    listed = subprocess.run(query, check=True, capture_output=True, text=True).stdout.splitlines()
    if len(listed) < _LEAST:
        raise ImagesError(f"the image has {len(listed)} packages of Debian")
    for line in listed:
        status, package, version, architecture, maintainer = line.split("\t")
        if status.strip() != "ii":
            raise ImagesError(f"{package} is not installed whole: {status}")
        where = {"arch": architecture, "distro": distribution}
        purl = PackageURL("deb", "debian", package, version, where)
        yield Component(
            type=ComponentType.LIBRARY,
            name=package,
            version=version,
            purl=purl,
            bom_ref=str(purl),
            supplier=OrganizationalEntity(name=maintainer),
        )


def _wheels(root: Path) -> Iterator[Component]:
    (packages,) = (root / "opt/stratoscope/lib").glob("python3.*/site-packages")
    for found in distributions(path=[str(packages)]):
        about = found.metadata.json
        purl = PackageURL("pypi", None, str(about["name"]), found.version)
        licence = about.get("license_expression")
        yield Component(
            type=ComponentType.LIBRARY,
            name=str(about["name"]),
            version=found.version,
            purl=purl,
            bom_ref=str(purl),
            description=str(about.get("summary", "")),
            licenses=[LicenseFactory().make_from_string(str(licence))] if licence else [],
        )
