"""What clouds.yaml says of a credential, looked at before it is used: keys that are wrong or missing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from keystoneauth1 import loading
from keystoneauth1.exceptions import ClientException
from openstack.config import vendors

from stratoscope.core.errors import ConfigError

_USER: Final = ("username", "user_id")
_NEEDED: Final[Mapping[str, Sequence[tuple[str, ...]]]] = {
    "password": (_USER, ("password",)),
    "v3password": (_USER, ("password",)),
    "v2password": (_USER, ("password",)),
    "token": (("token",),),
    "v3token": (("token",),),
    "v3totp": (_USER, ("passcode",)),
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
"""What keystoneauth takes without a word, though no log-in succeeds without one key of each group."""
_OPEN: Final = frozenset({"v3multifactor"})
"""Ways to log in whose keys depend on others."""
_SECRETS: Final = ("password", "username", "token", "application_credential_secret")
"""What YAML may take for true or false: `yes`, `no`, `on`. openstacksdk makes texts of numbers."""


def check(config: Mapping[str, Any], *, is_environment: bool) -> None:
    """Refuse a credential that cannot be one.

    Args:
        config: What openstacksdk makes of the cloud's entry before it looks at the credential.
        is_environment: It was described by variables.

    Raises:
        ConfigError: It names the first key that is wrong or missing, and what is allowed.
    """
    auth_type = str(config.get("auth_type") or "none")
    try:
        known = _known(auth_type)
    except (ClientException, AttributeError, ImportError):
        return  # openstacksdk says what is wrong with it
    said = {known.get(key, key): value for key, value in _keys(config["auth"])}

    def named(*keys: str) -> str:
        return " or ".join(f"OS_{key.upper()}" if is_environment else f"auth.{key}" for key in keys)

    for key in sorted(said.keys() - known.values()) if auth_type not in _OPEN else ():
        allowed = ", ".join(sorted({*known.values()}))
        raise ConfigError(f"{named(key)}: unknown key for auth_type {auth_type}; allowed: {allowed}")
    for key, value in _keys(config):  # they may stand beside `auth`
        if key in known and value and not said.get(known[key]):
            said[known[key]] = value
    for key in _SECRETS:
        if isinstance(said.get(key), bool):
            raise ConfigError(f"{named(key)}: expected a text, got a boolean; quotes make it a text")
    for group in _NEEDED.get(auth_type, ()):
        if not any(said.get(key) for key in group):
            raise ConfigError(f"{named(*group)}: missing; auth_type {auth_type} needs it")


def _keys(mapping: Mapping[Any, Any]) -> Iterable[tuple[str, Any]]:
    """Keys and values, as openstacksdk reads the keys."""
    return ((str(key).replace("-", "_"), value) for key, value in mapping.items())


def _known(auth_type: str) -> Mapping[str, str]:
    """The keys that a way to log in takes, by each of their spellings."""
    known: dict[str, str] = {}
    for option in loading.get_plugin_loader(auth_type).get_options():
        for name in (option.name, option.dest, *(old.name for old in option.deprecated)):
            known[name.replace("-", "_")] = option.dest.replace("-", "_")
    return known


def check_profile(entry: Mapping[str, Any], public: Iterable[str]) -> None:
    """Refuse a vendor's profile that openstacksdk would fetch from the Internet while it reads clouds.yaml.

    Args:
        entry: Of the cloud, in clouds.yaml.
        public: Names of the profiles in clouds-public.yaml.

    Raises:
        ConfigError: It names the key and where the profile would come from.
    """
    key = "profile" if "profile" in entry else "cloud"
    name = str(entry.get(key) or "")
    if name in public:
        return
    nested = (vendors.get_profile(name) or {}).get("profile", "") if name in vendors.profiles() else name
    if urlsplit(str(nested)).netloc:
        raise ConfigError(
            f"{key}: {name} is fetched from {nested}, which is not done; allowed: a profile in "
            "clouds-public.yaml beside clouds.yaml, or what it says in clouds.yaml itself"
        )
