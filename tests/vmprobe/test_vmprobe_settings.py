"""The section `vmprobe:`: every mistake is one line that names the key and what is allowed."""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from stratoscope.clouds import registry
from stratoscope.clouds.lifecycle import Phase
from stratoscope.clouds.openstack.kind import KIND
from stratoscope.core.collector import OnScrape
from stratoscope.core.config import shown
from stratoscope.core.errors import ConfigError, MissingSDKError
from stratoscope.vmprobe.entries import TIMEOUTS, Probe, Rotation
from stratoscope.vmprobe.limits import CeilingSettings
from stratoscope.vmprobe.phases import OPTIONAL
from stratoscope.vmprobe.settings import Settings, parse, token
from support import configs

CLOUDS_YAML = """
clouds:
  admin: &one
    region_name: one
    auth: {auth_url: "http://127.0.0.1:5000/v3", username: a, password: not-to-be-shown, project_name: a,
           user_domain_name: Default, project_domain_name: Default}
  user: *one
"""
BOOT = {"name": "boot", "cloud": "uni", "flavor": "tiny", "image": "debian"}


@pytest.fixture(autouse=True)
def _no_cloud_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    configs.nothing_around(monkeypatch, tmp_path)
    (tmp_path / "clouds.yaml").write_text(CLOUDS_YAML)


DEFAULTS = {phase: seconds for phase, seconds in TIMEOUTS.items() if phase not in OPTIONAL}


def parsed(*probes: Any, clouds: Any = (), **section: Any) -> Settings:
    uni = {"name": "uni", "kind": "openstack", "os_cloud": "admin", "clouds_file": "clouds.yaml"}
    return parse({"clouds": [uni, *clouds], "vmprobe": {"probes": list(probes), **section}}, {})


def one(**other: Any) -> Probe:
    (found,) = parsed(BOOT | other).probes
    return found


