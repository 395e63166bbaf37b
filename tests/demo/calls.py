"""The calls by which the embedded cloud is held against a real OpenStack.

Each stands for one exchange in tests/fixtures/openstack/demo/<service>.jsonl, recorded from a real one by
record.py. `{server}` and the like are filled in by whoever makes the call: they are different on either side.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Call(NamedTuple):
    """Attributes:
    cloud: Of clouds.yaml; "" asks without a token, `stale` with one that is none.
    path: Below the endpoint, or after `^` below the root of the service.
    version: The microversion; "" for none.
    """

    cloud: str
    service: str
    path: str
    version: str = ""
    method: str = "GET"
    body: object = None

    @property
    def name(self) -> str:
        """Its name in the recorded file."""
        return " ".join(
            filter(None, (self.cloud or "nobody", self.method, self.service + self.path, self.version))
        )


ROOTS = ("identity", "compute", "placement", "network", "block-storage", "image")
"""Services whose root is asked, too: the path "^/"."""

_IDENTITY = """
/v3/ | /v3/auth/tokens | /v3/projects | /v3/projects/{project} | /v3/users | /v3/users/{user} | /v3/domains
/v3/auth/projects | /v3/auth/catalog | /v3/regions | /v3/projects/nope | /v3/users/nope | /v3/nope
/v3/projects?name={project_name} | /v3/users?name=user1
"""
_COMPUTE = """
/ | /servers | /servers/detail | /servers/detail?all_tenants=1&limit=2 | /servers/{server} | /servers/nope
/servers/detail?all_tenants=1&changes-since={since} | /servers/detail?all_tenants=1&status=ERROR
/servers/detail?all_tenants=1&status=SHUTOFF | /servers/detail?all_tenants=1&deleted=True
/servers/detail?marker=00000000-0000-0000-0000-000000000000 | /servers/detail?limit=x
/servers?all_tenants=1&limit=1 | /servers/detail?all_tenants=1&status=NOPE
/servers/detail?changes-since=nope | /servers/detail?all_tenants=1&project_id={project}
/servers/detail?all_tenants=1&host={host} | /servers/detail?all_tenants=1&name={name} | /flavors
/flavors/detail | /flavors/detail?is_public=None | /flavors/{flavor} | /flavors/nope
/flavors/detail?limit=1 | /flavors/{flavor}/os-extra_specs | /os-services | /os-services?binary=nova-compute
/os-hypervisors/detail | /os-hypervisors/detail?limit=1
/os-aggregates | /os-availability-zone | /os-quota-sets/{project}/detail
/os-quota-sets/{own_project}/detail | /limits | /limits?tenant_id={project} | /limits?reserved=1
/os-server-groups | /os-server-groups?all_projects=True | /os-keypairs
/servers/{server}/os-instance-actions | /servers/{server}/os-volume_attachments | /nope
"""
_PLACEMENT = """
/ | /resource_providers | /resource_providers/{rp}/inventories | /resource_providers/{rp}/usages
/resource_providers/{rp}/traits | /resource_providers/{rp}/aggregates | /resource_providers/{rp}/allocations
/allocations/{server} | /allocations/00000000-0000-0000-0000-000000000000
/allocation_candidates?resources=VCPU:1,MEMORY_MB:64,DISK_GB:1&limit=1
/allocation_candidates?resources=VCPU:100000 | /allocation_candidates
/allocation_candidates?resources=NOPE:1 | /resource_providers?name={host} | /resource_providers?nope=1
/nope
"""
_NETWORK = """
/v2.0/networks | /v2.0/networks/{network} | /v2.0/networks/nope | /v2.0/networks?router:external=True
/v2.0/subnets | /v2.0/subnets/{subnet} | /v2.0/ports | /v2.0/ports?limit=2 | /v2.0/ports/{port}
/v2.0/ports?fields=id&fields=status&fields=device_owner&fields=project_id&fields=binding:vif_type
/v2.0/ports?fields=id&limit=2 | /v2.0/ports?device_id={server}
/v2.0/ports?marker=00000000-0000-0000-0000-000000000000 | /v2.0/ports?device_owner=network:router_gateway
/v2.0/ports?limit=x | /v2.0/ports?limit=1&page_reverse=True | /v2.0/ports?nope=1 | /v2.0/routers
/v2.0/routers/{router} | /v2.0/floatingips | /v2.0/floatingips/{floatingip} | /v2.0/security-groups
/v2.0/security-groups?fields=id | /v2.0/agents | /v2.0/agents?binary=neutron-l3-agent
/v2.0/network-ip-availabilities | /v2.0/quotas/{project} | /v2.0/quotas/{project}/details.json
/v2.0/quotas/{own_project}/details.json | /v2.0/extensions | /v2.0/nope | /v2.0/networks?limit=1
/v2.0/subnets?limit=1 | /v2.0/routers?limit=1 | /v2.0/floatingips?limit=1 | /v2.0/security-groups?limit=1
"""
_VOLUME = """
/ | /volumes/detail | /volumes/detail?all_tenants=1 | /volumes/detail?all_tenants=1&limit=1
/volumes/detail?all_tenants=1&status=error | /volumes/{volume} | /volumes/nope | /volumes/detail?limit=x
/volumes/detail?all_tenants=1&marker=00000000-0000-0000-0000-000000000000 | /snapshots/detail?all_tenants=1
/snapshots/detail?all_tenants=1&limit=1 | /backups/detail?all_tenants=1 | /os-services
/os-services?binary=cinder-volume | /scheduler-stats/get_pools | /scheduler-stats/get_pools?detail=True
/os-quota-sets/{project} | /os-quota-sets/{project}?usage=True | /os-quota-sets/{own_project}?usage=True
/limits | /nope
"""
_IMAGE = """
/v2/images | /v2/images?limit=1 | /v2/images?limit=1000&visibility=all&os_hidden=true | /v2/images/{image}
/v2/images/nope | /v2/images?status=queued | /v2/images?limit=x
/v2/images?marker=00000000-0000-0000-0000-000000000000 | /v2/nope
"""
_VERSIONS = {
    "compute": ("", "2.96"),
    "placement": ("", "1.39"),
    "block-storage": ("", "3.71"),
}
_MORE_VERSIONS = {
    "/servers/detail?all_tenants=1&limit=2": ("2.3", "2.19", "2.26", "2.53", "2.63", "2.73", "2.100"),
    "/servers/{server}": ("2.3", "2.47", "2.71", "2.100"),
    "/flavors/detail": ("2.55", "2.61", "2.75"),
    "/os-hypervisors/detail": ("2.28", "2.33", "2.53", "2.88"),
    "/os-services": ("2.11", "2.53"),
    "/os-quota-sets/{project}/detail": ("2.36", "2.56", "2.57"),
    "/limits": ("2.36", "2.39", "2.57"),
    "/os-server-groups": ("2.13", "2.15", "2.64"),
    "/os-keypairs": ("2.2", "2.10"),
    "/servers/{server}/os-instance-actions": ("2.51", "2.58"),
    "/os-aggregates": ("2.41", "2.81"),
    "/servers/{server}/os-volume_attachments": ("2.70", "2.79", "2.89"),
    "/allocation_candidates?resources=VCPU:1,MEMORY_MB:64,DISK_GB:1&limit=1": (
        "1.10",
        "1.12",
        "1.17",
        "1.29",
        "1.34",
    ),
    "/allocations/{server}": ("1.12", "1.28", "1.38"),
    "/resource_providers/{rp}/traits": ("1.6",),
    "/resource_providers/{rp}/allocations": ("1.20",),
    "/resource_providers": ("1.6", "1.11", "1.14", "1.20"),
    "/resource_providers/{rp}/aggregates": ("1.1", "1.6", "1.19"),
    "/volumes/detail?all_tenants=1": ("3.13", "3.21", "3.48", "3.50", "3.61", "3.63", "3.64", "3.65"),
    "/snapshots/detail?all_tenants=1": ("3.14", "3.41", "3.65"),
    "/backups/detail?all_tenants=1": ("3.9", "3.18", "3.43", "3.56", "3.64"),
    "/os-services@block-storage": ("3.7", "3.32"),
    "/limits@block-storage": ("3.39",),
}
_WRONG_VERSIONS = (
    Call("admin", "compute", "/servers", "2.999"),
    Call("admin", "compute", "/servers", "nope"),
    Call("admin", "placement", "/resource_providers", "1.999"),
    Call("admin", "placement", "/resource_providers", "nope"),
    Call("admin", "block-storage", "/volumes", "3.999"),
    Call("admin", "block-storage", "/volumes", "nope"),
    Call("admin", "compute", "/servers", "latest"),
    Call("admin", "placement", "/resource_providers", "latest"),
)
_NOBODY = (
    ("identity", "/v3/"),
    ("identity", "/v3/projects"),
    ("compute", "/"),
    ("compute", "/servers"),
    ("placement", "/"),
    ("placement", "/resource_providers"),
    ("network", "/v2.0/"),
    ("network", "/v2.0/ports"),
    ("block-storage", "/"),
    ("block-storage", "/volumes"),
    ("image", "/v2/images"),
)


def calls() -> Iterator[Call]:
    """All of them; those that change something stand in `changes`."""
    for service in ROOTS:
        yield Call("", service, "^/")
    for service, path in _NOBODY:
        yield Call("", service, path)
        yield Call("stale", service, path)
    tables = {
        "identity": _IDENTITY,
        "compute": _COMPUTE,
        "placement": _PLACEMENT,
        "network": _NETWORK,
        "block-storage": _VOLUME,
        "image": _IMAGE,
    }
    for service, table in tables.items():
        for path in (path.strip() for line in table.strip().splitlines() for path in line.split("|")):
            more = _MORE_VERSIONS.get(f"{path}@{service}", _MORE_VERSIONS.get(path, ()))
            for version in (*_VERSIONS.get(service, ("",)), *more):
                yield Call("admin", service, path, version)
            newest = _VERSIONS.get(service, ("",))[-1]
            yield Call("reader", service, path, newest)
            yield Call("user1", service, path, newest)
    yield from _WRONG_VERSIONS
    yield from _logins()


def _logins() -> Iterator[Call]:
    """Log-ins, good and bad."""
    user = {"name": "user1", "domain": {"name": "Default"}, "password": "{password}"}
    project = {"project": {"name": "{project_name}", "domain": {"name": "Default"}}}
    bodies: list[object] = [
        _login(user, project),
        _login({"id": "{user}", "password": "{password}"}, {"project": {"id": "{project}"}}),
        _login(user, None),
        _login(user, {"domain": {"name": "Default"}}),
        _login(user, {"project": {"name": "nope", "domain": {"name": "Default"}}}),
        _login(user, {"project": {"name": "service", "domain": {"name": "Default"}}}),
        _login({**user, "password": "wrong"}, project),
        _login({**user, "name": "nobody"}, project),
        _login({**user, "domain": {"name": "Nowhere"}}, project),
        {"auth": {"identity": {"methods": ["password"]}}},
        {"auth": {}},
        {},
        _secret("{secret}"),
        _secret("wrong"),
        {"auth": {"identity": {"methods": ["token"], "token": {"id": "nope"}}}},
        {"auth": {"identity": {"methods": ["nope"], "nope": {}}}},
    ]
    for body in bodies:
        yield Call("", "identity", "/v3/auth/tokens", method="POST", body=body)


def _login(user: object, scope: object) -> object:
    auth = {"identity": {"methods": ["password"], "password": {"user": user}}}
    return {"auth": auth if scope is None else {**auth, "scope": scope}}


def _secret(secret: str) -> object:
    credential = {"id": "{credential}", "secret": secret}
    return {
        "auth": {"identity": {"methods": ["application_credential"], "application_credential": credential}}
    }


def changes() -> Iterator[Call]:
    """Those that change something or are refused to."""

    def post(cloud: str, path: str, body: object, version: str = "2.96") -> Call:
        return Call(cloud, "compute", path, version, "POST", body)

    good = {
        "name": "{new}",
        "flavorRef": "{flavor}",
        "imageRef": "{image}",
        "networks": [{"uuid": "{network}"}],
    }
    nowhere = "00000000-0000-0000-0000-000000000000"
    for body in (
        good,
        {**good, "networks": "none"},
        {**good, "networks": "auto"},
        {**good, "networks": None},
        {**good, "flavorRef": nowhere},
        {**good, "imageRef": nowhere},
        {**good, "networks": [{"uuid": nowhere}]},
        {**good, "availability_zone": "nope"},
        {**good, "key_name": "nope"},
        {**good, "min_count": 5000, "max_count": 5000},
        {**good, "flavorRef": "{big_flavor}"},
        {**good, "nope": 1},
        {**good, "name": ""},
        {key: value for key, value in good.items() if key != "flavorRef"},
        {key: value for key, value in good.items() if key != "imageRef"},
        {**good, "security_groups": [{"name": "nope"}]},
    ):
        yield post(
            "user1", "/servers", {"server": {key: value for key, value in body.items() if value is not None}}
        )
    yield post("user1", "/servers", {"server": {key: good[key] for key in list(good)[:3]}}, "")
    yield post("user1", "/servers", {})
    yield post("reader", "/servers", {"server": good})
    for action in ("os-start", "os-stop"):
        yield post("user1", "/servers/{server}/action", {action: None})
        yield post("user1", "/servers/nope/action", {action: None})
        yield post("reader", "/servers/{server}/action", {action: None})
    yield post("user1", "/servers/{server}/action", {"reboot": {"type": "SOFT"}})
    yield post("user1", "/servers/{server}/action", {"reboot": {"type": "NOPE"}})
    yield post("user1", "/servers/{server}/action", {"nope": None})
    yield post("user1", "/servers/{server}/action", {})
    yield Call("user1", "compute", "/servers/nope", "2.96", "DELETE")
    yield Call("reader", "compute", "/servers/{server}", "2.96", "DELETE")
    yield Call("user1", "compute", "/servers/{stopped}", "2.96", "DELETE")
    yield Call("user1", "compute", "/servers", "2.96", "PUT")
