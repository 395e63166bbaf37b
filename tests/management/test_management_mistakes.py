"""Mistakes in clouds.yaml, in the files beside it and in OS_* variables: one line names file and key.

The tables stand in tests/fixtures/clouds_yaml: what is wrong, and below it the line; `FILE` there is the
clouds.yaml, `FOLDER` its folder, `...` at the end anything.
"""

import os
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from stratoscope.clouds.openstack.client import clouds_yaml, schema
from stratoscope.clouds.openstack.config import OpenStackCloud
from stratoscope.core import app
from stratoscope.core.app import settings_of
from stratoscope.core.errors import ConfigError
from stratoscope.core.flags import Flags
from stratoscope.management import PROGRAM
from stratoscope.management.exporter import EXPORTER
from support import configs, logs

SECRET = "s3cr3t-word"  # noqa: S105 - of no account: no message may cite it
AUTH: Final[Mapping[str, str]] = {
    "auth_url": "'http://keystone.invalid:5000/v3'",
    "username": "admin",
    "password": SECRET,
    "project_name": "admin",
    "user_domain_name": "Default",
    "project_domain_name": "Default",
}
"""As it is written in YAML."""
TABLES: Final = Path(__file__).parents[1] / "fixtures" / "clouds_yaml"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither this machine's variables nor its files."""
    for name in list(os.environ):
        if name.startswith("OS_"):
            monkeypatch.delenv(name)
    for files in ("CONFIG_FILES", "SECURE_FILES", "VENDOR_FILES"):
        # Where openstacksdk looks by itself: the tests' machine may have files there.
        monkeypatch.setattr(f"openstack.config.loader.{files}", [str(tmp_path / "searched" / "clouds.yaml")])


def _table(name: str) -> Sequence[tuple[str, str]]:
    """What is wrong, and what is said of it."""
    blocks = (TABLES / f"{name}.txt").read_text(encoding="utf-8").split("\n\n")
    pairs = [block.strip("\n").split("\n    ") for block in blocks]
    return [(wrong, said) for wrong, said in pairs]


def _document(key: str, value: str | None) -> str:
    """A clouds.yaml with one cloud, in which a key is something else, or absent."""
    auth, entry = dict(AUTH), {"region_name": "One"}
    part, key = (auth, key.removeprefix("auth.")) if key.startswith("auth.") else (entry, key)
    part.pop(key, None)
    if value is not None:
        part[key] = value
    lines = {"auth": f"{{{', '.join(f'{name}: {one}' for name, one in auth.items())}}}", **entry}
    return "clouds:\n  a:\n" + "".join(f"    {name}: {one}\n" for name, one in lines.items())