def refusal(*probes: Any, **other: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        parsed(*probes, **other)
    return str(refused.value)


def test_defaults_are_these() -> None:
    found = one()
    assert (found.name, found.cloud, found.kind, found.interval_s) == ("boot", "uni", "openstack", 300)
    assert found.timeouts == DEFAULTS
    assert (found.keep_failed_s, found.rotation, found.share) == (0, None, 0)
    assert (found.vm.flavor, found.vm.image, found.vm.credential) == ("tiny", "debian", "")
    assert found.described == {"flavor": "tiny", "image": "debian"}
    own = parsed(BOOT).vmprobe
    assert (own.tag, own.limits, own.operators) == ("stratoscope-vmprobe", CeilingSettings(), ())
    assert parsed(BOOT).planner().schedule("probes") == OnScrape(5)


def test_all_keys_are_taken() -> None:
    found = one(
        cloud="uni/openstack", interval="10s", timeouts={"built": "20m"}, keep_failed="7d", os_cloud="user"
    )
    assert (found.interval_s, found.keep_failed_s, found.vm.credential) == (10, 7 * 86_400, "user")
    assert found.timeouts == {**DEFAULTS, Phase.BUILT: 1200}


class Steps(msgspec.Struct, frozen=True):
    """A description of a VM with optional steps."""

    flavor: str = "tiny"
    console: str = ""
    volume: int = 0
    credential: str = ""

    @property
    def phases(self) -> list[Phase]:
        of_volume = [Phase.VOLUME_CREATED, Phase.VOLUME_ATTACHED]
        return [*([Phase.CONSOLE] if self.console else []), *(of_volume if self.volume else [])]


class StepsKind(NamedTuple):
    """A kind whose description is Steps."""

    vm: type = Steps


@pytest.fixture
def with_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stratoscope.vmprobe.entries.kind", lambda _: StepsKind())


@pytest.mark.usefixtures("with_steps")
def test_time_outs_are_of_the_mandatory_phases_and_of_the_optional_ones_that_are_wanted() -> None:
    (found,) = parsed(
        {"name": "boot", "cloud": "uni", "console": "login:", "timeouts": {"console": "3m"}}
    ).probes
    assert found.timeouts == {**DEFAULTS, Phase.CONSOLE: 180}
    assert [*found.timeouts] == [phase for phase in Phase if phase in found.timeouts]
    (found,) = parsed({"name": "boot", "cloud": "uni", "volume": 1}).probes
    assert found.timeouts.keys() - DEFAULTS.keys() == {Phase.VOLUME_CREATED, Phase.VOLUME_ATTACHED}


@pytest.mark.usefixtures("with_steps")
def test_a_time_out_of_a_phase_that_is_not_wanted_names_the_key_that_wants_it() -> None:
    entry = {"name": "boot", "cloud": "uni", "console": "login:"}
    assert refusal({**entry, "timeouts": {"volume_created": "1m"}}) == (
        "vmprobe.probes[0].timeouts.volume_created: no step wants it; allowed: together with volume"
    )
    said = refusal({**entry, "timeouts": {"resized": "1m"}})
    assert said.startswith(
        "vmprobe.probes[0].timeouts.resized: unknown key; allowed: authenticate, built, console"
    )


@pytest.mark.usefixtures("with_steps")
def test_a_time_out_of_a_phase_that_a_matrix_decides_on_is_for_those_that_want_it() -> None:
    entry = {"name": "m", "cloud": "uni", "matrix": {"volume": [0, 1]}, "timeouts": {"volume_created": "9m"}}
    without, with_volume = parsed(entry).probes
    assert Phase.VOLUME_CREATED not in without.timeouts
    assert with_volume.timeouts[Phase.VOLUME_CREATED] == 540


def test_values_of_a_matrix_are_named_as_they_are_written() -> None:
    ways = [{"tcp": 22, "banner": "SSH-"}, {"icmp": True}, None]
    entry = {"name": "m", "cloud": "uni", "image": "a", "flavor": "x", "matrix": {"reachable": ways}}
    assert [probe.name for probe in parsed(entry).probes] == [
        "m/{tcp: 22, banner: SSH-}", "m/{icmp: true}", "m/null",
    ]  # fmt: skip
    entry["matrix"] = {"stop_start": [True, False], "security_groups": [["a", "b"]]}
    assert [probe.name for probe in parsed(entry).probes] == ["m/true,[a, b]", "m/false,[a, b]"]


def test_our_keys_and_those_of_a_description_are_not_the_same() -> None:
    of_vm = {field.encode_name for field in msgspec.structs.fields(KIND.vm)}
    ours = {"name", "cloud", "interval", "timeouts", "keep_failed", "matrix", "host_rotation"}
    assert not of_vm & ours


def test_a_matrix_is_one_probe_for_each_combination_spread_over_the_interval() -> None:
    entry = {"name": "m", "cloud": "uni", "matrix": {"image": ["a", "b"], "flavor": ["x", "y", "z"]}}
    found = parsed(BOOT, entry).probes
    assert [probe.name for probe in found] == ["boot", "m/a,x", "m/a,y", "m/a,z", "m/b,x", "m/b,y", "m/b,z"]
    assert [(probe.vm.image, probe.vm.flavor) for probe in found[1:3]] == [("a", "x"), ("a", "y")]
    assert [round(6 * probe.share, 3) for probe in found[1:]] == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]


def test_a_rotation_may_use_another_credential_and_say_how_long_a_round_takes() -> None:
    found = one(host_rotation={"os_cloud": "user", "within": "1h"})
    assert (found.rotation, found.vm.credential) == (Rotation(3600), "user")
    assert one(host_rotation={}).rotation == Rotation(0)


def test_a_rotation_begins_within_its_time_although_its_hosts_are_not_known_yet() -> None:
    assert one(host_rotation={"within": "1m"}).interval_s == 60
    assert one(host_rotation={"within": "6h"}).interval_s == 300
    assert one(host_rotation={}, interval="10m").interval_s == 600


def test_clouds_without_probes_and_kinds_that_create_no_vms_are_left_alone() -> None:
    others = [
        {"name": "other", "kind": "openstack", "os_cloud": "user", "clouds_file": "clouds.yaml"},
        {"name": "uni", "kind": "ec2"},
    ]
    assert [cloud.name for cloud in parsed(BOOT, clouds=others).clouds] == ["uni"]


