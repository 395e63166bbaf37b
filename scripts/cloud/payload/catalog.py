# openstacksdk as Debian has it, inside:
# mypy: disable-error-code="import-not-found,import-untyped,no-any-return"
"""Fills Keystone: the services with their users and endpoints, then people and projects. Safe to run again.

Reads /data/ports.json and /data/clouds.yaml: each cloud there gets the user and the project it names.
"""

import json
from pathlib import Path
from typing import Any

import openstack
import yaml

SERVICES = {
    "nova": ("compute", "/v2.1"),
    "placement": ("placement", ""),
    "glance": ("image", ""),
    "neutron": ("network", ""),
    "cinder": ("block-storage", "/v3"),
}
INTERFACES = frozenset({"public", "internal", "admin"})
ROLES = {"exporter": "reader"}
"""Beside the administrator's; everybody else is a member."""


def main() -> None:
    cloud = openstack.connect(cloud="admin")
    password = cloud.config.auth["password"]
    ports = json.loads(Path("/data/ports.json").read_text())
    for name in SERVICES:
        add_service(cloud, name, ports[name], password)
    logins = yaml.safe_load(Path("/data/clouds.yaml").read_text())["clouds"]
    for login in (entry["auth"] for entry in logins.values()):
        name = login.get("username")
        if name not in (None, "admin"):
            add_person(cloud, name, login["project_name"], ROLES.get(name, "member"), password)
    person(cloud, "retired", password, is_enabled=False)
    project(cloud, "closed", is_enabled=False)
    add_application_credential(cloud, logins["application"]["auth"])


def add_service(cloud: Any, name: str, port: int, password: str) -> None:
    sort, path = SERVICES[name]
    add_person(cloud, name, "service", "admin", password)
    add_person(cloud, name, "service", "service", password)
    identity = cloud.identity
    service = identity.find_service(name) or identity.create_service(name=name, type=sort)
    there = {endpoint.interface for endpoint in identity.endpoints(service_id=service.id)}
    url = f"http://127.0.0.1:{port}{path}"
    for interface in INTERFACES - there:
        identity.create_endpoint(service_id=service.id, interface=interface, url=url, region_id="RegionOne")


def add_person(cloud: Any, name: str, of_project: str, role: str, password: str) -> None:
    """The user, the project, and the role of the one in the other."""
    found = cloud.identity.find_role(role)
    user = person(cloud, name, password)
    cloud.identity.assign_project_role_to_user(project(cloud, of_project), user, found)


def person(cloud: Any, name: str, password: str, *, is_enabled: bool = True) -> Any:
    identity = cloud.identity
    return identity.find_user(name) or identity.create_user(
        name=name, password=password, domain_id="default", is_enabled=is_enabled
    )


def project(cloud: Any, name: str, *, is_enabled: bool = True) -> Any:
    identity = cloud.identity
    return identity.find_project(name) or identity.create_project(
        name=name, domain_id="default", is_enabled=is_enabled
    )


def add_application_credential(cloud: Any, login: dict[str, str]) -> None:
    """The administrator's, with the name and the secret that clouds.yaml has."""
    user = cloud.current_user_id
    name, secret = login["application_credential_name"], login["application_credential_secret"]
    if not cloud.identity.find_application_credential(user, name):
        cloud.identity.create_application_credential(user, name, secret=secret)


if __name__ == "__main__":
    main()
