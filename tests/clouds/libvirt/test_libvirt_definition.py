"""Whose VM a domain is, from definitions as Nova, OpenNebula and people write them."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from stratoscope.clouds.libvirt.definition import parse, vm_id
from stratoscope.clouds.libvirt.model import DiskFacts, DiskLimits, Identity, Nic

FIXTURES = Path(__file__).parents[2] / "fixtures" / "libvirt"
NOVA_USER = """<metadata><n:instance xmlns:n="http://openstack.org/xmlns/libvirt/nova/1.1"><n:owner>
<n:user uuid="{}">ada</n:user></n:owner></n:instance></metadata>"""
NOVA_DISKS = "/var/lib/nova/instances/instance-00000002"
UUID = "5d1f0d5e-7a55-4d2c-9a30-000000000001"


def definition(inner: str = "", name: str = "debian") -> str:
    return f"<domain type='kvm' id='3'><name>{name}</name><uuid>{UUID}</uuid>{inner}</domain>"


def test_a_domain_of_nova_as_libvirt_gives_it() -> None:
    assert parse((FIXTURES / "nova.xml").read_text()) == Identity(
        vm_id="5d1f0d5e-7a55-4d2c-9a30-0000000000a2",
        name="vm-2",
        project_id="project-2",
        project_name="project2",
        user_id="user-2",
        user_name="user2",
        flavor="m1.tiny",
        image="image-0",
        vcpus=2,
        memory_bytes=96 << 20,
        current_memory_bytes=96 << 20,
        limits=(
            DiskLimits(
                "vdb", (("total_bytes_sec", 10485760), ("read_iops_sec", 400), ("write_iops_sec", 200))
            ),
        ),
        os_type="hvm",
        arch="x86_64",
        machine="pc-i440fx-7.2",
        vcpu_states=((0, "running"), (1, "running")),
        disks=(
            DiskFacts("vda", "disk", "virtio", "file", f"{NOVA_DISKS}-vda", "", "qcow2"),
            DiskFacts("vdb", "disk", "virtio", "file", f"{NOVA_DISKS}-vdb", "", "raw"),
        ),
        nics=(Nic("vnet30", True, "network", "52:54:00:00:00:01", "virtio", "virbr0", "default"),),
    )


def test_a_domain_of_opennebula_as_libvirt_gives_it() -> None:
    one = parse((FIXTURES / "opennebula.xml").read_text())
    assert [(disk.device, disk.format) for disk in one.disks] == [("vda", "qcow2")]
    assert one == Identity(
        vm_id="7",
        name="web & db",
        project_id="101",
        project_name="physics",
        user_id="4",
        user_name="alice",
        vcpus=1,
        memory_bytes=96 << 20,
        current_memory_bytes=96 << 20,
        os_type="hvm",
        arch="x86_64",
        machine="pc-i440fx-7.2",
        vcpu_states=((0, "running"),),
        disks=one.disks,
        nics=(Nic("vnet32", True, "network", "52:54:00:00:00:02", "virtio", "virbr0", "default"),),
    )


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_both_namespaces_of_nova_are_read(version: str) -> None:
    one = parse(
        definition(
            f"""<metadata><nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/{version}">
            <nova:name>web</nova:name><nova:flavor name="m1.small"/>
            <nova:owner><nova:user uuid="u">ada</nova:user>
              <nova:project uuid="p">physics</nova:project></nova:owner>
            <nova:root type="image" uuid="i"/></nova:instance></metadata>"""
        )
    )
    assert (one.vm_id, one.name, one.flavor, one.image) == (UUID, "web", "m1.small", "i")
    assert (one.project_id, one.project_name, one.user_id, one.user_name) == ("p", "physics", "u", "ada")


def test_a_server_that_boots_from_a_volume_has_no_image() -> None:
    one = parse(
        definition(
            """<metadata><nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
            <nova:root type="volume" uuid="v"/></nova:instance></metadata>"""
        )
    )
    assert one == Identity(vm_id=UUID, name="")


def test_a_domain_that_no_cloud_made_has_its_own_name_and_uuid() -> None:
    assert parse(definition()) == Identity(vm_id=UUID, name="debian")
    assert parse(definition("<metadata><app:x xmlns:app='urn:x'/></metadata>")).name == "debian"


def test_the_vm_id_of_opennebula_is_the_number_in_the_name() -> None:
    assert vm_id(UUID, "one-7") == "7"
    for name in ("one-", "one-7x", "x-one-7", "one-7\n"):
        assert vm_id(UUID, name) == UUID


def test_hot_plugged_vcpus_are_the_current_ones() -> None:
    assert parse(definition("<vcpu placement='static' current='2'>8</vcpu>")).vcpus == 2
    assert parse(definition("<vcpu>8</vcpu>")).vcpus == 8
    assert parse(definition()).vcpus is None


@pytest.mark.parametrize(
    ("memory", "size"),
    [
        ("<memory>1024</memory>", 1 << 20),
        ("<memory unit='b'>5</memory>", 5),
        ("<memory unit='MB'>5</memory>", 5_000_000),
        ("<memory unit='GiB'>2</memory>", 2 << 30),
    ],
)
def test_memory_is_in_bytes_whatever_the_unit(memory: str, size: int) -> None:
    assert parse(definition(memory)).memory_bytes == size


def test_limits_are_those_of_disks_with_a_target_and_the_groups_name_is_none() -> None:
    one = parse(
        definition(
            """<devices>
            <disk><target dev="vda"/></disk>
            <disk><iotune><read_iops_sec>1</read_iops_sec></iotune></disk>
            <disk><target dev="vdb"/><iotune><total_iops_sec>500</total_iops_sec>
              <total_iops_sec_max_length>3</total_iops_sec_max_length><group_name>gold</group_name></iotune></disk>
            </devices>"""
        )
    )
    assert one.limits == (DiskLimits("vdb", (("total_iops_sec", 500), ("total_iops_sec_max_length", 3))),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<domain>",
        "<domain/>",
        "<domain><name>a</name></domain>",
        definition("<vcpu>many</vcpu>"),
        definition("<memory unit='furlong'>1</memory>"),
        definition("<memory/>"),
        definition(NOVA_USER.format("u" * 1025)),
        definition("<devices><disk><target dev='a'/><iotune><x>much</x></iotune></disk></devices>"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises((ET.ParseError, KeyError, ValueError)):
        parse(text)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("one-7", "7"), ("one-" + "7" * 19, "7" * 19), ("one-" + "7" * 20, UUID), ("one-٣", UUID)],
)
def test_number_in_the_name_is_opennebulas_id_only_where_it_can_be_one(name: str, expected: str) -> None:
    assert vm_id(UUID, name) == expected
