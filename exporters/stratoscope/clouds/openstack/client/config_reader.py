"""openstacksdk's reader of clouds.yaml, whose files and variables are read strictly and checked first."""

import json
import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from openstack.config.loader import OpenStackConfig

from stratoscope.clouds.openstack.client import credential, schema, tls
from stratoscope.core import files, yaml_file
from stratoscope.core.errors import ConfigError
from stratoscope.core.program import version
from stratoscope.core.secret_files import warn_if_shared

_NOBODY: Final = {"port": 1}
"""Statsd's variables: nothing is sent, since there is no host, and STATSD_PORT is not read."""
_SECRETS: Final = (b"password", b"secret", b"token")
"""One of them stands in a file with a credential."""
_Read = tuple[str, dict[str, Any]] | tuple[None, None]


class Loader(OpenStackConfig):
    """openstacksdk's loader. If a file is configured, no other file and no variable is read.

    Attributes:
        passed_over: Files of the search path that this user may not read.
    """

    def __init__(self, clouds_file: str, os_cloud: str) -> None:
        """Raises ConfigError: one line that names the file or the variable, and the key."""
        self.passed_over: list[str] = []
        self._named_by: Mapping[str, str] = {}
        options: dict[str, Any] = {}
        if clouds_file:
            path = tls.placed(clouds_file)
            self._named_by = {str(path): "clouds_file"}
            options = {
                "config_files": [str(path)],
                "secure_files": _beside(path, "secure"),
                "vendor_files": _beside(path, "clouds-public"),
                "load_envvars": False,
            }
        else:
            names = ("OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE")
            self._named_by = {os.environ[name]: name for name in names if os.environ.get(name)}
        self._wanted = os_cloud or (None if clouds_file else os.environ.get("OS_CLOUD"))
        super().__init__(app_name="stratoscope", app_version=version(), statsd_config=_NOBODY, **options)  # type: ignore[arg-type]  # two of its keys may be left out

    def merged(self, cloud: str, region: str) -> dict[str, Any]:
        """The configuration of a cloud from all sources, before openstacksdk processes the credential and
        braces.
        """
        config = self._get_base_cloud_config(cloud)
        of_region = deepcopy(self._get_region(cloud, region)["values"])
        config["auth"] |= of_region.pop("auth", {})
        return self.magic_fixes(config | of_region)

    def public(self) -> Mapping[str, Any]:
        """The profiles in clouds-public.yaml."""
        _, read = self._load_vendor_file()
        return read["public-clouds"] if read else {}

    def auth_config_hook(self, config: dict[str, Any]) -> dict[str, Any]:
        """openstacksdk calls it before it moves the credential to `auth` and fills in braces."""
        return schema.fillable(config, credential.known_keys(str(config["auth_type"])))

    def _load_config_file(self) -> _Read:
        return self._first(self._config_files, "clouds", self._wanted)

    def _load_secure_file(self) -> _Read:
        return self._first(self._secure_files, "clouds", self._wanted)

    def _load_vendor_file(self) -> _Read:
        return self._first(self._vendor_files, "public-clouds", None)

    def _get_os_environ(self, envvar_prefix: str | None = None) -> dict[str, Any] | None:
        variables = super()._get_os_environ(envvar_prefix)
        return variables and schema.environment(variables)

    def _first(self, paths: Sequence[str], top: str, wanted: str | None) -> _Read:
        """The first of the files that exists and may be read."""
        for path in paths:
            key = self._named_by.get(path, "")
            if not key and not os.path.exists(path):  # noqa: PTH110 - where the name is too long it says no
                continue
            try:
                content = files.read(Path(path), key)
                if any(word in content for word in _SECRETS):
                    warn_if_shared(Path(path), key or "clouds_file")
            except ConfigError as error:
                if not key and isinstance(error.__cause__, PermissionError):
                    self.passed_over.append(path)
                    continue
                raise
            return path, {top: _entries(content, path, top, wanted)}
        return None, None


def _entries(content: bytes, path: str, top: str, wanted: str | None) -> dict[str, Any]:
    read = _json if path.endswith("json") else yaml_file.document
    document = read(content, path)
    try:
        return schema.clouds(document, top, wanted)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _json(content: bytes, path: str) -> object:
    text = yaml_file.decoded(content, path)
    try:
        document: object = json.loads(text)
        _check_texts(document, "")
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deep") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return document


def _check_texts(value: object, key: str) -> None:
    """Refuse what JSON can write and YAML cannot. Raises ConfigError, which names the key."""
    if isinstance(value, str) and not yaml_file.is_text(value):
        raise ConfigError(f"{key}: {yaml_file.NO_TEXT}")
    if isinstance(value, list):
        for number, part in enumerate(value):
            _check_texts(part, f"{key}[{number}]")
    if isinstance(value, dict):
        for name, part in value.items():
            _check_texts(name, f"{key}: a key".removeprefix(": "))
            _check_texts(part, f"{key}.{name}".removeprefix("."))


def _beside(path: Path, name: str) -> list[str]:
    """The files with this name in the same folder."""
    paths = [str(path.parent / f"{name}{ending}") for ending in (".yaml", ".yml", ".json")]
    return [one for one in paths if os.path.lexists(one)]
