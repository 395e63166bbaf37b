"""The schema of clouds.yaml, secure.yaml, clouds-public.yaml and OS_* variables: keys and types.

openstacksdk accepts anything, and fails or behaves differently later. Unknown keys are for other tools and
are ignored, unless they are a known key misspelt.
"""

import re
from collections.abc import Container, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final, Literal

import msgspec

from stratoscope.clouds.openstack.client import urls
from stratoscope.core.config import decode
from stratoscope.core.errors import ConfigError

_Interface = Literal["public", "internal", "admin", "publicURL", "internalURL", "adminURL", ""]
_Text = str | None
_Version = float | str | None


class _Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    values: dict[str, Any] = {}


_CREDENTIAL: Final = (
    *("auth_url", "username", "user_id", "password", "passcode", "token", "auth_token"),
    *("project_id", "project_name", "tenant_id", "tenant_name", "system_scope", "trust_id"),
    *("domain_id", "domain_name", "default_domain_id", "default_domain_name"),
    *("user_domain_id", "user_domain_name", "project_domain_id", "project_domain_name"),
    *("application_credential_id", "application_credential_name", "application_credential_secret"),
)
"""Keys of `auth` that are also allowed outside of it."""
_KEYS: Final[Mapping[str, Any]] = {
    "auth": dict[str, Any],
    "region_name": str | list[str],
    "regions": list[str | _Region],
    "interface": _Interface | list[_Interface] | None,
    "endpoint_type": _Interface | list[_Interface] | None,
    "verify": bool,
    "insecure": bool,
    **dict.fromkeys(("profile", "cloud", "auth_type", "auth_plugin", "cacert", "cert", "key"), _Text),
    **dict.fromkeys(_CREDENTIAL, _Text),
}
"""The keys of a cloud."""
_OF_A_SERVICE: Final[Mapping[str, Any]] = {
    "_endpoint_override": _Text,
    "_endpoint": _Text,
    "_interface": _Interface | list[_Interface] | None,
    "_endpoint_type": _Interface | list[_Interface] | None,
    "_region_name": _Text,
    "_service_type": _Text,
    "_service_name": _Text,
    "_api_version": _Version,
    "_default_microversion": _Version,
}
"""The suffixes of the keys of a service."""
_OF_AUTH: Final[Mapping[str, Any]] = {"auth_methods": str | list[str] | None}
"""Keys of `auth` that are no texts."""
_OTHERS: Final = frozenset(
    {"networks", "external_network", "internal_network", "force_ipv4", "prefer_ipv6", "cache", "metrics"}
)
"""Other keys of openstacksdk, on which it may fail; the exporter does not use them."""
_URLS: Final = (
    "auth_url",
    "discovery_endpoint",
    "access_token_endpoint",
    "identity_provider_url",
    "endpoint",
)
_VERSION: Final = re.compile(r"v?[0-9]{1,9}(\.([0-9]{1,9}|latest))?|auto|latest")
_PLACES: Final = re.compile(r"[%$]\((?:project|tenant)_id\)s|\{\w+\}")
"""Placeholders: the token's project, or another key of the cloud."""
_BRACES: Final = (
    "openstacksdk fills in what stands in braces; allowed: {region_name} or another key of the cloud, and "
    "{{ or }} for a brace"
)
_ALIKE: Final = 0.8
"""The similarity from which a key counts as a known one misspelt (difflib's ratio)."""


def clouds(document: object, top: str, wanted: str | None) -> dict[str, Any]:
    """The entries of a file, without what the exporter does not use.

    Args:
        document: The content, read as YAML.
        top: The key above them: `clouds` or `public-clouds`.
        wanted: The entry that will be used, and is checked; None for all.

    Raises ConfigError, which names the key, the value's type and what is allowed.
    """
    sections = decode(dict[str, Any], {} if document is None else document, "")
    if top not in sections:
        for key in get_close_matches(top, sections, 1, _ALIKE):
            raise ConfigError(f"{key}: unknown key; allowed: {top}")
    entries = decode(dict[str, dict[str, Any]], sections.get(top, {}), top)
    for name, entry in entries.items():
        if wanted in (None, name):
            _check(entry, f"{top}.{name}")
            entries[name] = _useful(entry)
    return entries