def _said(folder: Path, document: str, **of_cloud: Any) -> str:
    (folder / "clouds.yaml").write_text(document, encoding="utf-8")
    entry = {"name": "uni", "kind": "openstack", "clouds_file": str(folder / "clouds.yaml"), **of_cloud}
    file = folder / "stratoscope.yml"
    file.write_text(yaml.safe_dump({"clouds": [entry]}), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        settings_of(EXPORTER, Flags.parse(PROGRAM, [f"--config.file={file}"]))
    said = str(refused.value)
    assert SECRET not in said
    assert said.isprintable()
    return said.removeprefix(f"{file}: clouds: uni/openstack: ")


def _check(said: str, expected: str, folder: Path) -> None:
    expected = expected.replace("FILE", str(folder / "clouds.yaml")).replace("FOLDER", str(folder))
    start = expected.removesuffix("...")
    assert said == expected or (start != expected and said.startswith(start))


@pytest.mark.parametrize(("wrong", "expected"), _table("cloud"))
def test_a_mistake_in_a_cloud_is_named(wrong: str, expected: str, tmp_path: Path) -> None:
    key, _, value = wrong.partition(":")
    absent = key.startswith("no ")
    said = _said(
        tmp_path,
        _document(
            key.removeprefix("no "), None if absent else value.strip().replace("FOLDER", str(tmp_path))
        ),
    )
    _check(said, expected, tmp_path)


@pytest.mark.parametrize(("wrong", "expected"), _table("file"))
def test_a_file_of_another_shape_is_refused(wrong: str, expected: str, tmp_path: Path) -> None:
    document = wrong.replace("\\n", "\n").replace("\\t", "\t").replace('""', "")
    _check(_said(tmp_path, document), expected, tmp_path)


@pytest.mark.parametrize(("wrong", "expected"), _table("beside"))
def test_a_mistake_in_a_file_beside_it_names_that_file(wrong: str, expected: str, tmp_path: Path) -> None:
    name, _, content = wrong.partition(": ")
    (tmp_path / name).write_text(content, encoding="utf-8")
    _check(_said(tmp_path, _document("profile", "x")), expected, tmp_path)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            {"AUTH_URL": "keystone"},
            "OS_AUTH_URL: expected a URL such as `https://cloud.example.org:5000/v3`, got",
        ),
        ({"AUTH_URL": "http://h:99999"}, "OS_AUTH_URL: expected a URL such as "),
        ({"AUTH_URL": ""}, "OS_AUTH_URL: missing; auth_type password needs it"),
        ({"INTERFACE": "intern"}, "OS_INTERFACE: unknown: intern; allowed: public, internal, admin, "),
        ({"COMPUTE_ENDPOINT_OVERRIDE": "foo"}, "OS_COMPUTE_ENDPOINT_OVERRIDE: expected a URL such as "),
        (
            {"IDENTITY_API_VERSION": "abc"},
            "OS_IDENTITY_API_VERSION: expected a version such as `3` or `2.1`, got 'abc'",
        ),
        ({"VERIFY": "nein"}, "OS_VERIFY: expected true or false, got 'nein'"),
        ({"INSECURE": "1"}, "OS_INSECURE: expected true or false, got '1'"),
        ({"CACERT": "/nowhere/ca.crt"}, "cacert: /nowhere/ca.crt: No such file or directory"),
        ({"REGION_NAME": "{x}"}, "OS_REGION_NAME: openstacksdk fills in what stands in braces; allowed: "),
        ({"AUTH_TYPE": "pasword"}, "OS_AUTH_TYPE: pasword is unknown, lacks its package or does not log in"),
        ({"USER_DOMAIN_NAME": ""}, "OS_USER_DOMAIN_ID or OS_USER_DOMAIN_NAME: missing; username is known by"),
        ({"PASSWORD": ""}, "OS_PASSWORD: missing; auth_type password needs it"),
        ({"CLIENT_CONFIG_FILE": "/nowhere/c.yaml"}, "OS_CLIENT_CONFIG_FILE: /nowhere/c.yaml: No such file"),
        ({"CLIENT_SECURE_FILE": "/nowhere/s.yaml"}, "OS_CLIENT_SECURE_FILE: /nowhere/s.yaml: No such file"),
        ({"PROFILE": "nosuch"}, "OS_PROFILE: unknown: nosuch; allowed: what clouds-public.yaml holds, or "),
    ],
)
def test_a_mistake_in_a_variable_names_the_variable(
    variables: Mapping[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in AUTH.items():
        monkeypatch.setenv(f"OS_{key.upper()}", value.strip("'"))
    for key, value in variables.items():
        monkeypatch.setenv(f"OS_{key}", value)
    with pytest.raises(ConfigError) as refused:
        clouds_yaml.found(OpenStackCloud(name="uni"))
    said = str(refused.value).removeprefix("clouds: uni/openstack: ")
    assert said.startswith(expected)
    assert SECRET not in said


@pytest.mark.parametrize(
    ("variables", "verify"),
    [
        ({"VERIFY": "False"}, False),
        ({"VERIFY": "true"}, True),
        ({"INSECURE": "True"}, False),
        ({"VERIFY": "", "INSECURE": ""}, True),
        ({"STATSD_PORT": "word"}, True),
        ({"COMPUTE_API_VERSION": "2.latest", "PROMPT": "{", "FOO": "}"}, True),
    ],
)
def test_variables_that_are_right_are_taken(
    variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, *, verify: bool
) -> None:
    password = "a{b}c{"  # noqa: S105 - braces that are not filled in
    for key, value in {**AUTH, "password": password}.items():
        monkeypatch.setenv(f"OS_{key.upper()}", value.strip("'"))
    for key, value in variables.items():
        monkeypatch.setenv(key if key == "STATSD_PORT" else f"OS_{key}", value)
    region = clouds_yaml.region(OpenStackCloud(name="uni"))
    assert region.get_requests_verify_args()[0] is verify
    assert region.get_auth_args()["password"] == password


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"interface": "privat"}, "clouds[0].interface: unknown: privat; allowed: public, internal, admin"),
        (
            {"interface": 5},
            "clouds[0].interface: expected a text, got a whole number; allowed: public, internal, admin",
        ),
        ({"os_cloud": 5}, "clouds[0].os_cloud: expected a text, got a whole number; quotes make it a text"),
        ({"os_cloud": "x"}, "clouds: uni/openstack: os_cloud: unknown: x; allowed: a"),
        ({"region": "x"}, "clouds: uni/openstack: region: unknown: x; allowed: One"),
        ({"clouds_file": "/"}, "clouds: uni/openstack: clouds_file: /: a directory; allowed: a regular file"),
        (
            {"clouds_file": "~nobody-there/c"},
            "clouds: uni/openstack: clouds_file: ~nobody-there/c: No such file or directory",
        ),
        (
            {"clouds_file": "/" + 300 * "x"},
            f"clouds: uni/openstack: clouds_file: /{300 * 'x'}: File name too long",
        ),
    ],
)
def test_a_mistake_in_the_entry_of_the_exporter_is_named(
    entry: Mapping[str, Any], expected: str, tmp_path: Path
) -> None:
    said = _said(tmp_path, _document("region_name", "One"), **entry)
    said = said.removeprefix(f"{tmp_path / 'stratoscope.yml'}: ")
    assert said == expected.removeprefix("clouds: uni/openstack: ")


