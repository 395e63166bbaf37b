"""`tls_server_config` of a web configuration file -> an ssl.SSLContext."""

import os
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from stratoscope.core import files
from stratoscope.core.config import Secret
from stratoscope.core.errors import ConfigError
from stratoscope.core.secret_files import read_secret
from stratoscope.core.web import certificates

_KEY: Final = "tls_server_config"
_CERTIFICATE_IN_PEM: Final = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----")
_KEY_IN_PEM: Final = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
_ENCRYPTED: Final = re.compile(
    rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED", re.MULTILINE
)
_Version = Literal["TLS10", "TLS11", "TLS12", "TLS13"]

# Go's names (crypto/tls, CipherSuites up to Go 1.21) -> OpenSSL's. TLS 1.3's cannot be chosen, in Go neither.
_CIPHERS: Final[Mapping[str, str]] = {
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
}
_CURVES: Final[Mapping[str, str]] = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}
_CLIENT_AUTH: Final[Mapping[str, ssl.VerifyMode]] = {
    "": ssl.CERT_NONE,
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_UNVERIFIED: Final = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")


class TlsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section as it is written; each `..._file` has precedence over the inline value."""

    cert: str | None = None
    key: Secret | None = None
    client_ca: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    client_ca_file: str | None = None
    client_auth_type: str | None = None
    client_allowed_sans: tuple[str, ...] | None = None
    min_version: _Version | None = None
    max_version: _Version | None = None
    cipher_suites: tuple[str, ...] | None = None
    prefer_server_cipher_suites: bool | None = None
    curve_preferences: tuple[str, ...] | None = None


def is_enabled(tls: TlsSettings) -> bool:
    """Whether the section turns TLS on."""
    certificates = (tls.cert, tls.key, tls.cert_file, tls.key_file)
    return any((*certificates, tls.client_ca, tls.client_ca_file, tls.client_auth_type))


def sans(tls: TlsSettings) -> frozenset[str] | None:
    """Names of which a client's certificate must have one."""
    return None if tls.client_allowed_sans is None else frozenset(tls.client_allowed_sans)


@dataclass(frozen=True, slots=True)
class ServerTls:
    """TLS of new connections.

    Attributes:
        expires: Unix time at which the server's certificate expires.
    """

    context: ssl.SSLContext
    expires: float


def guards(tls: TlsSettings, made: ssl.SSLContext) -> Mapping[str, int]:
    """The guards of the section, and how strict each is."""
    restrictions: dict[str, object] = {
        "cipher_suites": tls.cipher_suites,
        "curve_preferences": tls.curve_preferences,
        "client_ca_file": tls.client_ca_file or tls.client_ca,
        "client_allowed_sans": tls.client_allowed_sans is not None,
    }
    strict = {f"{_KEY}.{name}": 1 for name, value in restrictions.items() if value}
    return strict | {
        f"{_KEY}.client_auth_type": int(made.verify_mode),
        f"{_KEY}.min_version": int(made.minimum_version),
    }


def server_tls(tls: TlsSettings, folder: Path) -> ServerTls:
    """A server's context; paths are relative to `folder`.

    Raises:
        ConfigError: The settings contradict one another, or a certificate cannot be used.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_alpn_protocols(["http/1.1"])
    _set_versions(made, tls)
    _set_ciphers(made, tls)
    _set_curve(made, tls.curve_preferences or ())
    _set_client_auth(made, tls, folder)
    certificate = _pem(folder, tls.cert_file, tls.cert, "cert")
    key = _pem(folder, tls.key_file, tls.key.reveal() if tls.key else None, "key")
    of_certificate, of_key = _where("cert", tls.cert_file), _where("key", tls.key_file)
    _check_kinds(certificate, of_certificate, key, of_key)
    try:
        with _as_file(certificate) as certfile, _as_file(key) as keyfile:
            made.load_cert_chain(certfile, keyfile, password="")  # never ask on the terminal
    except ssl.SSLError as error:
        both = f"{of_certificate} and {of_key}"
        raise ConfigError(f"{both}: cannot be used together: {_error_text(error)}") from error
    return ServerTls(made, certificates.expires(certificate))


def _check_kinds(certificate: bytes, of_certificate: str, key: bytes, of_key: str) -> None:
    """Reject a certificate or key that is something else. Args: of_...: Where each is, for the message."""
    is_exchanged = _KEY_IN_PEM.search(certificate) and _CERTIFICATE_IN_PEM.search(key)
    hint = "; certificate and key are exchanged" if is_exchanged else ""
    if not _CERTIFICATE_IN_PEM.search(certificate):
        raise ConfigError(f"{of_certificate}: no certificate in PEM{hint}")
    if not _KEY_IN_PEM.search(key):
        raise ConfigError(f"{of_key}: no private key in PEM{hint}")
    if _ENCRYPTED.search(key):
        raise ConfigError(f"{of_key}: the private key is encrypted; allowed: one without a password")


def _set_versions(made: ssl.SSLContext, tls: TlsSettings) -> None:
    lowest, highest = tls.min_version or "TLS12", tls.max_version or "TLS13"
    if highest in ("TLS10", "TLS11"):
        raise ConfigError(f"{_KEY}.max_version: {highest} is not offered; allowed: TLS12, TLS13")
    if lowest > highest:
        raise ConfigError(f"{_KEY}.max_version: {highest} is below min_version; allowed: {lowest} or above")
    made.minimum_version = ssl.TLSVersion.TLSv1_3 if lowest == "TLS13" else ssl.TLSVersion.TLSv1_2
    made.maximum_version = ssl.TLSVersion.TLSv1_3 if highest == "TLS13" else ssl.TLSVersion.TLSv1_2


def _set_ciphers(made: ssl.SSLContext, tls: TlsSettings) -> None:
    if tls.prefer_server_cipher_suites is False:
        made.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        made.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    if not tls.cipher_suites:
        return
    for name in tls.cipher_suites:
        _known(name, _CIPHERS, f"{_KEY}.cipher_suites")
    names = [_CIPHERS[name] for name in tls.cipher_suites if _CIPHERS[name]]
    if names:
        made.set_ciphers(":".join(names))
    elif made.maximum_version is ssl.TLSVersion.TLSv1_2:
        raise ConfigError(f"{_KEY}.cipher_suites: all are TLS 1.3's, but max_version is TLS12")
    else:
        made.minimum_version = ssl.TLSVersion.TLSv1_3


def _set_curve(made: ssl.SSLContext, curves: tuple[str, ...]) -> None:
    for name in curves:
        _known(name, _CURVES, f"{_KEY}.curve_preferences")
    if len(curves) > 1:
        raise ConfigError(
            f"{_KEY}.curve_preferences: Python's ssl supports only one; allowed: one, or none for all"
        )
    if curves:
        made.set_ecdh_curve(_CURVES[curves[0]])


def _set_client_auth(made: ssl.SSLContext, tls: TlsSettings, folder: Path) -> None:
    kind = tls.client_auth_type or ""
    if kind in _UNVERIFIED:
        raise ConfigError(
            f"{_KEY}.client_auth_type: Python's ssl always verifies requested certificates; {_ALLOWED}"
        )
    if kind not in _CLIENT_AUTH:
        raise ConfigError(f"{_KEY}.client_auth_type: unknown: {kind}; {_ALLOWED}")
    if tls.client_allowed_sans is not None and _CLIENT_AUTH[kind] is not ssl.CERT_REQUIRED:
        raise ConfigError(f"{_KEY}.client_allowed_sans: needs client_auth_type RequireAndVerifyClientCert")
    made.verify_mode = _CLIENT_AUTH[kind]
    if not tls.client_ca_file and not tls.client_ca:
        made.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        return
    if made.verify_mode is ssl.CERT_NONE:
        raise ConfigError(f"{_KEY}.client_auth_type: a client CA without it has no effect; {_ALLOWED}")
    # The PEM blocks are ASCII; what stands between them is comment.
    authorities = _pem(folder, tls.client_ca_file, tls.client_ca, "client_ca").decode("ascii", "ignore")
    try:
        made.load_verify_locations(cadata=authorities)
    except (ssl.SSLError, ValueError) as error:  # ValueError: the file is empty
        where = _where("client_ca", tls.client_ca_file)
        raise ConfigError(f"{where}: no certificate in PEM: {_error_text(error)}") from error


_ALLOWED: Final = f"allowed: {', '.join(name for name in _CLIENT_AUTH if name)}"


def _known(name: str, of: Mapping[str, str], key: str) -> None:
    if name not in of:
        raise ConfigError(f"{key}: unknown: {name}; allowed: {', '.join(of)}")


def _pem(folder: Path, file: str | None, text: str | None, key: str) -> bytes:
    if file:
        read = read_secret if key == "key" else files.read
        return read(folder / file, f"{_KEY}.{key}_file")
    if not text:
        raise ConfigError(f"{_KEY}.{key}_file: missing; allowed: {key}_file or {key}")
    return text.encode()


def _where(key: str, file: str | None) -> str:
    return f"{_KEY}.{key}_file: {file}" if file else f"{_KEY}.{key}"


@contextmanager
def _as_file(pem: bytes) -> Iterator[str]:
    """The name of a file in memory: ssl reads keys only from files, and an inline key must not be written to
    a disk.
    """
    handle = os.memfd_create("pem")
    try:
        os.write(handle, pem)
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


def _error_text(error: Exception) -> str:
    return (getattr(error, "reason", "") or "unreadable").replace("_", " ").lower()
