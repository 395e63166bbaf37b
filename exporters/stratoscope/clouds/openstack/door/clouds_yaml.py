"""clouds.yaml, secure.yaml and OS_* variables, as openstacksdk reads them; nothing here asks the cloud."""

import hashlib
import json
import logging
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from keystoneauth1.exceptions import ClientException
from keystoneauth1.identity.base import BaseIdentityPlugin
from openstack.config.cloud_region import CloudRegion
from openstack.config.loader import OpenStackConfig
from openstack.exceptions import ConfigException
from openstack.warnings import ConfigurationWarning

from stratoscope.clouds.openstack.config import Found, OpenStackCloud
from stratoscope.clouds.openstack.door import credential, trust
from stratoscope.core import files
from stratoscope.core.config import Secret, one_of
from stratoscope.core.errors import ConfigError
from stratoscope.core.flags import version

log = logging.getLogger(__name__)

_NONE: Final = "defaults"
"""The cloud that openstacksdk makes up where there is none."""
_BROKEN: Final = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What openstacksdk raises where the file holds something of another type than it expects."""

_WARNED: Final = threading.Lock()
"""Held while Python's warnings go elsewhere: that is the whole process's state."""


def found(config: OpenStackCloud) -> Found:
    """The entry with what clouds.yaml, its files and the environment say of it now.

    Raises:
        ConfigError: It cannot be used; one line that names the key and what is allowed, without secrets.
    """
    try:
        with _warnings_logged():
            loader = _loader(config)
            region = _region(loader, config)
        trust.tls(region)
    except ConfigError as error:
        raise ConfigError(f"clouds: {config.name}/{config.kind}: {error}") from error
    digest = hashlib.sha256(json.dumps(region.config, sort_keys=True, default=str).encode())
    for path in trust.files(region).values():
        digest.update(path.read_bytes() if path.is_file() else b"")
    own = {name: getattr(config, name) for name in OpenStackCloud.__struct_fields__}
    found_in = "" if region.name == loader.envvar_key else loader.config_filename or ""
    return Found(**own, found_in=found_in, content=Secret(digest.hexdigest()))


def region(config: OpenStackCloud) -> CloudRegion:
    """What openstacksdk makes of an entry. Raises ConfigError when it cannot be used."""
    with _warnings_logged():
        return _region(_loader(config), config)


@contextmanager
def _warnings_logged() -> Iterator[None]:
    """openstacksdk's warnings in the log, where they are about the configuration; the rest concerns code."""
    with _WARNED, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if issubclass(warning.category, ConfigurationWarning):
            log.warning("openstacksdk warns text=%r", str(warning.message))


def _loader(config: OpenStackCloud) -> OpenStackConfig:
    """What openstacksdk reads. A file that is given is the only one, and variables do not count beside it."""
    given: dict[str, Any] = {}
    if config.clouds_file:
        path = Path(config.clouds_file).expanduser()
        _check(path)
        given = {
            "config_files": [str(path)],
            "secure_files": _beside(path, "secure"),
            "vendor_files": _beside(path, "clouds-public"),
            "load_envvars": False,
        }
    try:
        return OpenStackConfig(app_name="stratoscope", app_version=version(), **given)
    except ConfigException as error:
        raise ConfigError(f"clouds_file: {error}") from error
    except _BROKEN as error:
        raise ConfigError(f"clouds_file: openstacksdk cannot read it: {type(error).__name__}") from error


def _beside(path: Path, name: str) -> list[str]:
    """The files of this name that stand beside it."""
    paths = [path.with_name(f"{name}{ending}") for ending in (".yaml", ".yml", ".json")]
    found = [one for one in paths if one.exists()]
    for one in found:
        _check(one)
    return [str(one) for one in found]


def _check(path: Path) -> None:
    """openstacksdk passes over a file that it cannot read, and over one that is no YAML."""
    try:
        text = files.read(path).decode()
        if path.suffix != ".json":
            files.check_texts(yaml.safe_load(text))
    except ConfigError as error:
        raise ConfigError(f"clouds_file: {path}: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"clouds_file: {path}: not UTF-8") from error
    except yaml.YAMLError as error:  # its text may cite a secret
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"clouds_file: {path}{where}: not YAML") from error


def _region(loader: OpenStackConfig, config: OpenStackCloud) -> CloudRegion:
    cloud = _cloud(loader, config)
    given: dict[str, Any] = {"interface": config.interface} if config.interface else {}
    try:
        with _named(cloud):
            _check_profile(loader, cloud)
        _check_region(loader, cloud, config.region)
        with _named(cloud):
            _check_credential(loader, cloud, config.region)
        region = loader.get_one(
            cloud, region_name=config.region, api_timeout=float(config.budget.timeout), **given
        )
    except (ConfigException, ClientException) as error:  # they name keys and plugins, no values
        raise ConfigError(f"os_cloud: {cloud}: {error}") from error
    except _BROKEN as error:
        raise ConfigError(f"os_cloud: {cloud}: openstacksdk cannot use it: {type(error).__name__}") from error
    verify, _ = region.get_requests_verify_args()
    if not verify:
        region.config["cacert"] = None  # or openstacksdk warns of it at each log-in
    if not isinstance(region.get_auth(), BaseIdentityPlugin):
        kind = region.config.get("auth_type")
        raise ConfigError(f"os_cloud: {cloud}: auth_type {kind} does not log in to Keystone")
    return region


def _cloud(loader: OpenStackConfig, config: OpenStackCloud) -> str:
    """The cloud's name in clouds.yaml, or openstacksdk's for what the environment describes."""
    names = [name for name in loader.get_cloud_names() if name != _NONE]
    cloud = config.os_cloud or loader.default_cloud
    where = f" in {loader.config_filename}" if loader.config_filename else ", and no clouds.yaml was found"
    if cloud is None or cloud == _NONE:
        known = f"; allowed: {', '.join(sorted(names))}" if names else ""
        raise ConfigError(f"os_cloud: missing; it names a cloud{where}{known}")
    if not names:
        raise ConfigError(f"os_cloud: unknown: {cloud}: no cloud{where}")
    one_of(cloud, names, "os_cloud")
    return cloud


@contextmanager
def _named(cloud: str) -> Iterator[None]:
    """Say of which cloud it is what is refused."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"os_cloud: {cloud}: {error}") from error


def _check_profile(loader: OpenStackConfig, cloud: str) -> None:
    _, public = loader._load_vendor_file()  # noqa: SLF001 - what openstacksdk will read
    credential.check_profile(loader.cloud_config["clouds"][cloud], (public or {}).get("public-clouds", ()))


def _check_credential(loader: OpenStackConfig, cloud: str, region: str) -> None:
    unchecked = loader.get_one(cloud, region_name=region, validate=False).config
    credential.check(unchecked, is_environment=cloud == loader.envvar_key)


def _check_region(loader: OpenStackConfig, cloud: str, region: str) -> None:
    """Refuse to guess where clouds.yaml lists several regions, and a region that it does not list."""
    regions = _regions(loader, cloud)
    if region and regions:
        one_of(region, regions, "region")
    elif len(regions) > 1:
        raise ConfigError(f"region: missing; the cloud {cloud} has several: {', '.join(sorted(regions))}")


def _regions(loader: OpenStackConfig, cloud: str) -> Sequence[str]:
    entry = loader.cloud_config["clouds"][cloud]
    listed = entry.get("regions") or entry.get("region_name") or []
    if isinstance(listed, str):
        return listed.split(",")
    return [str(one["name"] if isinstance(one, dict) else one) for one in listed]
