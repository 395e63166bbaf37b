"""Checks the credential in clouds.yaml before it is used: wrong and missing keys."""

import logging
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from keystoneauth1 import loading
from keystoneauth1.exceptions import ClientException
from keystoneauth1.identity import v2
from keystoneauth1.identity.base import BaseIdentityPlugin
from openstack.config import vendors

from stratoscope.core.errors import ConfigError

_USER: Final = ("username", "user_id")
_NEEDED: Final[Mapping[str, Sequence[tuple[str, ...]]]] = {
    "password": (_USER, ("password",)),
    "v3password": (_USER, ("password",)),
    "token": (("token",),),
    "v3token": (("token",),),
    "v3totp": (_USER, ("passcode",)),
    "v3multifactor": (("auth_methods",),),
    "v3applicationcredential": (
        ("application_credential_id", "application_credential_name"),
        ("application_credential_id", *_USER),
        ("application_credential_secret",),
    ),
    "v3oidcpassword": (("discovery_endpoint", "access_token_endpoint"), ("username",), ("password",)),
    "v3oidcclientcredentials": (
        ("discovery_endpoint", "access_token_endpoint"),
        ("client_id",),
        ("client_secret",),
    ),
}
"""Groups of keys: keystoneauth reports no error, but no log-in succeeds without one key of each group."""
_OF_DOMAINS: Final = (
    ("username", "user_id", ("user_domain_id", "user_domain_name")),
    ("project_name", "project_id", ("project_domain_id", "project_domain_name")),
)
"""Names that Keystone refuses without a domain."""
_DEFAULT_DOMAIN: Final = ("default_domain_id", "default_domain_name")
_SCOPES: Final = ("project_id", "project_name", "domain_id", "domain_name", "trust_id", "system_scope")
"""Scopes: a token is for one project, domain, trust or the system; keystoneauth rejects several at the
log-in."""
_OPEN: Final = frozenset({"v3multifactor"})
"""Auth types whose keys depend on others."""


def check(config: Mapping[str, Any], *, is_environment: bool) -> None:
    """Reject an invalid credential: ConfigError names the first wrong or missing key, and what is allowed.

    Args:
        config: openstacksdk's configuration of the cloud, before it reads the credential.
        is_environment: OS_* variables describe it.
    """
    auth_type = str(config["auth_type"])
    try:
        known = known_keys(auth_type)
    except (ClientException, AttributeError, ImportError) as error:
        key, allowed = "OS_AUTH_TYPE" if is_environment else "auth_type", ", ".join(sorted(_NEEDED))
        raise ConfigError(
            f"{key}: {auth_type} is unknown, lacks its package or does not log in to Keystone's v3; allowed: "
            f"{allowed}, and whatever else keystoneauth has for it"
        ) from error
    values = {known.get(key, key): value for key, value in _keys(config["auth"])}

    named = partial(_named, is_environment=is_environment)
    for key in sorted(values.keys() - known.values()) if auth_type not in _OPEN else ():
        taken = ", ".join(sorted({*known.values()}))
        raise ConfigError(f"{named(key)}: unknown key for auth_type {auth_type}; allowed: {taken}")
    for key, value in _keys(config):  # they may stand beside `auth`
        if key in known and value and not values.get(known[key]):
            values[known[key]] = value
    for group in (*_NEEDED.get(auth_type, ()), ("auth_url",)):
        if not any(values.get(key) for key in group):
            raise ConfigError(f"{named(*group)}: missing; auth_type {auth_type} needs it")
    for name, domains in _without_domain(values, {*known.values()}):
        raise ConfigError(f"{named(*domains)}: missing; {name} is known by its domain alone")
    scopes = {key.partition("_")[0]: key for key in _SCOPES if values.get(key) and key in known}
    if len(scopes) > 1:
        first, second, *_ = scopes.values()
        raise ConfigError(f"{named(second)}: a second scope beside {named(first)}; allowed: one of them")
    if "system" in scopes and values["system_scope"] != "all":
        raise ConfigError(f"{named('system_scope')}: expected all, got {values['system_scope']!r}")


def _named(*keys: str, is_environment: bool) -> str:
    return " or ".join(f"OS_{key.upper()}" if is_environment else f"auth.{key}" for key in keys)


def _without_domain(
    values: Mapping[str, Any], known: Container[str]
) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Names without their domain, and the keys of which one is missing."""
    for name, its_id, domains in _OF_DOMAINS:
        is_meant = domains[0] in known and values.get(name) and not values.get(its_id)
        if is_meant and not any(values.get(key) for key in (*domains, *_DEFAULT_DOMAIN) if key in known):
            yield name, domains


def _keys(mapping: Mapping[Any, Any]) -> Iterable[tuple[str, Any]]:
    """Keys and values, as openstacksdk reads the keys."""
    return ((str(key).replace("-", "_"), value) for key, value in mapping.items())


def known_keys(auth_type: str) -> Mapping[str, str]:
    """The keys of an auth type, by each of their spellings. Raises ImportError if there is no such type."""
    logging.getLogger("stevedore").setLevel(logging.CRITICAL)  # it tells of each plugin that lacks a package
    loader: loading.BaseLoader[Any] = loading.get_plugin_loader(auth_type)
    kind = loader.plugin_class
    if not loader.available or not issubclass(kind, BaseIdentityPlugin) or issubclass(kind, v2.Auth):
        raise ImportError(auth_type)
    known: dict[str, str] = {}
    for option in loader.get_options():
        for name in (option.name, option.dest, *(old.name for old in option.deprecated)):
            known[name.replace("-", "_")] = option.dest.replace("-", "_")
    return known


def check_profile(entry: Mapping[str, Any], public: Mapping[str, Any], *, is_environment: bool) -> None:
    """Reject a vendor's profile that does not exist, or that openstacksdk would fetch from the Internet:
    ConfigError.

    Args:
        entry: Of the cloud, in clouds.yaml.
        public: The profiles in clouds-public.yaml.
        is_environment: OS_* variables describe it.
    """
    key = "profile" if "profile" in entry else "cloud"
    name = str(entry.get(key) or "")
    if not name or name in public:
        return
    key = f"OS_{key.upper()}" if is_environment else key
    nested = _nested(name)
    if urlsplit(nested).netloc:
        raise ConfigError(
            f"{key}: {name} is fetched from {nested}, which is not done; allowed: a profile in "
            "clouds-public.yaml beside clouds.yaml, or what it says in clouds.yaml itself"
        )
    if name not in vendors.profiles():
        brought = [one for one in vendors.profiles() if not urlsplit(_nested(one)).netloc]
        allowed = ", ".join(sorted({*public, *brought}))
        raise ConfigError(f"{key}: unknown: {name}; allowed: what clouds-public.yaml holds, or {allowed}")


def _nested(name: str) -> str:
    """The source of a profile that is not part of openstacksdk."""
    if name not in vendors.profiles():
        return name
    return str((vendors.get_profile(name) or {}).get("profile", ""))
