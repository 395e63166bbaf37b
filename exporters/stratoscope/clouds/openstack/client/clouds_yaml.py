"""clouds.yaml, secure.yaml and OS_* variables, as openstacksdk reads them; no request is sent here."""

import hashlib
import json
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from keystoneauth1.exceptions import ClientException
from openstack.config.cloud_region import CloudRegion
from openstack.exceptions import ConfigException
from openstack.warnings import ConfigurationWarning

from stratoscope.clouds.openstack.client import credential, tls
from stratoscope.clouds.openstack.client.config_reader import Loader
from stratoscope.clouds.openstack.config import Found, OpenStackCloud
from stratoscope.core.config import Secret, one_of
from stratoscope.core.errors import ConfigError

log = logging.getLogger(__name__)

_NONE: Final = "defaults"
"""The cloud that openstacksdk invents if there is none."""
_BROKEN: Final = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""Errors of openstacksdk if the file has a value of an unexpected type."""

_WARNED: Final = threading.Lock()
"""Held while Python's warnings are redirected, which changes the state of the process."""


def found(config: OpenStackCloud) -> Found:
    """The entry, completed from clouds.yaml, its files and the environment. Raises ConfigError."""
    try:
        with _warnings_logged():
            loader = _loader(config)
            region = _region(loader, config)
        is_environment = region.name == loader.envvar_key
        with _named(loader, str(region.name)):
            tls.context(region)
    except ConfigError as error:
        raise ConfigError(f"clouds: {config.name}/{config.kind}: {error}") from error
    content = {key: value for key, value in region.config.items() if key != "api_timeout"}  # of the budget
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode())
    for path in tls.files(region).values():
        digest.update(path.read_bytes() if path.is_file() else b"")
    own = {name: getattr(config, name) for name in OpenStackCloud.__struct_fields__}
    found_in = "" if is_environment else loader.config_filename or ""
    return Found(**own, found_in=found_in, content=Secret(digest.hexdigest()))


def region(config: OpenStackCloud) -> CloudRegion:
    """openstacksdk's configuration of an entry. Raises ConfigError if it cannot be used."""
    with _warnings_logged():
        return _region(_loader(config), config)


@contextmanager
def _warnings_logged() -> Iterator[None]:
    """Log openstacksdk's warnings about the configuration; other warnings concern code."""
    with _WARNED, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if issubclass(warning.category, ConfigurationWarning):
            log.warning("openstacksdk warns text=%r", str(warning.message))


def _loader(config: OpenStackCloud) -> Loader:
    try:
        return Loader(config.clouds_file, config.os_cloud)
    except ConfigException as error:
        raise ConfigError(f"clouds.yaml: {error}") from error
    except _BROKEN as error:
        raise ConfigError(f"clouds.yaml: openstacksdk cannot read it: {type(error).__name__}") from error


def _region(loader: Loader, config: OpenStackCloud) -> CloudRegion:
    cloud = _cloud(loader, config)
    options: dict[str, Any] = {"interface": config.interface} if config.interface else {}
    public, is_environment = loader.public(), cloud == loader.envvar_key
    with _named(loader, cloud):
        entry = loader.cloud_config["clouds"][cloud]
        credential.check_profile(entry, public, is_environment=is_environment)
    _check_region(loader, cloud, config.region)
    with _named(loader, cloud):
        credential.check(loader.merged(cloud, config.region), is_environment=is_environment)
        region = loader.get_one(
            cloud, region_name=config.region, api_timeout=float(config.budget.timeout), **options
        )
    verify, _ = region.get_requests_verify_args()
    if not verify:
        region.config["cacert"] = None  # or openstacksdk warns of it at each log-in
    return region


def _cloud(loader: Loader, config: OpenStackCloud) -> str:
    """The cloud's name in clouds.yaml, or openstacksdk's for what the environment describes."""
    names = [name for name in loader.get_cloud_names() if name != _NONE]
    variable = "" if config.clouds_file else os.environ.get("OS_CLOUD", "")
    cloud = config.os_cloud or variable or loader.default_cloud
    key = "os_cloud (OS_CLOUD)" if cloud == variable else "os_cloud"
    where = f" in {loader.config_filename}" if loader.config_filename else ", and no clouds.yaml was found"
    if loader.passed_over:
        where += f" ({', '.join(loader.passed_over)}: Permission denied)"
    if loader.config_filename and not names:
        raise ConfigError(f"{loader.config_filename}: clouds: missing or empty; allowed: clouds by name")
    if cloud is None or cloud == _NONE:
        known = f"; allowed: {', '.join(sorted(names))}" if names else ""
        raise ConfigError(f"os_cloud: missing; it names a cloud{where}{known}")
    if not names:
        raise ConfigError(f"{key}: unknown: {cloud}: no cloud{where}")
    one_of(cloud, names, key)
    return cloud


@contextmanager
def _named(loader: Loader, cloud: str) -> Iterator[None]:
    """Add the cloud's name and the file to an error."""
    in_file = f"{loader.config_filename}: clouds.{cloud}: "
    where = "" if cloud == loader.envvar_key else in_file
    try:
        yield
    except (ConfigError, ConfigException, ClientException) as error:  # they name keys and plugins, no values
        raise ConfigError(f"{where}{error}") from error
    except _BROKEN as error:
        raise ConfigError(f"{where}openstacksdk cannot use it: {type(error).__name__}") from error


def _check_region(loader: Loader, cloud: str, region: str) -> None:
    """Reject several regions without a choice, and a region that clouds.yaml does not list."""
    entry = loader.cloud_config["clouds"][cloud]
    listed = entry.get("regions") or entry.get("region_name") or []
    regions = listed.split(",") if isinstance(listed, str) else listed
    names = [str(one["name"] if isinstance(one, dict) else one) for one in regions]
    if region and names:
        one_of(region, names, "region")
    elif len(names) > 1:
        raise ConfigError(f"region: missing; the cloud {cloud} has several: {', '.join(sorted(names))}")
