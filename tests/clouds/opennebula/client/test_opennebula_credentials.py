"""The entry and its files: each mistake names the key and what is allowed, and cites no secret."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stratoscope.clouds.client.files import context
from stratoscope.clouds.opennebula.client.credentials import by_environment, found
from stratoscope.clouds.opennebula.config import OpenNebulaCloud
from stratoscope.core.config import decode
from stratoscope.core.errors import ConfigError
from support.certificates import Authority
from support.replayed_oned import SESSION, credentials


def entry(folder: Path, **more: Any) -> OpenNebulaCloud:
    given = {"name": "one", "credentials_file": credentials(folder)} | more
    return decode(OpenNebulaCloud, given, "clouds[0]")


def test_the_credential_is_read_and_never_shown(tmp_path: Path) -> None:
    (one,) = found([entry(tmp_path)])
    assert one.session.reveal() == SESSION
    assert SESSION.partition(":")[2] not in repr(one)


def test_a_changed_credential_makes_another_entry(tmp_path: Path) -> None:
    before = found([entry(tmp_path)])
    given = entry(tmp_path)
    credentials(tmp_path, "oneadmin:another")
    assert found([given]) != before


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no credential in it"),
        (b"oneadmin", "no credential in it"),
        (b":secret", "no credential in it"),
        (b"oneadmin:", "no credential in it"),
        (b"oneadmin:sec\nret", "no credential in it"),
        (b"oneadmin:\xff\xfe", "no text in UTF-8"),
    ],
)
def test_a_file_without_a_credential_is_named_and_not_cited(tmp_path: Path, content: bytes, why: str) -> None:
    one = entry(tmp_path)
    file = Path(one.credentials_file)
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        found([one])
    where = f"clouds: one/opennebula: credentials_file: {file}"
    assert str(caught.value) == f"{where}: {why}; allowed: one line, `user:password`"


def test_which_of_several_entries_has_the_mistake_is_said(tmp_path: Path) -> None:
    entries = [entry(tmp_path), entry(tmp_path, name="two", endpoint="https://one", ca_file="/none.pem")]
    with pytest.raises(ConfigError, match=r"^clouds: two/opennebula: ca_file: /none.pem: No such file"):
        found(entries)


def test_a_credential_in_the_place_of_its_file_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="credentials_file: looks like the credential itself; ") as caught:
        found([entry(tmp_path, credentials_file="oneadmin:hunter2")])
    assert "hunter2" not in str(caught.value)


def test_a_mark_that_editors_of_windows_write_is_no_part_of_the_user(tmp_path: Path) -> None:
    one = entry(tmp_path)
    Path(one.credentials_file).write_bytes(b"\xef\xbb\xbf" + SESSION.encode() + b"\r\n")
    assert found([one])[0].session.reveal() == SESSION


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"credentials_file: .*/none: No such file or directory"):
        found([entry(tmp_path, credentials_file=f"{tmp_path}/none")])


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path, flags)

    one = entry(tmp_path)
    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(ConfigError, match=r"credentials_file: .*: Permission denied"):
        found([one])


def test_a_folder_is_no_credential(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"credentials_file: .*: a directory; allowed: a regular file"):
        found([entry(tmp_path, credentials_file=str(tmp_path))])


def test_an_entry_without_a_credential_says_which_key_is_missing() -> None:
    with pytest.raises(ConfigError, match="credentials_file: missing"):
        found([OpenNebulaCloud("one")])


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        ("one.example.org", "endpoint: expected the URL"),
        ("ftp://one.example.org/RPC2", "endpoint: expected the URL"),
        ("http://", "endpoint: expected the URL"),
        ("http://one:0/RPC2", "endpoint: expected the URL"),
        ("http://one:x/RPC2", "endpoint: expected the URL"),
        ("http://one/RPC2?a=b", "endpoint: expected the URL"),
        ("http://user:secret@one/RPC2", "endpoint: a user or a password stands in it"),
    ],
)
def test_an_endpoint_that_is_none_is_refused(tmp_path: Path, endpoint: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        entry(tmp_path, endpoint=endpoint)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://one:2633", "http://one:2633/RPC2"),
        ("https://one/", "https://one/RPC2"),
        ("https://proxy/zones/one/RPC2", "https://proxy/zones/one/RPC2"),
    ],
)
def test_a_path_is_kept_and_rpc2_is_the_usual_one(endpoint: str, url: str) -> None:
    assert str(OpenNebulaCloud("one", endpoint=endpoint).url) == url


def test_tls_files_are_checked(tmp_path: Path) -> None:
    authority = Authority()
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(authority.certificate)
    assert context(entry(tmp_path, endpoint="https://one", ca_file=str(ca_file))).get_ca_certs()
    ca_file.write_text("no certificate")
    with pytest.raises(ConfigError, match=rf"ca_file: {ca_file}: "):
        found([entry(tmp_path, endpoint="https://one", ca_file=str(ca_file))])
    with pytest.raises(ConfigError, match="cert_file: missing"):
        found([entry(tmp_path, endpoint="https://one", key_file=str(ca_file))])
    with pytest.raises(ConfigError, match=rf"cert_file: {ca_file}"):
        found([entry(tmp_path, endpoint="https://one", cert_file=str(ca_file))])


def test_the_environment_names_a_zone_as_for_opennebulas_own_tools(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ONE_XMLRPC", raising=False)
    assert by_environment() is None
    monkeypatch.setenv("ONE_XMLRPC", "http://one:2633/RPC2")
    monkeypatch.setenv("ONE_AUTH", credentials(tmp_path))
    one = by_environment()
    assert one is not None
    assert msgspec.structs.asdict(found([one])[0])["endpoint"] == "http://one:2633/RPC2"
    monkeypatch.setenv("ONE_AUTH", f"{tmp_path}/none")
    with pytest.raises(ConfigError, match=rf"^ONE_AUTH: {tmp_path}/none: No such file .*~/.one/one_auth$"):
        by_environment()
    monkeypatch.setenv("ONE_AUTH", credentials(tmp_path))
    monkeypatch.setenv("ONE_XMLRPC", "http://user:secret@one")
    with pytest.raises(ConfigError, match="ONE_XMLRPC: a user or a password stands in it") as caught:
        by_environment()
    assert "secret" not in str(caught.value)
