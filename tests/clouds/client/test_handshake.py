"""Handshakes that fail for what only Python 3.13 and newer look at."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from yarl import URL

from stratoscope.clouds.client.handshake import failed, refused
from stratoscope.clouds.client.http import Http
from stratoscope.clouds.client.request import CallError
from stratoscope.clouds.openstack.client.keystone import _cause
from stratoscope.core.errors import Reason

HINT = "Python 3.13 and newer check certificates strictly"


def _old_fashioned(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """An authority as many a site made it, without key identifiers and usage, and a server of its."""
    now, key = dt.datetime.now(dt.UTC), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "old")])
    server = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = []
    for subject, extension in (
        (name, x509.BasicConstraints(ca=True, path_length=None)),
        (server, names),
    ):
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(name).public_key(key.public_key())
        )
        builder = builder.serial_number(x509.random_serial_number()).add_extension(extension, critical=False)
        builder = builder.not_valid_before(now - dt.timedelta(hours=1))
        signed = builder.not_valid_after(now + dt.timedelta(hours=1)).sign(key, hashes.SHA256())
        made.append(signed.public_bytes(serialization.Encoding.PEM))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(encoding, form, serialization.NoEncryption())
    ca, chain = folder / "old-ca.crt", folder / "old-server.pem"
    ca.write_bytes(made[0])
    chain.write_bytes(made[1] + pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain)
    return ca, context


async def test_an_old_fashioned_authority_is_named_with_what_to_do(tmp_path: Path) -> None:
    ca, serving = _old_fashioned(tmp_path)
    trusting = ssl.create_default_context(cafile=str(ca))
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python 3.13 does by itself
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=serving)
    async with server:
        url = URL(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        http = Http("uni", trusting)
        with pytest.raises(CallError) as caught:
            await http.request("GET", url, {}, None)
        await http.close()
    assert caught.value.reason is Reason.UNAVAILABLE
    said = str(caught.value)
    assert said.startswith(f"{url.origin()}: certificate verify failed: ")
    assert HINT in said
    assert "docs/management.md, Private authorities" in said


async def test_https_where_http_is_spoken_is_said_in_words() -> None:
    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        url = URL(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        http = Http("uni", ssl.create_default_context())
        with pytest.raises(CallError, match=r": it does not speak TLS \([A-Z_]+\): a wrong port, or one "):
            await http.request("GET", url, {}, None)
        await http.close()


def test_the_page_that_is_named_has_it() -> None:
    page = Path(__file__).parents[3] / "docs" / "management.md"
    assert "### Private authorities" in page.read_text(encoding="utf-8")


def _error(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] {message} (_ssl.c:1000)")
    error.verify_code, error.verify_message = code, message
    return error


@pytest.mark.parametrize(
    ("code", "message", "is_strict"),
    [
        (85, "Missing Authority Key Identifier", True),
        (86, "Missing Subject Key Identifier", True),
        (89, "Basic Constraints of CA cert not marked critical", True),
        (92, "CA cert does not include key usage extension", True),
        (10, "certificate has expired", False),
        (18, "self-signed certificate", False),
        (20, "unable to get local issuer certificate", False),
        (62, "Hostname mismatch", False),
    ],
)
def test_only_what_is_checked_strictly_gets_the_hint(code: int, message: str, *, is_strict: bool) -> None:
    error = _error(code, message)
    assert refused(error).startswith(f"certificate verify failed: {message}")
    assert (HINT in refused(error)) is is_strict
    assert _cause(OSError("wrapped", error)) == failed(error) == refused(error)
