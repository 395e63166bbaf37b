"""What certificates say."""

import datetime as dt
import os
from pathlib import Path

import pytest

from stratoscope.core.web.auth import Access
from stratoscope.core.web.certificates import expires, names_of
from support.certificates import Authority
from support.logs import logged
from support.services import FakeService, served

TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
SOON = dt.datetime(2031, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
LATE = dt.datetime(2051, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
PAST = dt.datetime(2021, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
NEVER = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)  # RFC 5280, 4.1.2.5: no end that is well defined
METRIC = "stratoscope_web_certificate_expires_timestamp_seconds"


@pytest.mark.parametrize("when", [SOON, LATE, PAST, NEVER], ids=["UTCTime", "Generalized", "past", "never"])
@pytest.mark.parametrize("header", ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"])
def test_end_of_a_certificate_is_read(when: dt.datetime, header: str) -> None:
    certificate, key = Authority().issue("server", until=when)
    pem = certificate.replace(b"CERTIFICATE", header.encode())
    assert expires(b"# a comment\n" + key + pem + Authority().certificate) == when.timestamp()


def access(folder: Path, until: dt.datetime) -> Access:
    certificate, key = Authority().issue("server", until=until)
    (folder / "server.crt").write_bytes(certificate)
    (folder / "server.key").write_bytes(key)
    os.utime(folder / "server.crt", (0, until.timestamp()))  # two in one tick of the clock would look alike
    (folder / "web.yml").write_text(TLS)
    return Access.open(str(folder / "web.yml"))


async def test_expired_certificate_is_logged_and_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said = "tls_server_config: the server's certificate ended on 2021-05-06 07:08 UTC"
    guarded, shown = access(tmp_path, PAST), FakeService()
    async with served(shown, guarded):
        assert guarded.warnings == [said]
        assert logged(caplog) == [said]
        assert shown.registry.get_sample_value(METRIC) == PAST.timestamp()
        access(tmp_path, SOON)
        await guarded.renewed()
        assert guarded.warnings == []
        assert shown.registry.get_sample_value(METRIC) == SOON.timestamp()
        access(tmp_path, PAST)
        await guarded.renewed()
    assert logged(caplog) == [said, said]


async def test_without_tls_there_is_no_certificate() -> None:
    shown = FakeService()
    async with served(shown):
        assert shown.registry.get_sample_value(METRIC) is None


def test_address_that_is_none_is_a_name_like_any_other() -> None:
    names = (("IP Address", "<invalid>"), ("IP Address", "2001:DB8:0:0:0:0:0:1"), ("DNS", "a"))
    assert names_of({"subjectAltName": names}) == {"<invalid>", "2001:db8::1", "a"}
