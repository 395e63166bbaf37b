"""The section `downtime:`."""

from pathlib import Path
from typing import Any

import pytest

from stratoscope.core.errors import ConfigError
from stratoscope.downtime.settings import parse

OPENSTACK = {"name": "uni", "kind": "openstack", "os_cloud": "admin", "clouds_file": "clouds.yaml"}
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
        "hosts_off": {"clouds": ["uni"], "cap": "7d"}, "access": {"roles": {"editor": ["alice"]}},
    }  # fmt: skip
    settings = parse({"clouds": [OPENSTACK], "downtime": own}, {})
    assert settings.address(Path()).shown == "postgresql://user@db/downtimes"
    assert [one.name for one in settings.clouds] == ["uni"]
    assert [one.name for one in settings.alertmanagers] == ["a"]
    assert [one.source for one in settings.imports] == ["gocdb:egi"]


@pytest.mark.parametrize(
    ("own", "error"),
    [
        ({"databse": ""}, "downtime.databse: unknown key; allowed: "),
        ({"database": "mysql://a/b"}, "downtime.database mysql://a/b: is no URL of a database in"),
        ({"database_password_file": "p"}, "downtime.database_password_file: allowed: together with database"),
        ({"database": "postgresql://a/b", "database_password_file": "p"}, "downtime.database_password_file"),
        ({"labels": ["a-b"]}, "downtime.labels[0]: "),
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