def environment(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The values of OS_* variables, by key in lower case; true and false as booleans. Raises as `clouds`."""
    values = dict(variables)
    for key, value in variables.items():
        kind, where = _kind(key), f"OS_{key.upper()}"
        if kind is bool and isinstance(value, str):
            values[key] = _true_or_false(value, where, default=key == "verify")
        elif kind is not None and value:
            _check_value(value, _Interface if kind is _KEYS["interface"] else kind, key, where)
            _check_braces(value, key, where, variables)
    return values


def _true_or_false(text: str, where: str, *, default: bool) -> bool:
    if text and text.lower() not in {"true", "false"}:
        raise ConfigError(f"{where}: expected true or false, got {text!r}")
    return text.lower() == "true" if text else default


def _useful(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry without unused keys, and without nulls of a credential, which openstacksdk sends as `None`."""
    useful = {key: value for key, value in entry.items() if _is_useful(_name(key), value)}
    if "auth" in useful:
        useful["auth"] = {key: value for key, value in useful["auth"].items() if value is not None}
    if "regions" in useful:
        useful["regions"] = [
            {**one, "values": _useful(one.get("values", {}))} if isinstance(one, dict) else one
            for one in useful["regions"]
        ]
    return useful


def _is_useful(name: str, value: object) -> bool:
    if name in _CREDENTIAL:
        return value is not None
    if name in ("auth_type", "auth_plugin"):
        return bool(value)
    is_another_tool_s = _kind(name) is None and name not in _OF_AUTH and isinstance(value, dict | list)
    return name not in _OTHERS and not is_another_tool_s


def _check(entry: Mapping[str, Any], where: str) -> None:
    """Reject errors in the entry of a cloud, or of one of its regions."""
    for key, value in entry.items():
        kind = _kind(_name(key))
        if kind is None:
            _check_unknown(_name(key), f"{where}.{key}")
            continue
        _check_value(value, kind, _name(key), f"{where}.{key}")
        _check_braces(value, _name(key), f"{where}.{key}", entry)
    for key, value in entry.get("auth", {}).items():
        _check_value(value, _OF_AUTH.get(_name(key), _Text), _name(key), f"{where}.auth.{key}")
        if _name(key) == "auth_url":
            _check_braces(value, "", f"{where}.auth.{key}", entry)
    for number, region in enumerate(entry.get("regions", ())):
        if isinstance(region, dict):
            _check(region.get("values", {}), f"{where}.regions[{number}].values")


def _check_value(value: Any, kind: Any, name: str, where: str) -> None:
    decode(kind, value, where)
    if isinstance(value, bool | dict | list) or value in (None, ""):
        return
    if name.endswith("_api_version") and not _VERSION.fullmatch(str(value)):
        raise ConfigError(f"{where}: expected a version such as `3` or `2.1`, got {str(value)!r}")
    if name in _URLS or name.endswith(("_endpoint_override", "_endpoint")):
        fault = urls.fault(_PLACES.sub("1", value))
        if fault:
            raise ConfigError(f"{where}: {fault}")


def fillable(config: Mapping[str, Any], options: Container[str]) -> dict[str, Any]:
    """The merged configuration of a cloud, without texts of other tools whose braces openstacksdk cannot
    format.

    Args:
        config: The configuration as openstacksdk merged it.
        options: The keys of the credential, which are not formatted.

    Raises ConfigError, which names a known key.
    """
    known = {}
    for key, value in config.items():
        if key not in options and not _is_fillable(value, config):
            if _kind(key) is not None and key not in _CREDENTIAL:
                raise ConfigError(f"{key}: {_BRACES}")
            continue
        known[key] = value
    return known


def _check_braces(value: object, name: str, where: str, entry: Iterable[str]) -> None:
    """Reject braces that openstacksdk cannot format: `{region_name}` stands for the key of that name."""
    names = dict.fromkeys((*map(_name, entry), "region_name"), "")
    if name not in _CREDENTIAL and not _is_fillable(value, names):
        raise ConfigError(f"{where}: {_BRACES}")


def _is_fillable(value: object, names: Mapping[str, Any]) -> bool:
    try:
        _ = value.format(**names) if isinstance(value, str) else None
    except (ValueError, KeyError, IndexError, AttributeError, TypeError):
        return False
    return True


def _check_unknown(name: str, where: str) -> None:
    service, end, ing = name.partition("_end")
    of_a_service = [service + one for one in get_close_matches(end + ing, _OF_A_SERVICE, 1, _ALIKE)]
    known = get_close_matches(name, _KEYS, 1, _ALIKE) or of_a_service
    if known and name not in _OTHERS:
        raise ConfigError(f"{where}: unknown key; allowed: {known[0]}")


def _kind(name: str) -> Any:
    """The type of a key; None for an unknown key."""
    if name in _KEYS:
        return _KEYS[name]
    return next((kind for ending, kind in _OF_A_SERVICE.items() if name.endswith(ending)), None)


def _name(key: str) -> str:
    """A key as openstacksdk reads it."""
    return key.replace("-", "_")
