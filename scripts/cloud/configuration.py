"""Writes the services' configuration from templates/ into the folder `data/etc`."""

import json
from pathlib import Path
from string import Template
from typing import Any

from cloud.folder import CLOUDS, DATA, ETC, KNOBS, LOG, RUN, UP

TEMPLATES = Path(__file__).with_name("templates")
PASSWORD = "secret-of-the-test-cloud"  # noqa: S105 - everything listens on 127.0.0.1 alone
SERVICES = ("placement", "glance", "nova", "neutron", "cinder")
DATABASES = ("keystone", "placement", "glance", "nova_api", "nova_cell0", "nova", "neutron", "cinder")
FILES = {
    "placement": "placement.conf",
    "glance": "glance-api.conf",
    "nova": "nova.conf",
    "neutron": "neutron.conf",
    "cinder": "cinder.conf",
}
PINNED = {"compute1": "", "compute2": "32-47", "compute3": "", "compute4": ""}
"""The hosts, and which of their CPUs are for pinned VMs alone; their sizes stand in payload/knobs.py."""


def write(ports: dict[str, int]) -> None:
    """All files of data/etc, as they are to be for these ports."""
    for folder in (
        ETC,
        LOG,
        RUN,
        KNOBS,
        DATA / "state" / "lock",
        *(DATA / "state" / host for host in PINNED),
    ):
        folder.mkdir(parents=True, exist_ok=True)
    values = {name: str(port) for name, port in ports.items()} | {"password": PASSWORD}
    _write("keystone.conf", _filled("keystone", values | {"database": database("keystone")}))
    for service in SERVICES:
        own = values | {
            "project": service,
            "database": database(service),
            "api_database": database("nova_api"),
            "credential": _filled("credential", values | {"user": service}),
            "nova_credential": _filled("credential", values | {"user": "nova"}),
            "notifications": "messagingv2" if service == "nova" else "noop",
        }
        file = FILES[service]
        _write(file, _filled("common", own) + "\n" + _filled(file.removesuffix(".conf"), own))
    CLOUDS.write_text(json.dumps({"clouds": _clouds(ports["keystone"])}, indent=2))  # JSON is YAML
    broken = KNOBS / "compute4.json"
    if not UP.exists():
        broken.write_text(json.dumps({"spawn_error": "the disk is broken"}))
    for host, pinned in PINNED.items():
        _write(f"{host}.conf", _filled("compute", {"host": host, "pinned": pinned}))


def _clouds(port: int) -> dict[str, Any]:
    """What clouds.yaml says: who may log in where."""
    people = {f"user{number}": f"project{number}" for number in range(1, 6)}
    people |= {"admin": "admin", "exporter": "admin", "probe": "probe"}
    url = f"http://127.0.0.1:{port}/v3"
    domains = {"user_domain_name": "Default", "project_domain_name": "Default"}
    clouds: dict[str, Any] = {
        name: {
            "region_name": "RegionOne",
            "auth": {"auth_url": url, "username": name, "password": PASSWORD, "project_name": project}
            | domains,
        }
        for name, project in people.items()
    }
    clouds["application"] = {
        "region_name": "RegionOne",
        "auth_type": "v3applicationcredential",
        "auth": {
            "auth_url": url,
            "username": "admin",
            "user_domain_name": "Default",
            "application_credential_name": "exporter",
            "application_credential_secret": PASSWORD,
        },
    }
    return clouds


def database(name: str) -> str:
    """SQLAlchemy's URL of one database."""
    return f"mysql+pymysql://root@localhost/{name}?unix_socket=/data/run/mysql.sock&charset=utf8"


def _filled(template: str, values: dict[str, str]) -> str:
    return Template((TEMPLATES / f"{template}.conf").read_text()).substitute(values)


def _write(name: str, text: str) -> None:
    (ETC / name).write_text(text)