def test_settings_change_with_each_credential_and_show_no_password() -> None:
    before = parsed(BOOT | {"os_cloud": "user"})
    assert [entry.os_cloud for entry in before.credentials] == ["user"]
    Path("clouds.yaml").write_text(CLOUDS_YAML.replace("not-to-be", "another"))
    after = parsed(BOOT | {"os_cloud": "user"})
    assert after.credentials != before.credentials
    assert "not-to-be-shown" not in shown(before) + repr(before)


def test_the_place_of_a_probe_does_not_change_it() -> None:
    first, second = one(), parsed({**BOOT, "name": "other"}, BOOT).probes[1]
    assert first != second
    assert first.is_same(second)
    assert not first.is_same(one(interval="1m"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": 5}, ".name: expected a text, got a whole number; quotes make it a text"),
        ({"name": " boot"}, ".name: ' boot' is no name; allowed: 255 characters that can be shown in one"),
        ({"cloud": "unu"}, ".cloud: unknown: unu; allowed: uni"),
        (
            {"cloud": "hosts"},
            ".cloud: hosts is of kind ec2, which creates no VMs; allowed: a cloud of",
        ),
        (
            {"cloud": "hosts/ec2"},
            ".cloud: hosts/ec2 is of kind ec2, which creates no VMs",
        ),
        (
            {"flavour": "x"},
            ".flavour: unknown key; allowed: boot_volume, cloud, console, flavor",
        ),
        ({"flavor": ""}, ".flavor: expected a text of length >= 1"),
        ({"interval": "9s"}, ".interval: 9s is too short; allowed: 10s and more"),
        ({"interval": 60}, ".interval: expected a duration such as `30s`"),
        ({"timeouts": {"boot": "1s"}}, ".timeouts.boot: unknown key; allowed: authenticate, built, "),
        ({"timeouts": {"built": "soon"}}, ".timeouts.built: expected a duration"),
        ({"keep_failed": "8d"}, ".keep_failed: 1w1d is too long; allowed: up to 1w"),
        ({"os_cloud": "usr"}, ": boot: clouds: uni/openstack: os_cloud: unknown: usr; allowed: admin, user"),
        ({"matrix": {"colour": ["a"]}}, ".matrix.colour: unknown key; allowed: boot_volume, console, flavor"),
        ({"matrix": {"flavor": ["a"]}}, ".matrix.flavor: flavor stands beside the matrix, too; allowed: one"),
        ({"matrix": {"zone": []}}, ".matrix.zone: expected values that are not the same, one or more"),
        ({"matrix": {"zone": ["a", "a"]}}, ".matrix.zone: expected values that are not the same"),
        ({"matrix": {"zone": [1]}}, ".zone: expected a text, got a whole number; quotes make it a text (the"),
        (
            {"matrix": {"zone": [str(n) for n in range(1001)]}},
            ": more than 1000 probes in all; allowed: 1000",
        ),
        ({"host_rotation": {"hosts": 1}}, ".host_rotation.hosts: unknown key; allowed: boot_volume, console"),
        ({"host_rotation": {"within": "1s"}}, ".host_rotation.within: 1s is too short; allowed: 10s and"),
        (
            {"matrix": {"zone": ["a", "b"]}, "host_rotation": {"zone": "c"}},
            ".host_rotation.zone: stands in the matrix, too; allowed: one of both",
        ),
        (
            {"host_rotation": {"within": "1h"}, "interval": "1m"},
            ".host_rotation.within: the interval follows from it; allowed: one of `within` and `interval`",
        ),
    ],
)
def test_a_mistake_in_a_probe_names_its_key(wrong: dict[str, Any], message: str) -> None:
    said = refusal(BOOT | wrong, clouds=[{"name": "hosts", "kind": "ec2"}])
    said = said.removeprefix("vmprobe.probes").removeprefix("[0]")
    assert said.startswith(message), said


