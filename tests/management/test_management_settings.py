"""The section `management:`: every mistake is one line that names the key and what is allowed."""

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from stratoscope.clouds import registry
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.core.collector import Every, OnScrape
from stratoscope.core.config import shown
from stratoscope.core.errors import ConfigError, MissingSDKError
from stratoscope.core.part import Site
from stratoscope.management.collector import QuestionCollector
from stratoscope.management.exporter import EXPORTER
from stratoscope.management.settings import Settings, parse
from stratoscope.management.subject import Bounds
from support import configs

AUTH = {
    "auth_url": "http://127.0.0.1:5000/v3",
    "username": "admin",
    "password": "not-to-be-shown",
    "project_name": "admin",
    "user_domain_name": "Default",
    "project_domain_name": "Default",
}


@pytest.fixture(autouse=True)
def _no_cloud_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No clouds.yaml and no variable of the user's own."""
    configs.nothing_around(monkeypatch, tmp_path)


@pytest.fixture
def entry(tmp_path: Path) -> dict[str, Any]:
    """An entry of `clouds:` whose clouds.yaml knows admin and reader."""
    lines = [f"      {key}: {value}" for key, value in AUTH.items()]
    clouds = [
        f"  {name}:\n    region_name: one\n    auth:\n" + "\n".join(lines) for name in ("admin", "reader")
    ]
    file = tmp_path / "clouds.yaml"
    file.write_text("clouds:\n" + "\n".join(clouds) + "\n")
    return {"name": "uni", "kind": "openstack", "os_cloud": "admin", "clouds_file": str(file)}


def parsed(entry: dict[str, Any], management: Any = None) -> Settings:
    return parse({"clouds": [entry], "management": management or {}}, {})


