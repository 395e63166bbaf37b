"""Credentials in clouds.yaml with a wrong key, or without one: found before any cloud is asked."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from stratoscope.clouds.openstack.client import clouds_yaml
from stratoscope.clouds.openstack.config import OpenStackCloud
from stratoscope.core.errors import ConfigError

SECRET = "s3cr3t-word"  # noqa: S105
URL = {"auth_url": "http://keystone.invalid:5000/v3"}
SCOPE = {"project_name": "admin", "user_domain_name": "Default", "project_domain_name": "Default"}
AUTH: Mapping[str, Any] = {**URL, **SCOPE, "username": "admin", "password": SECRET}
OF_AN_APPLICATION = {**URL, "application_credential_id": "1", "application_credential_secret": SECRET}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither this machine's variables nor its files, and nothing of the Internet."""
    for name in list(os.environ):
        if name.startswith("OS_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("openstack.config.loader.CONFIG_FILES", [str(tmp_path / "nowhere.yaml")])
    monkeypatch.setattr("openstack.config.loader.SECURE_FILES", [])

    def fetched(*_: object, **__: object) -> None:
        raise AssertionError("something was fetched")

    monkeypatch.setattr(requests, "get", fetched)


def _found(folder: Path, entry: Mapping[str, Any], **files: Any) -> clouds_yaml.Found:
    """What is found of this entry. Args: files: What stands beside clouds.yaml, by name."""
    for name, content in {"clouds": {"clouds": {"a": entry}}, **files}.items():
        (folder / f"{name.replace('_', '-')}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return clouds_yaml.found(OpenStackCloud(name="uni", clouds_file=str(folder / "clouds.yaml")))


def _refused(folder: Path, entry: Mapping[str, Any], **files: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        _found(folder, entry, **files)
    said = str(caught.value)
    assert SECRET not in said
    assert "\n" not in said
    return said.removeprefix(f"clouds: uni/openstack: {folder / 'clouds.yaml'}: clouds.a").lstrip(":. ")


def _without(auth: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    return {key: value for key, value in auth.items() if key not in keys}


@pytest.mark.parametrize(
    ("kind", "auth", "said"),
    [
        ("password", _without(AUTH, "password"), "auth.password: missing"),
        ("password", {**AUTH, "password": ""}, "auth.password: missing"),
        ("password", {**AUTH, "password": None}, "auth.password: missing"),
        ("v3password", _without(AUTH, "password"), "auth.password: missing"),
        ("password", _without(AUTH, "username"), "auth.username or auth.user_id: missing"),
        ("token", {**URL, **_without(SCOPE, "user_domain_name")}, "auth.token: missing"),
        ("v3totp", _without(AUTH, "password"), "auth.passcode: missing"),
        (
            "v3applicationcredential",
            {**URL, "application_credential_secret": SECRET},
            "auth.application_credential_id or auth.application_credential_name: missing",
        ),
        (
            "v3applicationcredential",
            {**URL, "application_credential_name": "a", "application_credential_secret": SECRET},
            "auth.application_credential_id or auth.username or auth.user_id: missing",
        ),
        (
            "v3applicationcredential",
            {**URL, "application_credential_id": "a"},
            "auth.application_credential_secret: missing",
        ),
        (
            "v3oidcclientcredentials",
            {**URL, "identity_provider": "i", "protocol": "p", "client_id": "c", "client_secret": SECRET},
            "auth.discovery_endpoint or auth.access_token_endpoint: missing",
        ),
    ],
)
def test_what_a_way_to_log_in_needs_is_named(
    tmp_path: Path, kind: str, auth: Mapping[str, Any], said: str
) -> None:
    assert _refused(tmp_path, {"auth": auth, "auth_type": kind}) == f"{said}; auth_type {kind} needs it"


@pytest.mark.parametrize(
    ("kind", "auth", "wrong"),
    [
        ("password", {**_without(AUTH, "username"), "user": "admin"}, "user"),
        ("password", {**AUTH, "user": "admin"}, "user"),
        ("password", {**_without(AUTH, "password"), "pass": SECRET}, "pass"),
        ("password", {**_without(AUTH, "project_name"), "project": "admin"}, "project"),
        ("password", {**_without(AUTH, "user_domain_name"), "user_domain": "Default"}, "user_domain"),
        ("password", {**_without(AUTH, "auth_url"), "url": "http://x"}, "url"),
        ("v3password", {**AUTH, "user": "admin"}, "user"),
        ("v3applicationcredential", {**OF_AN_APPLICATION, "secret": SECRET}, "secret"),
        ("password", {**AUTH, **OF_AN_APPLICATION}, "application_credential_id"),
        ("token", {**URL, "token": SECRET, "username": "a"}, "username"),
    ],
)
def test_a_key_that_nobody_reads_is_named(
    tmp_path: Path, kind: str, auth: Mapping[str, Any], wrong: str
) -> None:
    said = _refused(tmp_path, {"auth": auth, "auth_type": kind})
    assert said.startswith(f"auth.{wrong}: unknown key for auth_type {kind}; allowed: ")
    assert "auth_url" in said


def test_the_system_s_scope_is_all_of_it(tmp_path: Path) -> None:
    said = _refused(tmp_path, {"auth": {**_without(AUTH, "project_name"), "system_scope": "everything"}})
    assert said == "auth.system_scope: expected all, got 'everything'"


@pytest.mark.parametrize("key", ["password", "username"])
@pytest.mark.parametrize("value", [True, False])
def test_a_word_without_quotes_that_yaml_takes_for_a_boolean_is_named(
    tmp_path: Path, key: str, *, value: bool
) -> None:
    said = _refused(tmp_path, {"auth": {**AUTH, key: value}})
    assert said == f"auth.{key}: expected a text, got a boolean; quotes make it a text"


@pytest.mark.parametrize(
    "entry",
    [
        {"auth": AUTH},
        {"auth": _without(AUTH, "password"), "password": SECRET},
        {"auth": {**_without(AUTH, "username", "user_domain_name"), "user_id": "1"}},
        {"auth": {**_without(AUTH, "project_name"), "tenant_name": "admin"}},
        {"auth": {**_without(AUTH, "username"), "user-name": "admin"}},
        {"auth": {**_without(AUTH, "project_name"), "system_scope": "all"}},
        {"auth": {**_without(AUTH, "user_domain_name", "project_domain_name"), "domain_name": "Default"}},
        {"auth": OF_AN_APPLICATION, "auth_type": "v3applicationcredential"},
        {"auth": {**URL, "token": SECRET, "project_id": "p"}, "auth_type": "v3token"},
        {"auth": {**AUTH, "password": None}, "password": SECRET},
        {"auth": _without(AUTH, "user_domain_name", "project_domain_name"), "default_domain_id": "default"},
        {"auth": _without(AUTH, "project_name")},  # the user may have a default project
    ],
)
def test_what_may_be_right_is_taken(tmp_path: Path, entry: Mapping[str, Any]) -> None:
    assert _found(tmp_path, entry).found_in == str(tmp_path / "clouds.yaml")


def test_a_password_in_secure_yaml_is_one(tmp_path: Path) -> None:
    secure = {"clouds": {"a": {"auth": {"password": SECRET}}}}
    assert _found(tmp_path, {"auth": _without(AUTH, "password")}, secure=secure)


def test_of_the_environment_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in _without(AUTH, "password").items():
        monkeypatch.setenv(f"OS_{key.upper()}", value)
    with pytest.raises(ConfigError, match="OS_PASSWORD: missing; auth_type password needs it"):
        clouds_yaml.found(OpenStackCloud(name="uni"))


@pytest.mark.parametrize(
    ("key", "name", "source"),
    [
        ("profile", "https://evil.invalid/x", "https://evil.invalid/x"),
        ("cloud", "http://old.invalid", "http://old.invalid"),
        ("profile", "vexxhost", "https://vexxhost.com"),
        ("profile", "ovh", "https://ovhcloud.com"),
    ],
)
def test_a_profile_that_would_be_fetched_is_refused(tmp_path: Path, key: str, name: str, source: str) -> None:
    for entry in ({key: name}, {key: name, "auth": AUTH}):
        said = _refused(tmp_path, entry)
        assert said.startswith(f"{key}: {name} is fetched from {source}")
        assert "clouds-public.yaml" in said


def test_a_profile_that_openstacksdk_brings_is_read(tmp_path: Path) -> None:
    entry = {"profile": "rackspace", "auth": _without(AUTH, "auth_url"), "region_name": "DFW"}
    _found(tmp_path, entry)


@pytest.mark.parametrize("name", ["ours", "vexxhost", "https://ours.invalid"])
def test_clouds_public_yaml_beside_the_file_is_read(tmp_path: Path, name: str) -> None:
    entry = {"profile": name, "auth": _without(AUTH, "auth_url")}
    public = {"public-clouds": {name: {"auth": URL, "compute_endpoint_override": "http://c"}}}
    found = _found(tmp_path, entry, clouds_public=public)
    region = clouds_yaml.region(found)
    assert region.get_auth_args()["auth_url"] == URL["auth_url"]
    assert region.get_endpoint("compute") == "http://c"
    public["public-clouds"][name]["compute_endpoint_override"] = "http://d"
    assert _found(tmp_path, entry, clouds_public=public) != found


def test_a_file_beside_it_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    for name in ("clouds-public", "secure"):
        (tmp_path / f"{name}.yaml").write_text("a: [", encoding="utf-8")
        with pytest.raises(
            ConfigError, match=rf"clouds: uni/openstack: {tmp_path}/{name}.yaml:1:5: while parsing"
        ):
            _found(tmp_path, {"auth": AUTH})
        (tmp_path / f"{name}.yaml").unlink()