def test_a_name_that_stands_twice_is_refused_also_if_a_matrix_makes_it() -> None:
    again = "vmprobe.probes[1].name: boot stands twice; allowed: each name once"
    assert refusal(BOOT, BOOT) == again
    matrix = {"name": "boot", "cloud": "uni", "flavor": "x", "matrix": {"image": ["a"]}}
    assert refusal(BOOT | {"name": "boot/a"}, matrix).startswith(
        "vmprobe.probes[1].name: boot/a stands twice"
    )


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"tag": "a b"}, "vmprobe.tag: "),
        ({"tag": ""}, "vmprobe.tag: "),
        ({"limits": {"vms_at_once": 0}}, "vmprobe.limits.vms_at_once: expected a whole number >= 1, got 0"),
        ({"limits": {"vm_hours_per_day": 0}}, "vmprobe.limits.vm_hours_per_day: expected a number > 0"),
        ({"limits": {"vms": 1}}, "vmprobe.limits.vms: unknown key; allowed: "),
        ({"operators": ["a", "a"]}, "vmprobe.operators[1]: a stands twice; allowed: once"),
        ({"operators": [" "]}, "vmprobe.operators[0]: ' ' is no user; allowed: names of users"),
        ({"operators": ["group:a"]}, "vmprobe.operators[0]: 'group:a' is no user; allowed: names of users"),
        ({"pause_url": "file:///x"}, "vmprobe.pause_url: no URL of a server; allowed: http:// or https://"),
        ({"pause_url": "http://[::"}, "vmprobe.pause_url: no URL; allowed: such as https://"),
        ({"pause_url": "http://a:b@host/"}, "vmprobe.pause_url: with a user or password; allowed: a token"),
        ({"pause_token_file": "x"}, "vmprobe.pause_token_file: nothing is asked; allowed: together with"),
        (
            {"pause_url": "http://host/", "pause_token_file": "absent"},
            "vmprobe.pause_token_file: absent: No such file or directory",
        ),
        ({"probe": []}, "vmprobe.probe: unknown key; allowed: "),
        ({"collectors": {"probs": {}}}, "vmprobe.collectors.probs: unknown key; allowed: probes, requests"),
    ],
)
def test_a_mistake_in_the_section_names_its_key(section: dict[str, Any], message: str) -> None:
    said = refusal(BOOT, **section)
    assert said.startswith(message), said


def test_a_configuration_without_probes_is_refused() -> None:
    said = "vmprobe.probes: missing or empty; allowed: entries with name, cloud and a VM's description"
    assert refusal() == said
    assert refusal(5) == "vmprobe.probes[0]: expected a mapping with name and cloud, got a whole number"


def test_a_configuration_without_a_cloud_that_can_create_vms_is_refused() -> None:
    said = "clouds: no entry of a kind that can create VMs; allowed: libvirt, opennebula, openstack"
    with pytest.raises(ConfigError) as refused:
        parse({"clouds": [{"name": "uni", "kind": "ec2"}], "vmprobe": {"probes": [BOOT]}}, {})
    assert str(refused.value) == said


def test_the_sdk_of_a_kind_that_no_probe_names_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {**registry.KINDS, "libvirt": ("stratoscope.no_such_sdk", registry.KINDS["libvirt"][1])}
    monkeypatch.setattr(registry, "KINDS", kinds)
    lab = {"name": "lab", "kind": "libvirt"}
    assert [cloud.name for cloud in parsed(BOOT, clouds=[lab]).clouds] == ["uni"]
    both = "vmprobe.probes[0].cloud: uni is the name of uni/openstack and uni/libvirt; allowed: one of these"
    assert refusal(BOOT, clouds=[{**lab, "name": "uni"}]) == both
    with pytest.raises(MissingSDKError) as missing:
        parsed(BOOT, {"name": "sector", "cloud": "lab"}, clouds=[lab])
    assert missing.value.extra == "libvirt"


def test_probes_are_missed_before_any_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has no configuration yet is told what it needs, not which kind has what for its default."""
    none = {name: ("stratoscope.no_such_sdk", abilities) for name, (_, abilities) in registry.KINDS.items()}
    monkeypatch.setattr(registry, "KINDS", none)
    with pytest.raises(ConfigError, match=r"vmprobe.probes: missing or empty; allowed: entries with"):
        parse({}, {})


def test_a_token_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("  secret\n")
    assert token(file) == "secret"
    assert parsed(BOOT, pause_url="https://host/active", pause_token_file=str(file)).vmprobe.pause_url
    for wrong in ("", "\n", "two words", "two\nlines", "schlüssel"):
        file.write_text(wrong)
        with pytest.raises(ConfigError, match="expected one token in one line"):
            token(file)
