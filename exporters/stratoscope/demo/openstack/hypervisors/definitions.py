"""The definitions of a host's VMs, as Nova writes them, in one file for libvirt's mock driver `test:`."""

from typing import Final
from xml.sax.saxutils import escape, quoteattr

from stratoscope.demo.openstack.hypervisors.guests import RUNNING, Guest, ShownHost
from stratoscope.demo.openstack.texts import mac_address
from stratoscope.demo.world.models import Port, Volume

SOCKETS: Final = 2


def node(shown_host: ShownHost) -> str:
    """The host with its VMs; the driver numbers those that run, as `Guest.number` does."""
    cpus = shown_host.cpus
    return f"""<node>
  <cpu>
    <mhz>2400</mhz><model>x86_64</model><active>{cpus}</active><nodes>{SOCKETS}</nodes>
    <sockets>1</sockets><cores>{cpus // SOCKETS}</cores><threads>1</threads>
  </cpu>
  <memory>{shown_host.host.has.memory_mib << 10}</memory>
{"".join(_domain(guest) for guest in shown_host.guests)}</node>
"""


def _domain(guest: Guest) -> str:
    vm, state, tune = guest.vm, "", ""
    if guest.state != RUNNING:
        schema = "http://libvirt.org/schemas/domain/test/1.0"
        state = f'<test:runstate xmlns:test="{schema}">{guest.state}</test:runstate>'
    if guest.quota is not None:
        quota = round(100_000 * guest.quota)
        tune = f"<cputune><period>100000</period><quota>{quota}</quota></cputune>"
    disk = f"""
      <disk type="file" device="disk">
        <source file="/var/lib/nova/instances/{vm.id}/disk"/>
        <target dev="vda" bus="virtio"/>
      </disk>"""
    volumes = "".join(_volume(volume) for volume in vm.volumes if volume.device)
    interfaces = "".join(_interface(port, tap) for port, tap in zip(vm.ports, guest.taps, strict=True))
    return f"""  <domain type="test">
    <name>{guest.domain}</name>
    <uuid>{vm.id}</uuid>
    <metadata>{_metadata(guest)}
    </metadata>
    {state}
    <memory unit="KiB">{vm.flavor.memory_mib << 10}</memory>
    <vcpu>{vm.flavor.vcpus}</vcpu>
    {tune}
    <os><type arch="x86_64" machine="pc-q35-8.2">hvm</type></os>
    <devices>{disk if vm.image is not None else ""}{volumes}{interfaces}
    </devices>
  </domain>
"""


def _metadata(guest: Guest) -> str:
    vm, flavor = guest.vm, guest.vm.flavor
    root = "" if vm.image is None else f'<nova:root type="image" uuid="{vm.image.id}"/>'
    return f"""
      <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
        <nova:name>{escape(vm.name)}</nova:name>
        <nova:flavor name={quoteattr(flavor.name)}>
          <nova:memory>{flavor.memory_mib}</nova:memory>
          <nova:disk>{flavor.disk_gib}</nova:disk>
          <nova:vcpus>{flavor.vcpus}</nova:vcpus>
        </nova:flavor>
        <nova:owner>
          <nova:user uuid="{vm.user.id}">{escape(vm.user.name)}</nova:user>
          <nova:project uuid="{vm.project.id}">{escape(vm.project.name)}</nova:project>
        </nova:owner>
        {root}
      </nova:instance>"""


def _volume(volume: Volume) -> str:
    return f"""
      <disk type="block" device="disk">
        <source dev="/dev/disk/by-id/volume-{volume.id}"/>
        <target dev="{volume.device.removeprefix("/dev/")}" bus="virtio"/>
        <serial>{volume.id}</serial>
      </disk>"""


def _interface(port: Port, tap: str) -> str:
    return f"""
      <interface type="bridge">
        <mac address="{mac_address(port.mac)}"/>
        <source bridge="br-int"/>
        <virtualport type="openvswitch"><parameters interfaceid="{port.id}"/></virtualport>
        <target dev="{tap}"/>
        <model type="virtio"/>
      </interface>"""
