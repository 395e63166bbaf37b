"""Virtual CPUs, disks and interfaces of definitions, as Nova, OpenNebula and people write them."""

import xml.etree.ElementTree as ET

import pytest

from stratoscope.clouds.libvirt.hardware import MOST_VCPUS, disks, nics, vcpu_states
from stratoscope.clouds.libvirt.model import DiskFacts, Nic

PORT = "7c9a1b2e-11aa-4bbb-8ccc-0123456789ab"
OTHER = "8d0b2c3f-11aa-4bbb-8ccc-0123456789ab"
LISTED = "<vcpus><vcpu id='0' enabled='no'/><vcpu id='1' enabled='yes'/></vcpus>"
NVME = """<source type='pci' namespace='1'>
<address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source>"""


def root(devices: str = "", more: str = "") -> ET.Element:
    return ET.fromstring(f"<domain>{more}<devices>{devices}</devices></domain>")  # noqa: S314 - ours


def disk(inner: str, kind: str = "file", device: str = "disk") -> DiskFacts:
    (one,), malformed = disks(root(f"<disk type='{kind}' device='{device}'>{inner}</disk>"))
    assert malformed == 0
    return one


def nic(inner: str, kind: str = "bridge", more: str = "") -> Nic:
    (one,), malformed = nics(root(f"<interface type='{kind}'>{inner}</interface>", more))
    assert malformed == 0
    return one


def ports(*uuids: str) -> str:
    """What Nova writes of Neutron's ports since Train."""
    each = "".join(
        f"<n:port uuid='{uuid}'><n:ip type='fixed' address='10.0.0.4'/></n:port>" for uuid in uuids
    )
    xmlns = "http://openstack.org/xmlns/libvirt/nova/1.1"
    return f"<metadata><n:instance xmlns:n='{xmlns}'><n:ports>{each}</n:ports></n:instance></metadata>"


def test_volume_of_cinder_is_known_by_its_serial() -> None:
    assert disk(
        """<driver name='qemu' type='raw' cache='none' io='native' discard='unmap'/>
        <source dev='/dev/dm-3' index='1'/><target dev='vdb' bus='virtio'/>
        <serial>2a3b4c5d-0000-4000-8000-000000000001</serial>""",
        "block",
    ) == DiskFacts(
        "vdb", "disk", "virtio", "block", "/dev/dm-3", "", "raw", "2a3b4c5d-0000-4000-8000-000000000001",
        "none", "unmap", "native",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "source", "expected"),
    [
        ("file", "<source file='/a b'/>", "/a b"),
        ("block", "<source dev='/dev/sdb'/>", "/dev/sdb"),
        ("dir", "<source dir='/exports'/>", "/exports"),
        ("network", "<source protocol='rbd' name='vms/1_disk'><host name='mon'/></source>", "vms/1_disk"),
        ("volume", "<source pool='default' volume='a.img'/>", "default/a.img"),
        ("volume", "<source/>", ""),
        ("nvme", NVME, "0000:01:00.0/1"),
        ("nvme", "<source/>", ""),
        ("vhostuser", "<source type='unix' path='/run/vhost.sock'/>", "/run/vhost.sock"),
        ("file", "", ""),
        ("file", "<source startupPolicy='optional'/>", ""),
    ],
)  # fmt: skip
def test_source_is_under_the_attribute_of_its_type(kind: str, source: str, expected: str) -> None:
    assert disk(f"{source}<target dev='vda' bus='virtio'/>", kind).source == expected


def test_protocol_of_a_source_on_the_network_is_told() -> None:
    one = disk("<source protocol='rbd' name='vms/1_disk'/><target dev='vda'/>", "network")
    assert (one.source_type, one.protocol) == ("network", "rbd")


def test_empty_drive_is_a_cdrom_without_a_source() -> None:
    assert disk("<target dev='hda' bus='ide'/>", "file", "cdrom") == DiskFacts("hda", "cdrom", "ide", "file")


@pytest.mark.parametrize(
    ("mirror", "expected"),
    [
        ("", ""),
        ("<mirror type='file' job='copy' ready='yes'><source file='/b'/></mirror>", "copy"),
        ("<mirror type='block' job='active-commit'/>", "active-commit"),
        ("<mirror file='/old'/>", "copy"),
    ],
)
def test_disk_that_a_block_job_mirrors_is_known(mirror: str, expected: str) -> None:
    assert disk(f"<target dev='vda'/>{mirror}").mirror == expected


