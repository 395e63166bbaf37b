"""The entry of `clouds:`, and what clouds.yaml says of it; nothing here asks a cloud."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from stratoscope.clouds.openstack.client import clouds_yaml, tls
from stratoscope.clouds.openstack.config import Found, OpenStackCloud
from stratoscope.clouds.registry import entries
from stratoscope.core.config import shown
from stratoscope.core.errors import ConfigError
from support import certificates

SECRET = "s3cr3t-word"  # noqa: S105
AUTH: Mapping[str, Any] = {
    "auth_url": "http://keystone.invalid:5000/v3",
    "username": "admin",
    "password": SECRET,
    "project_name": "admin",
    "user_domain_name": "Default",
    "project_domain_name": "Default",
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither this machine's variables nor its files."""
    for name in list(os.environ):
        if name.startswith("OS_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("openstack.config.loader.CONFIG_FILES", [str(tmp_path / "searched" / "clouds.yaml")])
    monkeypatch.setattr("openstack.config.loader.SECURE_FILES", [])


def _file(folder: Path, clouds: Mapping[str, Any], name: str = "clouds.yaml") -> str:
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump({"clouds": clouds}), encoding="utf-8")
    return str(file)


def _decoded(**more: Any) -> OpenStackCloud:
    (cloud,) = entries(
        {"clouds": [{"name": "uni", "kind": "openstack", **more}]}, "openstack", OpenStackCloud
    )
    return cloud


def _found(folder: Path, entry: Mapping[str, Any] = {}, **more: Any) -> Found:
    """What is found of a clouds.yaml with one cloud `a`, whose entry has this beside its credential."""
    file = _file(folder, {"a": {"auth": AUTH, **entry}})
    return clouds_yaml.found(_decoded(clouds_file=file, **more))


