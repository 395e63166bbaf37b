"""The section `hypervisor:` and the exporter's own flags."""

import socket
from pathlib import Path
from typing import Any

import pytest

from stratoscope.core.collector import Every, OnScrape
from stratoscope.core.config import shown
from stratoscope.core.errors import ConfigError
from stratoscope.hypervisor import PROGRAM
from stratoscope.hypervisor.settings import Settings, offers, parse

DEFAULTS = {flag: default for flag, (default, _) in PROGRAM.flags.items()}
UNI = {"name": "uni", "kind": "libvirt", "uri": "qemu:///system"}
OFFERS = {offer.name: offer for offer in offers()}


def parsed(hypervisor: Any = None, **flags: str) -> Settings:
    """The settings of one cloud; flags by their last word."""
    given = {f"path.{name}": value for name, value in flags.items()}
    return parse({"clouds": [UNI], "hypervisor": hypervisor or {}}, DEFAULTS | given)


def collectors(**settings: Any) -> dict[str, Any]:
    return {"collectors": settings}


def test_without_a_file_the_libvirt_of_this_machine_is_watched() -> None:
    (cloud,) = parse({}, DEFAULTS).clouds
    assert (cloud.name, cloud.uris) == ("local", ["qemu:///system"])


def test_names_of_collectors_subjects_and_parts_are_all_different() -> None:
    names = [offer.name for offer in offers()]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("name", OFFERS)
def test_everything_can_be_switched_on_and_off(name: str) -> None:
    assert parsed().planner().is_on(name) == OFFERS[name].is_on
    assert not parsed(collectors(**{name: {"enabled": False}})).planner().is_on(name)
    assert parsed(collectors(**{name: {"enabled": True}})).planner().is_on(name)


@pytest.mark.parametrize("name", ["events", "jobs", "mirrors", "block_jobs", "halt_poll"])
def test_what_lives_on_the_list_of_domains_goes_with_it(name: str) -> None:
    settings = parsed(collectors(domains={"enabled": False}, **{name: {"enabled": True}}))
    assert not settings.planner().is_on(name)


@pytest.mark.parametrize(
    "name", [name for name, offer in OFFERS.items() if isinstance(offer.schedule, Every)]
)
def test_what_is_collected_in_the_background_takes_interval_time_out_and_age(name: str) -> None:
    times = {"interval": "2m", "timeout": "20s", "max_age": "10m"}
    assert parsed(collectors(**{name: times})).planner().schedule(name) == Every(120, 20, 600)


@pytest.mark.parametrize("name", [offer.name for offer in offers() if isinstance(offer.schedule, OnScrape)])
def test_what_is_collected_when_scraped_takes_a_time_out(name: str) -> None:
    assert parsed(collectors(**{name: {"timeout": "3s"}})).planner().schedule(name) == OnScrape(3)


def test_bound_on_series_is_the_collectors_or_the_sections() -> None:
    settings = parsed({"max_series": 5000, "collectors": {"domains": {"max_series": 7}}})
    assert settings.planner().max_series("domains") == 7
    assert settings.planner().max_series("pools") == 5000
    assert parsed().planner().max_series("domains") == 200_000


def test_paths_are_those_of_the_flags(tmp_path: Path) -> None:
    paths = parsed(procfs=f"{tmp_path}/", sysfs="/sys/").paths
    assert (paths.procfs, paths.sysfs, paths.cgroup) == (str(tmp_path), "/sys", "/sys/fs/cgroup")


@pytest.mark.parametrize(
    ("hypervisor", "message"),
    [
        (
            collectors(cpus={}),
            "hypervisor.collectors.cpus: unknown key; allowed: block_jobs, cgroup_memory, checks, conntrack",
        ),
        (collectors(domains={"interval": "5s"}), "hypervisor.collectors.domains.interval: "),
        (collectors(pools={"max_age": "61s"}), "hypervisor.collectors.pools.max_age: "),
        (
            collectors(cpu={"timeout": "3s"}),
            "hypervisor.collectors.cpu.timeout: it is part of a collector; allowed: enabled",
        ),
        (collectors(numa={"max_series": 3}), "hypervisor.collectors.numa.max_series: it is part of"),
        ({"max_series": 0}, "hypervisor.max_series: "),
        ({"colectors": {}}, "hypervisor.colectors: unknown key; allowed: collectors, max_series"),
    ],
)
def test_wrong_key_is_named_with_what_is_allowed(hypervisor: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parsed(hypervisor)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("value", ["", "/nowhere/proc"])
def test_flag_that_names_no_directory_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"--path\.procfs: '.*' is no directory"):
        parsed(procfs=value)


def test_file_that_is_given_as_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "proc").touch()
    with pytest.raises(ConfigError, match=r"--path\.procfs"):
        parsed(procfs=f"{tmp_path}/proc")


@pytest.mark.parametrize(
    ("cloud", "host"),
    [
        (UNI, "node17"),
        (UNI | {"host": "cn17"}, "cn17"),
        (UNI | {"uri": "qemu+tls://node18.example.org/system"}, "node18.example.org"),
        (UNI | {"uri": "test:///default"}, socket.gethostname()),
    ],
)
def test_flag_names_the_host_that_has_no_other_name(cloud: dict[str, Any], host: str) -> None:
    (found,) = parse({"clouds": [cloud]}, DEFAULTS | {"host.name": "node17"}).clouds
    assert found.host_of(found.uris[0]) == host


def test_flag_names_no_two_hosts() -> None:
    cloud = UNI | {"uri": ["qemu:///system", "qemu+tls://node18.example.org/system"]}
    (found,) = parse({"clouds": [cloud]}, DEFAULTS).clouds
    assert [found.host_of(uri) for uri in found.uris] == [socket.gethostname(), "node18.example.org"]
    with pytest.raises(ConfigError, match=r"--host\.name: clouds: uni: host: the URIs lead to several hosts"):
        parse({"clouds": [cloud]}, DEFAULTS | {"host.name": "node17"})


def test_file_without_a_libvirt_cloud_is_refused() -> None:
    document = {"clouds": [{"name": "uni", "kind": "openstack"}]}
    with pytest.raises(ConfigError, match="clouds: no entry of kind libvirt"):
        parse(document, DEFAULTS)


def test_uri_of_two_clouds_is_refused() -> None:
    document = {"clouds": [UNI, UNI | {"name": "lab"}]}
    with pytest.raises(ConfigError, match="qemu:///system"):
        parse(document, DEFAULTS)


def test_settings_in_force_can_be_shown() -> None:
    assert "uri: qemu:///system" in shown(parsed(collectors(pools={"interval": "2m"})))