OF_ANY: Final = (
    "yaml_",
    "duration_",
    "max_series_t",
    "max_series_z",
    "key_is_",
    "collectors_is_",
    "no_mapping",
)


@pytest.mark.parametrize("name", [name for name in configs.names("bad") if name.startswith(OF_ANY)])
def test_a_mistake_that_any_exporter_s_file_may_hold_is_said_alike(name: str, tmp_path: Path) -> None:
    sample = configs.sample("bad", name)
    (tmp_path / "clouds.yaml").write_text(_document("region_name", "One"), encoding="utf-8")
    clouds = f"clouds: [{{name: uni, kind: openstack, clouds_file: {tmp_path}/clouds.yaml}}]\n"
    file = tmp_path / "stratoscope.yml"
    text = sample.read_text(encoding="utf-8").replace("hypervisor", "management").replace("pools", "volumes")
    file.write_text(text + clouds if text.startswith("management:") else text, encoding="utf-8")
    expected = configs.message(name, file)
    expected = expected.replace("hypervisor.", "management.").replace("pools", "volumes")
    with pytest.raises(ConfigError) as refused:
        settings_of(EXPORTER, Flags.parse(PROGRAM, [f"--config.file={file}"]))
    start = expected.removesuffix("...")
    assert str(refused.value) == expected or (start != expected and str(refused.value).startswith(start))


