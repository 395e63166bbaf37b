"""The section `downtime:`."""

from pathlib import Path
from typing import Any

import pytest

from stratoscope.core.config import shown
from stratoscope.core.errors import ConfigError
from stratoscope.downtime.settings import parse

OPENSTACK = {"name": "uni", "kind": "openstack", "os_cloud": "admin", "clouds_file": "clouds.yaml"}
FEED = {"name": "ops", "sha256": "a" * 64}
YAML = """
clouds:
  admin:
    region_name: one
    auth: {auth_url: "http://127.0.0.1:5000/v3", username: a, password: s3cr3t, project_name: a,
           user_domain_name: Default, project_domain_name: Default}
"""


@pytest.fixture(autouse=True)
def _folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clouds.yaml").write_text(YAML)


def test_without_a_section_there_is_a_file_and_nothing_else(tmp_path: Path) -> None:
    settings = parse({}, {})
    assert settings.address(tmp_path).shown == f"{tmp_path}/downtimes.db"
    assert (settings.alertmanagers, settings.imports, settings.clouds) == ((), (), [])


def test_a_section_with_everything() -> None:
    Path("password").write_text("s3cr3t\n")
    own = {
        "database": "postgresql://user@db/downtimes", "database_password_file": "password",
        "labels": ["team"], "alertmanagers": [{"name": "a", "urls": ["http://127.0.0.1:9093"]}],
        "imports": [
            {"name": "egi", "kind": "gocdb", "url": "https://goc.example/?method=get_downtime",
             "mapping": [{"labels": {"team": "a"}}]},
        ],
        "url": "https://ops.example.org/downtime/", "feeds": [FEED | {"labels": {"team": "a"}}],
        "hosts_off": {"clouds": ["uni"], "cap": "7d"}, "access": {"roles": {"editor": ["alice"]}},
    }  # fmt: skip
    settings = parse({"clouds": [OPENSTACK], "downtime": own}, {})
    assert settings.address(Path()).shown == "postgresql://user@db/downtimes"
    assert [one.name for one in settings.clouds] == ["uni"]
    assert [one.name for one in settings.alertmanagers] == ["a"]
    assert [one.source for one in settings.imports] == ["gocdb:egi"]
    assert [(one.name, one.labels) for one in settings.own.feeds] == [("ops", {"team": "a"})]
    assert "a" * 64 not in shown(settings.own)


@pytest.mark.parametrize(
    ("own", "error"),
    [
        ({"databse": ""}, "downtime.databse: unknown key; allowed: "),
        ({"feeds": [FEED]}, "downtime.url: missing; allowed: where people reach this exporter, since"),
        ({"feeds": [{"name": "ops"}]}, "downtime.feeds[0].sha256: missing"),
        ({"feeds": [FEED | {"sha256": "t0ken"}]}, "downtime.feeds[0].sha256: no SHA-256; allowed: 64"),
        ({"feeds": [FEED | {"name": ""}]}, "downtime.feeds[0].name: '' is no name; allowed: printable"),
        ({"feeds": [FEED | {"roles": []}]}, "downtime.feeds[0].roles: unknown key; allowed: name,"),
        ({"feeds": [FEED | {"labels": {"hots": "n1"}}]}, "downtime.feeds[0].labels.hots: unknown label;"),
        ({"feeds": [FEED, FEED | {"sha256": "b" * 64}]}, "downtime.feeds: the name ops stands twice;"),
        ({"feeds": [FEED, FEED | {"name": "b"}]}, "downtime.feeds: two with the same sha256;"),
        ({"url": "ops.example.org"}, "downtime.url: no address; allowed: such as https://ops.example.org/"),
        ({"url": "http://[::1"}, "downtime.url: no address; allowed: "),
        ({"database": "mysql://a/b"}, "downtime.database mysql://a/b: is no URL of a database in"),
        ({"database_password_file": "p"}, "downtime.database_password_file: allowed: together with database"),
        ({"database": "postgresql://a/b", "database_password_file": "p"}, "downtime.database_password_file"),
        ({"labels": ["a", "a-b"]}, "downtime.labels[1]: 'a-b' is no name of a label; allowed: letters"),
        ({"alertmanagers": [{"name": "a"}]}, "downtime.alertmanagers[0].urls: missing"),
        ({"imports": [{"name": "a", "kind": "b"}]}, "downtime.imports[0].kind: "),
        ({"hosts_off": {"cap": "1"}}, "downtime.hosts_off.cap: expected a duration"),
        ({"hosts_off": {"clouds": ["nui"]}}, "downtime.hosts_off.clouds[0]: no such cloud with hosts: nui;"),
        ({"hosts_off": {"clouds": ["uni", "uni"]}}, "downtime.hosts_off.clouds[1]: uni stands twice"),
        ({"collectors": {"nope": {}}}, "downtime.collectors.nope: "),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_the_key(own: dict[str, Any], error: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse({"clouds": [OPENSTACK], "downtime": own}, {})
    assert str(raised.value).startswith(error)
    assert "s3cr3t" not in str(raised.value)


def test_a_wrong_database_is_told_of_sqlite() -> None:
    with pytest.raises(ConfigError, match=r"; without the key: SQLite in the folder of --storage\.path$"):
        parse({"downtime": {"database": "sqlite:///downtimes.db"}}, {})


@pytest.mark.parametrize(
    ("clouds", "why"),
    [
        ([], "`clouds:` has no entry"),
        ([{"name": "uni", "kind": "libvirt", "uri": "qemu:///system"}], "no entry of `clouds:` has services"),
    ],
)
def test_without_a_cloud_with_hosts_none_can_be_named(clouds: list[dict[str, str]], why: str) -> None:
    with pytest.raises(ConfigError, match=f"no such cloud with hosts: uni; allowed: none, since {why}"):
        parse({"clouds": clouds, "downtime": {"hosts_off": {"clouds": ["uni"]}}}, {})
