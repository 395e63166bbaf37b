"""The endpoint of each service of one region, from the token's catalogue and clouds.yaml.

Paths of requests do not include the version for Nova, Cinder, Manila and Heat (`/servers/detail`); they
include it for Keystone, Neutron, Glance, Octavia, Ironic, Designate, Magnum and Barbican (`/v3/projects`),
whether the catalogue's URL has it or not. For Placement, Swift and unknown services they are appended to the
URL as it is.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec
from openstack.config.cloud_region import CloudRegion
from os_service_types import ServiceTypes
from yarl import URL

from stratoscope.clouds.client.proxies import Proxy
from stratoscope.clouds.openstack.client.tls import proxy
from stratoscope.core.errors import CollectError, Reason

T = TypeVar("T")

IN_URL: Final[Mapping[str, str]] = {
    "compute": "v2.1",
    "block-storage": "v3",
    "shared-file-system": "v2",
    "orchestration": "v1",
}
"""Services whose version is part of the endpoint's URL, with the default version for a URL without one."""
IN_PATH: Final = (
    "identity", "network", "image", "load-balancer", "baremetal", "dns",
    "container-infrastructure-management", "key-manager",
)  # fmt: skip
"""Services whose version is part of the path of a request."""

_OF_A_PROJECT: Final = frozenset({"block-storage", "shared-file-system", "orchestration"})
_VERSION: Final = re.compile(r"v\d+(?:\.\d+)?")
_OWNER: Final = re.compile(r"AUTH_.*|[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""Placeholders in clouds.yaml for a project's id, or an account of Swift."""
_TYPES: Final = ServiceTypes()
_OF_ITS_PROJECT: Final = "its URL holds the id of the token's project"


class Endpoint(msgspec.Struct, frozen=True):
    """The endpoint of one service.

    Attributes:
        url: The paths of requests are appended to it.
        root, document: URLs of the list of its versions, and of the document of the version that is used (or
            of the list).
        versioned: URL of the version that the catalogue names; of the list without one.
        proxy: None for none.
        fault: The reason why it cannot be used; "" if it can.
    """

    url: str
    root: str
    document: str
    proxy: Proxy | None
    fault: str = ""
    versioned: str = ""

    @property
    def is_of_project(self) -> bool:
        """The service can be used only with a token for a project, and this token has none."""
        return self.fault == _OF_ITS_PROJECT


class _Entry(msgspec.Struct, frozen=True):
    type: str
    endpoints: Any = None
    name: str | None = None


class _Place(msgspec.Struct, frozen=True):
    """Attributes: url: A text, or any other value of the catalogue."""

    interface: str
    url: Any = None
    region_id: str | None = None
    region: str | None = None

    @property
    def where(self) -> str | None:
        return self.region_id or self.region


def endpoints(raw: object, region: CloudRegion, project_id: str) -> Mapping[str, Endpoint]:
    """Each service's endpoint, by its type as openstacksdk names it.

    Args:
        raw: The token's catalogue as Keystone returns it; a malformed entry is left out.
        region: The configuration in clouds.yaml; an endpoint that it overrides need not be in the catalogue.
        project_id: The token's; "" if it has none.

    Raises CollectError `unavailable` if the region is missing, or is not in the catalogue.
    """
    entries = list(_good(raw, _Entry))
    _check_region({place.where for entry in entries for place in _good(entry.endpoints, _Place)}, region)
    types = {*map(_official, (entry.type for entry in entries)), *IN_URL, *IN_PATH, *overridden(region)}
    found = {service: _found(service, entries, region, project_id) for service in types}
    return {service: place for service, place in found.items() if place}


def unusable(raw: object, found: Mapping[str, Endpoint]) -> str:
    """The reason why no service of a catalogue can be used; "" if one can. Args: found: From `endpoints`.

    Keystone's own endpoint counts only if the catalogue has it, since it is also known without a catalogue.
    """
    places = [
        (entry.type, place.url) for entry in _good(raw, _Entry) for place in _good(entry.endpoints, _Place)
    ]
    listed = {_official(kind) for kind, url in places if is_url(url)}
    if any(not one.fault and (service != "identity" or service in listed) for service, one in found.items()):
        return ""
    faults = (f"{service}: {one.fault}" for service, one in sorted(found.items()) if one.fault)
    return next(faults, "all its entries are malformed")


def endpoint(service: str, url: str, project_id: str = "") -> Endpoint:
    """The endpoint of a service, from its URL in the catalogue."""
    url = url.strip().rstrip("/")
    root, version = (url, "") if service == "placement" else _split(url, project_id)
    document, versioned = f"{root}/", f"{root}/{version}/" if version else f"{root}/"
    if service in IN_PATH:
        url = root
    elif service in IN_URL:
        document = f"{root}/{version or IN_URL[service]}/"
        if not version:
            url = document.rstrip("/")
            if service in _OF_A_PROJECT and project_id:
                url = f"{url}/{quote(project_id, safe='')}"
    try:
        return Endpoint(url, f"{root}/", document, proxy(root), versioned=versioned)
    except CollectError as error:
        return _broken(str(error))


def _split(url: str, project_id: str) -> tuple[str, str]:
    """The part of a URL before the version, and the version; the complete URL and "" if it has no version.

    The version is at its end, or before the project: elsewhere it belongs to a gateway's path.
    """
    head, _, last = url.rpartition("/")
    if _OWNER.fullmatch(last) or (project_id and last.endswith((project_id, quote(project_id, safe="")))):
        head, _, last = head.rpartition("/")
    is_path = "://" in head
    return (head, last) if is_path and _VERSION.fullmatch(last) else (url, "")


def overridden(region: CloudRegion) -> Mapping[str, str]:
    """The URLs of clouds.yaml that replace those of the catalogue, by type."""
    keys = [str(key).removesuffix("_override") for key in region.config]
    named = [key.removesuffix("_endpoint").replace("_", "-") for key in keys if key.endswith("_endpoint")]
    urls = {service: region.get_endpoint(service) for service in map(_official, named) if service}
    return {service: str(url) for service, url in urls.items() if url}


def is_url(text: object) -> bool:
    """Whether requests can be sent to it: it is no template, and has a host."""
    if not isinstance(text, str) or "$(" in text or "%(" in text:
        return False
    try:
        url = URL(text.strip())
    except ValueError:
        return False
    return url.scheme in {"http", "https"} and bool(url.host)


def _found(service: str, entries: Sequence[_Entry], region: CloudRegion, project_id: str) -> Endpoint | None:
    """The endpoint that clouds.yaml or the catalogue has for a service; None if there is none."""
    override = region.get_endpoint(service)
    if override:
        url = filled(str(override), project_id)
        what = _lacking(url, project_id) or "what clouds.yaml overrides its endpoint with is no URL"
        return endpoint(service, url, project_id) if is_url(url) else _broken(what)
    faults = []
    for entry in _entries_of(service, entries, region):
        url, fault = _of_entry(entry, region, service, project_id)
        if url:
            return endpoint(service, url, project_id)
        faults += [fault] if fault else []
    auth_url = region.get_auth_args().get("auth_url")
    if service == "identity" and auth_url:
        return endpoint(service, str(auth_url))
    return _broken(faults[0]) if faults else None


def filled(url: str, project_id: str) -> str:
    """A URL of clouds.yaml whose placeholder is replaced with the project's id, as keystoneauth does it."""
    for name in ("project_id", "tenant_id") if project_id else ():
        url = url.replace(f"%({name})s", project_id).replace(f"$({name})s", project_id)
    return url


def _lacking(url: object, project_id: str) -> str:
    """The fault of a URL that needs a project's id, if the token has no project; else ""."""
    has_room = isinstance(url, str) and filled(url, "-") != url
    return _OF_ITS_PROJECT if has_room and not project_id else ""


def _entries_of(service: str, entries: Sequence[_Entry], region: CloudRegion) -> Iterable[_Entry]:
    """The catalogue's entries of a service, those of its newest name first."""
    names = _TYPES.get_all_types(service) if _TYPES.is_known(service) else [service]
    wanted, name = region.get_service_type(service), region.get_service_name(service)
    for its_type in [wanted] if wanted != service else names:
        yield from (entry for entry in entries if entry.type == its_type and name in (None, entry.name))


def _of_entry(entry: _Entry, region: CloudRegion, service: str, project_id: str) -> tuple[str, str]:
    """The URL of the first wanted interface that the region has; else the fault."""
    where, wanted = region.get_region_name(service), region.get_interface(service) or "public"
    interfaces = [one.removesuffix("URL") for one in ([wanted] if isinstance(wanted, str) else wanted)]
    every = list(_good(entry.endpoints, _Place))
    places = [place for place in every if where in (None, "", place.where)]
    chosen = [one for interface in interfaces for one in places if one.interface == interface]
    url = next((one.url for one in chosen if is_url(one.url)), "")
    if url or (every and not places):
        return url, ""  # it may be in another region alone
    if chosen:
        return "", _lacking(chosen[0].url, project_id) or "its URL in the catalogue is invalid"
    if not every and not project_id:
        return "", _OF_ITS_PROJECT
    has = ", ".join(sorted({place.interface for place in places})) or "none"
    return "", f"the catalogue has no {' or '.join(interfaces)} endpoint of it; it has: {has}"


def _broken(fault: str) -> Endpoint:
    return Endpoint("", "", "", None, fault)


def _check_region(there: set[str | None], region: CloudRegion) -> None:
    """Reject several regions without a choice, and a region that does not exist."""
    names = sorted(name for name in there if name)
    wanted = region.get_region_name()
    if not wanted and len(names) > 1:
        what = "the catalogue has several regions; set `region:` to one of"
    elif wanted and names and wanted not in names:
        what = f"the region {wanted} is not in the catalogue; it has"
    else:
        return
    raise CollectError(Reason.UNAVAILABLE, f"identity: {what}: {', '.join(names)}")


def _official(its_type: str) -> str:
    return _TYPES.get_service_type(its_type) or its_type


def _good(raw: object, kind: type[T]) -> Iterable[T]:
    """The valid entries of a list."""
    for one in raw if isinstance(raw, list) else ():
        try:
            yield msgspec.convert(one, kind)
        except msgspec.ValidationError:
            continue  # an entry that makes no sense costs itself