def refusal(document: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as refused:
        parse(document, {})
    return str(refused.value)


def test_every_collector_can_be_switched_and_scheduled(entry: dict[str, Any]) -> None:
    schedules = {one.name: one.every for one in OpenStack.questions} | {"requests": OnScrape(5)}
    for name, default in schedules.items():
        times = {"timeout": "20s"} if isinstance(default, OnScrape) else {"interval": "2m", "timeout": "20s"}
        own = parsed(entry, {"collectors": {name: {"enabled": False, **times}}}).planner()
        assert not own.is_on(name)
        expected = (
            OnScrape(20) if isinstance(default, OnScrape) else Every(120, 20, max(default.max_age_s, 260))
        )
        assert own.schedule(name) == expected


def test_100_000_vms_fit_below_the_default_bound(entry: dict[str, Any]) -> None:
    assert parsed(entry).planner().max_series("servers") == 1_000_000


def test_what_is_shown_by_name_is_bounded_by_default_and_can_be_changed(entry: dict[str, Any]) -> None:
    assert parsed(entry).management.show == Bounds(orphans=200, migrations=200, migration_pairs=50)
    assert parsed(entry, {"show": {"orphans": 7}}).management.show == Bounds(orphans=7)


def test_a_cloud_of_the_environment_needs_no_file(
    entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", entry["clouds_file"])
    monkeypatch.setenv("OS_CLOUD", "reader")
    (cloud,) = parse({}, {}).clouds
    assert (cloud.name, cloud.os_cloud) == ("reader", "reader")


def test_an_auth_url_of_the_environment_needs_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in AUTH.items():
        monkeypatch.setenv(f"OS_{key.upper()}", value)
    (cloud,) = parse({}, {}).clouds
    assert cloud.name == "openstack"


def test_nothing_to_watch_is_said() -> None:
    assert refusal({}) == (
        "clouds: nothing to watch; allowed: a file with `clouds:`, or ONE_XMLRPC as variable, "
        "or OS_CLOUD or OS_AUTH_URL as variable"
    )


def without_sdk(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    lost = {name: ("stratoscope.no_such_sdk", registry.KINDS[name][1]) for name in names}
    monkeypatch.setattr(registry, "KINDS", {**registry.KINDS, **lost})


def test_nothing_to_watch_is_said_also_if_a_kind_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    without_sdk(monkeypatch, "opennebula")
    assert refusal({}) == (
        "clouds: nothing to watch; allowed: a file with `clouds:`, "
        "or the extra [opennebula], which is not installed, or OS_CLOUD or OS_AUTH_URL as variable"
    )


def test_a_cloud_of_the_environment_is_watched_if_another_kind_is_not_installed(
    entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_sdk(monkeypatch, "opennebula")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", entry["clouds_file"])
    monkeypatch.setenv("OS_CLOUD", "reader")
    assert [cloud.name for cloud in parse({}, {}).clouds] == ["reader"]


def test_a_sdk_is_missed_if_no_kind_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    without_sdk(monkeypatch, "opennebula", "openstack")
    with pytest.raises(MissingSDKError):
        parse({}, {})


def test_a_file_without_a_management_layer_is_refused() -> None:
    said = refusal({"clouds": [{"name": "uni", "kind": "libvirt"}]})
    assert said.startswith("clouds: no entry of a kind that has a management layer")
    assert said.endswith("allowed: opennebula, openstack")


def test_an_unknown_cloud_names_the_known_ones(entry: dict[str, Any]) -> None:
    said = refusal({"clouds": [entry | {"os_cloud": "amdin"}]})
    assert said == "clouds: uni/openstack: os_cloud: unknown: amdin; allowed: admin, reader"


@pytest.mark.parametrize(
    ("management", "message"),
    [
        ({"collectors": {"server": {}}}, "management.collectors.server: unknown key; allowed: addresses, "),
        (
            {"collectors": {"servers": {"interval": "soon"}}},
            "management.collectors.servers.interval: expected a duration",
        ),
        (
            {"collectors": {"servers": {"max_age": "1m"}}},
            "management.collectors.servers.max_age: expected 2 x interval",
        ),
        (
            {"collectors": {"requests": {"interval": "1m"}}},
            "management.collectors.requests.interval: it is collected",
        ),
        ({"max_series": 0}, "management.max_series: "),
        ({"show": {"disagreements": -1}}, "management.show.disagreements: "),
        ({"colectors": {}}, "management.colectors: "),
        ({"show": {"orphans": -1}}, "management.show.orphans: "),
        ({"show": {"migrations": 5_001}}, "management.show.migrations: "),
        ({"show": {"pairs": 7}}, "management.show.pairs: unknown key; allowed: "),
    ],
)
def test_a_mistake_names_its_key(entry: dict[str, Any], management: Any, message: str) -> None:
    assert refusal({"clouds": [entry], "management": management}).startswith(message)


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"concurrency": 0}, "clouds[0].budget.concurrency: "),
        ({"requests_per_second": 0}, "clouds[0].budget.requests_per_second: "),
        ({"timeout": 30}, "clouds[0].budget.timeout: expected a duration"),
        ({"rate": 1}, "clouds[0].budget.rate: "),
    ],
)
def test_a_wrong_budget_names_its_key(entry: dict[str, Any], budget: Any, message: str) -> None:
    assert refusal({"clouds": [entry | {"budget": budget}]}).startswith(message)


def test_settings_change_with_clouds_yaml_and_show_no_password(entry: dict[str, Any]) -> None:
    before = parsed(entry)
    assert parsed(entry) == before
    file = Path(entry["clouds_file"])
    file.write_text(file.read_text().replace("not-to-be-shown", "another"))
    assert parsed(entry) != before
    assert "not-to-be-shown" not in shown(before) + repr(before)


async def test_what_is_named_can_be_changed_while_a_cloud_is_open(entry: dict[str, Any]) -> None:
    """Nothing is opened anew: the parts have the same identity."""
    parts = []
    for number in (100, 7):
        settings = parsed(entry, {"show": {"disagreements": number}})
        (part,) = EXPORTER.parts(settings, Site(CollectorRegistry()))
        parts.append(part)
    assert parts[0].identity == parts[1].identity
    async with parts[0].open() as opened:
        for part, number in zip(parts, (100, 7), strict=True):
            part.collections(opened)
            bounds = {one.bounds for one in opened.collectors if isinstance(one, QuestionCollector)}
            assert {one.disagreements for one in bounds} == {number}