def test_disk_without_a_name_or_with_an_endless_one_costs_itself() -> None:
    long = "x" * 1025
    found, malformed = disks(
        root(
            f"""<disk/><disk><target dev='{long}'/></disk><disk><target dev='vda'/></disk>
            <disk><target dev='vdb'/><serial>{long}</serial></disk>
            <disk><target dev='vdc'/><serial>{"é" * 513}</serial></disk>"""
        )
    )
    assert ([one.device for one in found], malformed) == (["vda"], 4)


def test_tap_of_neutron_on_open_vswitch_has_its_port_and_no_bridge_to_be_on() -> None:
    one = nic(
        f"""<mac address='fa:16:3e:00:00:01'/><source bridge='br-int'/><target dev='tap{PORT[:11]}'/>
        <virtualport type='openvswitch'><parameters interfaceid='{PORT}'/></virtualport>
        <model type='virtio'/>"""
    )
    assert one == Nic(
        f"tap{PORT[:11]}", True, "bridge", "fa:16:3e:00:00:01", "virtio", "br-int", "", "openvswitch", PORT
    )


@pytest.mark.parametrize("device", [f"tap{PORT[:11]}", f"vhu{PORT[:11]}"])
def test_tap_on_a_plain_bridge_has_the_port_that_nova_tells(device: str) -> None:
    assert nic(f"<target dev='{device}'/>", more=ports(OTHER, PORT)).port_id == PORT


def test_only_port_of_the_only_interface_needs_no_name() -> None:
    assert nic("<target dev='macvtap3'/>", "direct", ports(PORT)).port_id == PORT
    assert nic("<target dev='macvtap3'/>", "direct", ports(PORT, OTHER)).port_id == ""


def test_tap_of_opennebula_is_numbered_by_its_name() -> None:
    assert nic("<source bridge='onebr5'/><target dev='one-77-2'/>").port_id == "2"


@pytest.mark.parametrize(
    ("kind", "source", "bridge", "network"),
    [
        ("network", "<source network='lab' portid='x' bridge='virbr0'/>", "virbr0", "lab"),
        ("network", "<source network='lab' dev='eth1' mode='bridge'/>", "", "lab"),
        ("direct", "<source dev='eth1' mode='bridge'/>", "eth1", ""),
        ("ethernet", "", "", ""),
    ],
)
def test_bridge_is_the_one_that_the_live_definition_names(
    kind: str, source: str, bridge: str, network: str
) -> None:
    one = nic(f"{source}<target dev='t0'/>", kind)
    assert (one.kind, one.bridge, one.network) == (kind, bridge, network)


def test_link_that_the_operator_set_down_is_known_and_an_interface_needs_no_tap() -> None:
    found, malformed = nics(
        root(
            """<interface type='network'><target dev='vnet0'/><link state='down'/></interface>
            <interface type='network'><target dev='vnet1'/><link state='up'/></interface>
            <interface type='bridge'><target dev='vnet2'/></interface>
            <interface type='hostdev'/><interface type='user'><target/></interface>"""
        )
    )
    assert [(one.device, one.link) for one in found] == [
        ("vnet0", False), ("vnet1", True), ("vnet2", True), ("", True), ("", True),
    ]  # fmt: skip
    assert malformed == 0


def test_interface_with_an_endless_name_costs_itself() -> None:
    long = "x" * 1025
    found, malformed = nics(
        root(
            f"""<interface><target dev='{long}'/></interface><interface><mac address='{long}'/></interface>
            <interface><virtualport><parameters interfaceid='{long}'/></virtualport></interface>
            <interface/>"""
        )
    )
    assert (len(found), malformed) == (1, 3)


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("", ()),
        ("<vcpu>2</vcpu>", ((0, "running"), (1, "running"))),
        ("<vcpu current='1'>2</vcpu>", ((0, "running"), (1, "offline"))),
        (f"<vcpu current='1'>2</vcpu>{LISTED}", ((0, "offline"), (1, "running"))),
    ],
)  # fmt: skip
def test_states_of_virtual_cpus_are_those_of_the_definition(
    inner: str, expected: tuple[tuple[int, str], ...]
) -> None:
    assert vcpu_states(root(more=inner)) == expected


def test_definition_that_claims_a_billion_virtual_cpus_is_bounded() -> None:
    assert len(vcpu_states(root(more="<vcpu>1000000000</vcpu>"))) == MOST_VCPUS
