"""Certificates for tests of TLS, made anew each time: an authority, and what it vouches for."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_HOUR = dt.timedelta(hours=1)
LOOPBACK: Sequence[x509.GeneralName] = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
)


_VOUCHES = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """Vouches for certificates; `name` stands in its own and, as issuer, in theirs.

    Its certificate has the key usage, and each the key identifiers, that Python 3.13 insists on.
    """

    def __init__(self, name: str = "authority") -> None:
        self._name, self._key = _named(name), _key()
        basic = x509.BasicConstraints(ca=True, path_length=None)
        builder = _builder(self._name, self._name, self._key, self._key)
        builder = builder.add_extension(basic, critical=True).add_extension(_VOUCHES, critical=True)
        self.certificate = _pem(builder.sign(self._key, hashes.SHA256()))
        self.key = _key_pem(self._key)

    def issue(
        self, name: str, names: Sequence[x509.GeneralName] = LOOPBACK, *, until: dt.datetime | None = None
    ) -> tuple[bytes, bytes]:
        """A certificate with these subject alternative names, and its key, in PEM."""
        key = _key()
        builder = _builder(_named(name), self._name, key, self._key, until)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return _pem(builder.sign(self._key, hashes.SHA256())), _key_pem(key)


def write(folder: Path, authority: Authority, *, server: str = "server") -> None:
    """Put ca.crt, ca.key, server.crt and server.key into a folder."""
    certificate, key = authority.issue(server)
    for name, pem in {
        "ca.crt": authority.certificate,
        "ca.key": authority.key,
        "server.crt": certificate,
        "server.key": key,
    }.items():
        (folder / name).write_bytes(pem)


def trusting(folder: Path, pair: tuple[bytes, bytes] | None = None) -> ssl.SSLContext:
    """A client that trusts the authority and shows a certificate, if it has one."""
    context = ssl.create_default_context(cafile=folder / "ca.crt")
    if pair:
        for name, pem in zip(("client.crt", "client.key"), pair, strict=True):
            (folder / name).write_bytes(pem)
        context.load_cert_chain(folder / "client.crt", folder / "client.key")
    return context


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    until: dt.datetime | None = None,
) -> x509.CertificateBuilder:
    """A certificate for one key, to be signed by another."""
    now = dt.datetime.now(dt.UTC)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    issuers = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, until or now) - _HOUR)
        .not_valid_after(until or now + _HOUR)
        .add_extension(own, critical=False)
        .add_extension(issuers, critical=False)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
