"""TLS and proxies for log-ins and requests to services, as `requests` chooses them."""

import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import requests.utils
from openstack.config.cloud_region import CloudRegion

from stratoscope.clouds.client.proxies import Proxy, checked
from stratoscope.core.errors import ConfigError
from stratoscope.core.files import read

_LARGEST: Final = 16 << 20
_HASHED: Final = re.compile(r"[0-9a-f]{8}\.\d+")
_KEYS: Final = ("cacert", "cert", "key")


def files(region: CloudRegion) -> Mapping[str, Path]:
    """The files named in a cloud's entry in clouds.yaml, by key."""
    paths = {key: region.config.get(key) for key in _KEYS}
    return {key: placed(str(path)) for key, path in paths.items() if path}


def placed(path: str) -> Path:
    """A path with `~` expanded, as openstacksdk does it: an unknown user stays as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib's raises


def context(region: CloudRegion) -> ssl.SSLContext:
    """The SSL context: trusted CAs and client certificate. Raises ConfigError for an invalid file.

    Without `cacert` the CAs are those of REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, else the bundle of `requests`.
    """
    paths = files(region)
    for key, path in paths.items():
        _check(key, path)
    if "key" in paths and "cert" not in paths:
        raise ConfigError("cert: missing; the certificate of which `key` is the key")
    verify, cert = region.get_requests_verify_args()
    certificate, key_file = (cert, None) if isinstance(cert, str) else cert or (None, None)
    try:
        context = _trusting(verify)
        if certificate:
            context.load_cert_chain(certificate, key_file, password="")  # without: it would ask the terminal
    except OSError as error:  # ssl.SSLError is one
        named = ", ".join(f"{key}: {path}" for key, path in paths.items()) or _of_environment()
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        why = "not in PEM" if reason in (None, "", "PEM lib") else reason
        raise ConfigError(f"{named}: {why}") from error
    return context


def proxy(url: str) -> Proxy | None:
    """The proxy for a URL from the environment, as `requests` chooses it; None without one. Raises
    CollectError if it is no HTTP proxy.
    """
    return checked(requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)))


def _check(key: str, path: Path) -> None:
    try:
        if key == "cacert" and os.path.isdir(path):  # noqa: PTH112 - pathlib's raises
            is_empty = not any(map(_HASHED.fullmatch, os.listdir(path)))  # noqa: PTH208 - names are enough
        else:
            is_empty = not read(path, key, largest=_LARGEST)
    except OSError as error:
        raise ConfigError(f"{key}: {path}: {error.strerror}") from error
    if is_empty:
        raise ConfigError(f"{key}: {path}: no certificate in it; a folder needs `openssl rehash`")


def _of_environment() -> str:
    """The variable that names the CA bundle; "" for none."""
    return next((name for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(name)), "")


def _trusting(verify: bool | str | None) -> ssl.SSLContext:
    if not verify:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context
    if not isinstance(verify, str):
        verify = os.environ.get(_of_environment()) or requests.utils.DEFAULT_CA_BUNDLE_PATH
    if Path(verify).is_dir():
        return ssl.create_default_context(capath=verify)
    return ssl.create_default_context(cafile=verify)