def _refused(config: OpenStackCloud) -> str:
    with pytest.raises(ConfigError) as caught:
        clouds_yaml.found(config)
    assert SECRET not in str(caught.value)
    assert str(caught.value).startswith("clouds: uni/openstack: ")
    return str(caught.value).removeprefix("clouds: uni/openstack: ")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"os_clout": "a"},
            "clouds[0].os_clout: unknown key; allowed: name, kind, os_cloud, clouds_file, region",
        ),
        ({"interface": "private"}, "clouds[0].interface: unknown: private; allowed: public, internal, admin"),
        ({"budget": {"concurrency": 0}}, "clouds[0].budget.concurrency: expected a whole number >= 1"),
        ({"budget": {"requests_per_second": 0}}, "clouds[0].budget.requests_per_second: expected a number"),
        ({"budget": {"timeout": "0s"}}, "clouds[0].budget.timeout: expected a duration above zero"),
        ({"budget": {"requests": 5}}, "clouds[0].budget.requests: unknown key; allowed: concurrency, "),
        ({"found_in": "x"}, "clouds[0].found_in: unknown key"),
    ],
)
def test_a_wrong_key_or_value_is_named(more: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _decoded(**more)
    assert str(caught.value).startswith(message)


def test_defaults_of_the_budget() -> None:
    budget = _decoded().budget
    assert (budget.concurrency, budget.requests_per_second) == (8, 20)
    assert (budget.requests_per_refresh, budget.timeout) == (500, 30)


def test_an_unknown_cloud_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    file = _file(tmp_path, {"b": {"auth": AUTH}, "a": {"auth": AUTH}})
    assert _refused(_decoded(clouds_file=file, os_cloud="c")) == "os_cloud: unknown: c; allowed: a, b"
    assert _refused(_decoded(clouds_file=file)) == (
        f"os_cloud: missing; it names a cloud in {file}; allowed: a, b"
    )


def test_the_only_cloud_needs_no_name(tmp_path: Path) -> None:
    assert _found(tmp_path).found_in == str(tmp_path / "clouds.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("clouds: {a: {auth: [}", ":1:21: while parsing a flow node: expected the node content, but found"),
        (f"clouds:\n  a: {{password: {SECRET}\n  b", ":3:4: while parsing a flow mapping"),
        ("\x00", ":1: the character U+0000 is not allowed"),
        ("- a", ": expected a mapping, got a list"),
        ("clouds: []", ": clouds: expected a mapping, got a list"),
        ("clouds: {a: x}", ": clouds.a: expected a mapping, got a text"),
        ("clouds: {a: {}}\ncache: 3", ": clouds.a: auth.username or auth.user_id: missing"),
        ("clouds: {a: {auth: null}}", ": clouds.a.auth: expected a mapping, got nothing"),
        ("clouds: {}", ": clouds: missing or empty; allowed: clouds by name"),
        ("other: {}", ": clouds: missing or empty; allowed: clouds by name"),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_words(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text(content, encoding="utf-8")
    assert _refused(_decoded(clouds_file=str(file))).startswith(f"{file}{message}")


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_bytes(b"\xff\xfe")
    assert _refused(_decoded(clouds_file=str(file))) == f"{file}:1: not UTF-8"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    assert _refused(_decoded(clouds_file=str(file))) == f"clouds_file: {file}: No such file or directory"


def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.yaml"
    os.mkfifo(fifo)
    assert _refused(_decoded(clouds_file=str(fifo))) == (
        f"clouds_file: {fifo}: a FIFO; allowed: a regular file"
    )


def test_a_text_that_no_request_can_hold_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text('clouds: {uni: {auth: {password: "hunter2\\ud800"}}}')
    assert _refused(_decoded(clouds_file=str(file))) == (
        f"{file}:1:33: a NUL or half a surrogate pair; allowed: characters that UTF-8 can hold"
    )


def test_json_that_is_nested_too_deep_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "clouds.json"
    for levels in (400, 100_000):
        file.write_text('{"clouds": {"a": {"auth": {"password": ' + "[" * levels + "]" * levels + "}}}}")
        assert _refused(_decoded(clouds_file=str(file))).startswith(("clouds.yaml: ", f"{file}: "))


def test_without_file_and_variables_that_is_said() -> None:
    assert _refused(_decoded()) == "os_cloud: missing; it names a cloud, and no clouds.yaml was found"
    assert _refused(_decoded(os_cloud="a")) == "os_cloud: unknown: a: no cloud, and no clouds.yaml was found"


def test_files_are_searched_for_and_variables_point_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = _file(tmp_path / "searched", {"a": {"auth": AUTH}})
    assert clouds_yaml.found(_decoded(os_cloud="a")).found_in == searched
    given = _file(tmp_path, {"a": {"auth": AUTH}, "b": {"auth": AUTH}}, "other.yaml")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", given)
    assert clouds_yaml.found(_decoded(os_cloud="b")).found_in == given
    monkeypatch.setenv("OS_CLOUD", "b")
    assert clouds_yaml.found(_decoded()).found_in == given


def test_cloud_that_a_variable_names_is_refused_with_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_CLOUD", "c")
    for config in (_decoded(), _decoded(os_cloud="c")):
        assert _refused(config) == "os_cloud (OS_CLOUD): unknown: c: no cloud, and no clouds.yaml was found"
    given = _file(tmp_path, {"a": {"auth": AUTH}})
    assert _refused(_decoded(clouds_file=given, os_cloud="c")) == "os_cloud: unknown: c; allowed: a"
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", given)
    assert _refused(_decoded()) == "os_cloud (OS_CLOUD): unknown: c; allowed: a"


def test_a_file_that_is_given_wins_over_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", _file(tmp_path, {"b": {"auth": AUTH}}, "other.yaml"))
    monkeypatch.setenv("OS_CLOUD", "b")
    assert _found(tmp_path).found_in == str(tmp_path / "clouds.yaml")


def test_variables_alone_describe_a_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _file(tmp_path / "searched", {"a": {"auth": AUTH}})
    for key, value in AUTH.items():
        monkeypatch.setenv(f"OS_{key.upper()}", value)
    found = clouds_yaml.found(_decoded())
    assert found.found_in == ""
    assert clouds_yaml.region(found).get_auth_args()["username"] == "admin"


def test_secrets_may_stand_beside_the_file(tmp_path: Path) -> None:
    without = {key: value for key, value in AUTH.items() if key != "password"}
    file = _file(tmp_path, {"a": {"auth": without}})
    _file(tmp_path, {"a": {"auth": {"password": "another"}}}, "secure.yaml")
    before = clouds_yaml.found(_decoded(clouds_file=file))
    _file(tmp_path, {"a": {"auth": {"password": SECRET}}}, "secure.yaml")
    after = clouds_yaml.found(_decoded(clouds_file=file))
    assert clouds_yaml.region(after).get_auth_args()["password"] == SECRET
    assert before != after


def test_nothing_secret_is_shown(tmp_path: Path) -> None:
    found = _found(tmp_path)
    page = shown(found)
    assert [line.partition(":")[0] for line in page.splitlines() if line[0] != " "] == [
        *("name", "kind", "os_cloud", "clouds_file", "region", "interface", "budget", "events")
    ], "what was derived is no key"
    for text in (page, repr(found), str(found)):
        assert SECRET not in text
        assert found.content.reveal() not in text


def test_it_is_equal_until_something_of_the_cloud_changes(tmp_path: Path) -> None:
    first = _found(tmp_path)
    assert _found(tmp_path) == first
    assert _found(tmp_path, {"region_name": "one"}) != first
    assert _found(tmp_path, {"auth": {**AUTH, "password": "new"}}) != first
    assert _found(tmp_path) == first


def test_it_differs_when_a_certificate_was_renewed(tmp_path: Path) -> None:
    certificates.write(tmp_path, certificates.Authority())
    entry = {"cacert": str(tmp_path / "ca.crt")}
    first = _found(tmp_path, entry)
    assert _found(tmp_path, entry) == first
    certificates.write(tmp_path, certificates.Authority())
    assert _found(tmp_path, entry) != first


@pytest.mark.parametrize(
    "entry", [{"regions": ["two", "one"]}, {"regions": [{"name": "one"}, {"name": "two", "values": {}}]}]
)
def test_several_regions_must_be_told_apart(tmp_path: Path, entry: Mapping[str, Any]) -> None:
    file = _file(tmp_path, {"a": {"auth": AUTH, **entry}})
    assert _refused(_decoded(clouds_file=file)) == "region: missing; the cloud a has several: one, two"
    assert _refused(_decoded(clouds_file=file, region="x")) == "region: unknown: x; allowed: one, two"
    found = clouds_yaml.found(_decoded(clouds_file=file, region="two"))
    assert clouds_yaml.region(found).get_region_name() == "two"


def test_a_region_that_no_file_lists_is_left_to_the_catalogue(tmp_path: Path) -> None:
    assert clouds_yaml.region(_found(tmp_path, region="somewhere")).get_region_name() == "somewhere"


def test_interface_and_time_out_win_over_clouds_yaml(tmp_path: Path) -> None:
    entry = {"interface": "internal", "api_timeout": 7}
    assert clouds_yaml.region(_found(tmp_path, entry)).get_interface("compute") == "internal"
    region = clouds_yaml.region(_found(tmp_path, entry, interface="admin", budget={"timeout": "5s"}))
    assert region.get_interface("compute") == "admin"
    assert region.get_session().timeout == 5


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"auth_type": "nonsense"}, "auth_type: nonsense is unknown, lacks its package or does not log in"),
        ({"auth": {}}, "clouds.a: auth.username or auth.user_id: missing; auth_type password needs it"),
        (
            {"auth": {key: value for key, value in AUTH.items() if key != "auth_url"}},
            "clouds.a: auth.auth_url: missing",
        ),
        (
            {"auth_type": "none", "auth": {"endpoint": "http://x"}},
            "auth_type: none is unknown, lacks its package or does not log in to Keystone's v3; allowed",
        ),
        ({"cacert": "/nowhere/ca.crt"}, "cacert: /nowhere/ca.crt: No such file or directory"),
        ({"cert": "/nowhere/c.crt", "key": "/nowhere/c.key"}, "cert: /nowhere/c.crt: No such file"),
        ({"cacert": __file__}, f"cacert: {__file__}: "),
        ({"cert": __file__, "key": __file__}, f"cert: {__file__}, key: {__file__}: "),
        ({"regions": [{"values": {}}]}, "clouds.a.regions[0].name: missing"),
    ],
)
def test_what_cannot_be_used_is_refused_at_the_start(
    tmp_path: Path, entry: Mapping[str, Any], message: str
) -> None:
    file = _file(tmp_path, {"a": {"auth": AUTH, **entry}})
    assert message in _refused(_decoded(clouds_file=file))


def test_openstacksdk_s_warnings_about_the_file_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificates.write(tmp_path, certificates.Authority())
    _found(tmp_path, {"verify": False, "cacert": str(tmp_path / "ca.crt")})
    assert "The host SSL cert will not be verified" in caplog.text


def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    certificates.write(tmp_path, certificates.Authority())
    entry = {"cert": str(tmp_path / "server.crt"), "key": str(tmp_path / "server.key")}
    assert tls.context(clouds_yaml.region(_found(tmp_path, entry))).check_hostname


def test_the_bundle_of_the_environment_is_trusted_as_the_log_in_trusts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates.write(tmp_path, certificates.Authority("own"))
    region = clouds_yaml.region(_found(tmp_path))
    assert len(tls.context(region).get_ca_certs()) > 10
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.crt"))
    (trusted,) = tls.context(region).get_ca_certs()
    assert "own" in str(trusted["subject"])
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    assert tls.context(region).get_ca_certs() == []  # a folder is read when it is needed


@pytest.mark.parametrize("key", ["cacert", "cert", "key"])
def test_a_fifo_in_place_of_a_certificate_is_refused_and_not_waited_for(key: str, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(ConfigError) as caught:
        _found(tmp_path, {key: str(fifo)})
    assert f"{key}: {fifo}: a FIFO; allowed: a regular file" in str(caught.value)
