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


ROOTS = ("compute", "network")
"""Services whose root is asked, too: the path "^/"."""

_IDENTITY = """
/v3/projects | /v3/users | /v3/domains | /v3/auth/projects | /v3/regions
"""
_COMPUTE = """
/servers | /servers/detail | /servers/detail?all_tenants=1&limit=2 | /servers/{server} | /servers/nope
/servers/detail?all_tenants=1&changes-since={since} | /servers/detail?all_tenants=1&status=ERROR
/servers/detail?all_tenants=1&status=SHUTOFF | /servers/detail?limit=x
/servers/detail?marker=00000000-0000-0000-0000-000000000000
/servers?all_tenants=1&limit=1 | /servers/detail?changes-since=nope
/servers/detail?all_tenants=1&name={name}
/flavors/detail | /flavors/detail?is_public=None | /flavors/{flavor}/os-extra_specs | /os-services
/os-services?binary=nova-compute | /os-hypervisors/detail | /os-aggregates | /os-availability-zone
/os-quota-sets/{project}/detail | /os-quota-sets/{own_project}/detail | /limits
/servers/{server}/os-instance-actions
"""
_PLACEMENT = """
/resource_providers | /resource_providers/{rp}/inventories | /resource_providers/{rp}/usages
/resource_providers/{rp}/traits | /resource_providers/{rp}/allocations
/allocation_candidates?resources=VCPU:1,MEMORY_MB:64,DISK_GB:1&limit=1
/allocation_candidates?resources=VCPU:100000
"""
_NETWORK = """
/v2.0/networks | /v2.0/networks?router:external=True | /v2.0/subnets | /v2.0/ports | /v2.0/ports?limit=2
/v2.0/ports?fields=id&fields=status&fields=device_owner&fields=project_id&fields=binding:vif_type
/v2.0/ports?fields=id&limit=2 | /v2.0/ports?device_id={server}
/v2.0/ports?marker=00000000-0000-0000-0000-000000000000 | /v2.0/ports?device_owner=network:router_gateway
/v2.0/ports?limit=x | /v2.0/routers | /v2.0/floatingips | /v2.0/floatingips/{floatingip} | /v2.0/agents
/v2.0/agents?binary=neutron-l3-agent | /v2.0/network-ip-availabilities
/v2.0/quotas/{project}/details.json | /v2.0/quotas/{own_project}/details.json
/v2.0/networks?limit=1 | /v2.0/subnets?limit=1
"""
_VOLUME = """
/volumes/detail | /volumes/detail?all_tenants=1 | /volumes/detail?all_tenants=1&limit=1
/volumes/detail?all_tenants=1&status=error | /volumes/{volume} | /volumes/nope | /volumes/detail?limit=x
/snapshots/detail?all_tenants=1 | /snapshots/detail?all_tenants=1&limit=1 | /backups/detail?all_tenants=1
/os-services | /os-services?binary=cinder-volume | /scheduler-stats/get_pools?detail=True
/os-quota-sets/{project}?usage=True | /os-quota-sets/{own_project}?usage=True | /limits
"""
_IMAGE = """
/v2/images | /v2/images?limit=1 | /v2/images?limit=1000&visibility=all&os_hidden=true | /v2/images/{image}
/v2/images/nope | /v2/images?status=queued | /v2/images?limit=x
/v2/images?marker=00000000-0000-0000-0000-000000000000
"""
_VERSIONS = {"compute": ("", "2.96"), "placement": ("1.39",), "block-storage": ("",)}
_OTHER_VERSIONS = {
    "/os-services@compute": ("2.96",),
    "/os-services?binary=nova-compute@compute": ("2.96",),
    "/os-hypervisors/detail@compute": ("2.53",),
    "/os-quota-sets/{project}/detail@compute": ("2.57",),
    "/os-quota-sets/{own_project}/detail@compute": ("2.96",),
    "/flavors/detail@compute": ("", "2.55", "2.61", "2.75", "2.96"),
    "/resource_providers@placement": ("1.6", "1.14", "1.39"),
    "/allocation_candidates?resources=VCPU:1,MEMORY_MB:64,DISK_GB:1&limit=1@placement": ("1.17", "1.39"),
    "/backups/detail?all_tenants=1@block-storage": ("", "3.18"),
}
"""Of what exporters request in other microversions, and of what they read in older ones."""
_WRONG_VERSIONS = (
    Call("admin", "compute", "/servers", "2.999"),
    Call("admin", "placement", "/resource_providers", "1.999"),
)
_NOBODY = (
    ("identity", "/v3/projects"),
    ("compute", "/servers"),
    ("placement", "/resource_providers"),
    ("network", "/v2.0/ports"),
    ("block-storage", "/volumes"),
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
            for version in _OTHER_VERSIONS.get(f"{path}@{service}", _VERSIONS.get(service, ("",))):
                yield Call("admin", service, path, version)
            newest = {"compute": "2.96", "placement": "1.39", "block-storage": "3.71"}.get(service, "")
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
        _login(user, {"project": {"name": "nope", "domain": {"name": "Default"}}}),
        _login(user, {"project": {"name": "service", "domain": {"name": "Default"}}}),
        _login({**user, "password": "wrong"}, project),
        _login({**user, "name": "nobody"}, project),
        _login({**user, "domain": {"name": "Nowhere"}}, project),
        {"auth": {}},
        {},
        _secret("{secret}"),
        _secret("wrong"),
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
        {**good, "flavorRef": nowhere},
        {**good, "imageRef": nowhere},
        {**good, "networks": [{"uuid": nowhere}]},
        {**good, "availability_zone": "nope"},
        {**good, "key_name": "nope"},
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
    yield post("user1", "/servers", {})
    yield post("reader", "/servers", {"server": good})
    for action in ("os-start", "os-stop"):
        yield post("user1", "/servers/{server}/action", {action: None})
        yield post("user1", "/servers/nope/action", {action: None})
        yield post("reader", "/servers/{server}/action", {action: None})
    yield post("user1", "/servers/{server}/action", {"nope": None})
    yield post("user1", "/servers/{server}/action", {})
    yield Call("user1", "compute", "/servers/nope", "2.96", "DELETE")
    yield Call("reader", "compute", "/servers/{server}", "2.96", "DELETE")
    yield Call("user1", "compute", "/servers/{stopped}", "2.96", "DELETE")