def test_it_ends_with_status_2_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(tmp_path, _document("auth.auth_url", "keystone:5000"))
    file = tmp_path / "stratoscope.yml"
    with logs.as_it_was():
        assert app.main(EXPORTER, Flags.parse(PROGRAM, [f"--config.file={file}", "--config.check"])) == 2
    assert capsys.readouterr().err == f"stratoscope management: {file}: clouds: uni/openstack: {said}\n"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(
            ("auth.auth_url", url)
            for url in ("'https://[::1]:5000/v3'", "HTTP://h/v3", "'http://ü.de/{region_name}'")
        ),
        ("compute_endpoint_override", "'http://c/v2.1/%(project_id)s'"),
        ("volume_endpoint_override", "'http://c/v3/$(tenant_id)s'"),
        ("interface", "[internalURL, public]"),
        ("auth.password", "2024-01-01"),
        ("auth.password", "'a{b'"),
        ("auth.project_id", ""),
        ("auth_type", ""),
        ("identity_api_version", "3"),
        ("networks", "5"),
        ("metrics", "5"),
        ("cache", "5"),
        ("some_tool_s_own", "{a: 5}"),
    ],
)
def test_what_is_right_or_another_tool_s_is_taken(key: str, value: str, tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text(_document(key, value), encoding="utf-8")
    region = clouds_yaml.region(OpenStackCloud(name="uni", clouds_file=str(file)))
    assert region.get_auth_args()["username"] == "admin"
    if key == "auth.password":
        assert region.get_auth_args()["password"] == value.strip("'")
    assert "project_id" not in region.get_auth_args()


def test_a_broken_cloud_that_is_not_meant_costs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text(_document("region_name", "One") + "  b: {auth: {password: 5}}\n", encoding="utf-8")
    assert clouds_yaml.region(OpenStackCloud(name="uni", clouds_file=str(file), os_cloud="a"))


def test_a_searched_file_that_may_not_be_read_is_named_where_no_cloud_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    searched = tmp_path / "searched" / "clouds.yaml"
    searched.parent.mkdir()
    searched.touch()
    monkeypatch.setattr("stratoscope.core.files.os.open", refused)  # root may read any file
    with pytest.raises(ConfigError) as said:
        clouds_yaml.found(OpenStackCloud(name="uni"))
    assert f"no clouds.yaml was found ({searched}" in str(said.value)


VALUES: Final = (
    *(None, True, False, 0, -1, 5, 10**30, 1.5, float("nan"), "", "x", "no", "a b", "{", "{x}", "%(x)s"),
    *("http://h:99999", "\x1b[31m", "ü", [], [None], [1], ["a"], [["a"]], [{"name": "a"}], {}, {"a": 1}),
    *({"name": "a", "values": 5}, {1: 2}, {None: None}, {"a": {"b": [{"c": None}]}}),
)
OF_SERVICES: Final = tuple(
    f"{service}{ending}"
    for service in ("compute", "block_storage")
    for ending in ("_endpoint_override", "_interface", "_api_version", "_service_type", "_region_name")
)
ALIASES: Final = {
    "auth_token": "token",
    "tenant_id": "project_id",
    "tenant_name": "project_name",
    "region_name": "region",
    "regions": "region",
    "auth_plugin": "auth_type",
    "endpoint_type": "interface",
}
"""What openstacksdk makes of a key before it is looked at."""
OTHERS: Final = (
    "networks",
    "external_network",
    "force_ipv4",
    "api_timeout",
    "cache",
    "metrics",
    "status",
    "x",
)


def test_any_type_in_any_key_is_taken_or_named_with_its_key(tmp_path: Path) -> None:
    random_ = random.Random(8)  # noqa: S311 - the same each time
    of_auth = [f"auth.{key}" for key in (*schema._CREDENTIAL, "auth_methods")]
    keys = [*schema._KEYS, *OF_SERVICES, *OTHERS, *of_auth]
    good = yaml.safe_load(_document("region_name", "One"))["clouds"]["a"]
    file, secure = tmp_path / "clouds.yaml", tmp_path / "secure.yaml"
    pairs = random_.sample([(key, value) for key in keys for value in VALUES], 250)
    taken = 0
    for key, value in pairs:
        outer, _, inner = key.partition(".")
        entry = {outer: {inner: value}} if inner else {outer: value}
        merged = {**good, **entry, "auth": {**good["auth"], **entry["auth"]}} if inner else {**good, **entry}
        in_secure = random_.random() < 0.2
        file.write_text(yaml.safe_dump({"clouds": {"a": good if in_secure else merged}}), encoding="utf-8")
        secure.write_text(yaml.safe_dump({"clouds": {"a": entry if in_secure else {}}}), encoding="utf-8")
        try:
            clouds_yaml.region(OpenStackCloud(name="uni", clouds_file=str(file), region="One"))
            taken += 1
        except ConfigError as error:
            said = str(error)
            names = {inner or outer, ALIASES.get(inner or outer, inner or outer)}
            assert any(name in said for name in names), (key, value, said)
            assert "openstacksdk cannot" not in said, (key, value, said)
            assert SECRET not in said, (key, value)
    assert 30 < taken < 200
