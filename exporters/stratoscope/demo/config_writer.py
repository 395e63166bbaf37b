"""Writes the configuration for an embedded cloud: a block `clouds:`, and the credentials beside it."""

from pathlib import Path
from typing import Final

import yaml

from stratoscope.core import new_file
from stratoscope.core.errors import ConfigError
from stratoscope.demo.opennebula.directory import ONEADMIN
from stratoscope.demo.openstack.keystone.catalogue import REGION
from stratoscope.demo.world.seed.catalog import SUBJECTS
from stratoscope.demo.world.seed.identity import CREDENTIAL_ID, PASSWORD

CLOUD: Final = "demo"
"""The name of the cloud, the label `cloud`."""
ONE_CLOUD: Final = "demo-one"
"""The same of an OpenNebula, so that one configuration may have both."""
CLOUDS_YAML: Final = "clouds.yaml"
ONE_AUTH: Final = "one_auth"
BESIDE: Final = {"openstack": CLOUDS_YAML, "opennebula": ONE_AUTH}
"""The file with the credentials, by kind."""
_MARK: Final = "# Written by stratoscope demo-cloud, which overwrites it."
"""The first line of both files but ONE_AUTH: one without it is somebody's own."""
_SESSION: Final = f"{ONEADMIN}:{PASSWORD}"
"""All that is in ONE_AUTH."""
_USERS: Final = {"admin": "admin", "reader": "admin", "user1": SUBJECTS[0]}
"""The users in the clouds.yaml, and the project of each."""


def write_config(file: Path, url: str, kind: str = "openstack") -> None:
    """Write both, each by rename; the block last, so that both exist once it does.

    Args:
        file: Of the block; the credentials are written into the same folder.
        url: Where the cloud listens, without a path.
        kind: A key of BESIDE.

    Raises:
        ConfigError: They cannot be written; the message names `--write-config`.
    """
    beside = file.with_name(BESIDE[kind])
    if kind == "openstack":
        entry = {"name": CLOUD, "kind": kind, "os_cloud": "admin", "clouds_file": str(beside)}
        credentials = _marked({"clouds": clouds(url)})
    else:
        endpoint = f"{reachable(url)}/RPC2"
        entry = {"name": ONE_CLOUD, "kind": kind, "endpoint": endpoint, "credentials_file": str(beside)}
        credentials = f"{_SESSION}\n"
    for path, text in ((beside, credentials), (file, _marked({"clouds": [entry]}))):
        try:
            new_file.put(str(path), text.encode(), 0o600)
        except OSError as error:  # it names the temporary file
            raise ConfigError(f"--write-config: {path}: {error.strerror}") from error


def check_own(file: Path) -> None:
    """Raises ConfigError: The file exists, and `write_config` has not written it; or it cannot be read."""
    try:
        with file.open("rb") as stream:
            first = stream.readline(len(_MARK) + 1)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"--write-config: {file}: {error.strerror}") from error
    if first.rstrip() not in (_MARK.encode(), _SESSION.encode()):
        raise ConfigError(
            f"--write-config: {file} exists, and demo-cloud has not written it: name one in another folder,"
            " or move this one away"
        )


def clouds(url: str) -> dict[str, object]:
    """The clouds of the clouds.yaml: an administrator, a reader of the same project, a plain user, and the
    application credential of that user."""
    auth_url = f"{reachable(url)}/identity/v3"
    common = {"region_name": REGION, "identity_api_version": "3"}
    by_password = {
        user: {
            "auth": {
                "auth_url": auth_url,
                "username": user,
                "password": PASSWORD,
                "project_name": project,
                "user_domain_name": "Default",
                "project_domain_name": "Default",
            },
            **common,
        }
        for user, project in _USERS.items()
    }
    credential = {
        "auth_url": auth_url,
        "application_credential_id": CREDENTIAL_ID,
        "application_credential_secret": PASSWORD,
    }
    return {
        **by_password,
        "credential": {"auth_type": "v3applicationcredential", "auth": credential, **common},
    }


def reachable(url: str) -> str:
    """The loopback URL for one of all interfaces; other URLs as they are."""
    for everywhere in ("//[::]:", "//0.0.0.0:"):
        url = url.replace(everywhere, "//127.0.0.1:")
    return url


def _marked(document: object) -> str:
    """A document after the mark."""
    return f"{_MARK}\n{yaml.safe_dump(document, sort_keys=False)}"
