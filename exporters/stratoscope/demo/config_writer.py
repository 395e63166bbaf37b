"""Writes the configuration for an embedded cloud: a block `clouds:`, and the clouds.yaml beside it."""

from pathlib import Path
from typing import Final

import yaml

from stratoscope.core import new_file
from stratoscope.core.errors import ConfigError
from stratoscope.demo.openstack.keystone.catalogue import REGION
from stratoscope.demo.world.seed.catalog import SUBJECTS
from stratoscope.demo.world.seed.identity import CREDENTIAL_ID, PASSWORD

CLOUD: Final = "demo"
"""The name of the cloud, the label `cloud`."""
CLOUDS_YAML: Final = "clouds.yaml"
_MARK: Final = "# Written by stratoscope demo-cloud, which overwrites it."
"""The first line of both files: one without it is somebody's own."""
_USERS: Final = {"admin": "admin", "reader": "admin", "user1": SUBJECTS[0]}
"""The users in the clouds.yaml, and the project of each."""


def write_config(file: Path, url: str) -> None:
    """Write both, each by rename; the block last, so that both exist once it does.

    Args:
        file: Of the block; the clouds.yaml is written into the same folder.
        url: Where the cloud listens, without a path.

    Raises:
        ConfigError: They cannot be written; the message names `--write-config`.
    """
    beside = file.with_name(CLOUDS_YAML)
    entry = {"name": CLOUD, "kind": "openstack", "os_cloud": "admin", "clouds_file": str(beside)}
    for path, document in ((beside, {"clouds": clouds(url)}), (file, {"clouds": [entry]})):
        try:
            _put(path, document)
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
    if first.rstrip() != _MARK.encode():
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


def _put(file: Path, document: object) -> None:
    """Write a document after the mark, for its owner alone."""
    text = f"{_MARK}\n{yaml.safe_dump(document, sort_keys=False)}"
    new_file.put(str(file), text.encode(), 0o600)
