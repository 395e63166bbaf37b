"""The definitions of a host's VMs, as Nova writes them, in one file for libvirt's mock driver `test:`."""

import xml.etree.ElementTree as ET

from stratoscope.demo.openstack.hypervisors.guests import RUNNING, Guest, ShownHost
from stratoscope.demo.openstack.texts import mac_address, moment
from stratoscope.demo.world.models import VM, Port, Volume

_NOVA = "http://openstack.org/xmlns/libvirt/nova/1.1"
_TEST = "http://libvirt.org/schemas/domain/test/1.0"
SOCKETS = 2


def node(shown_host: ShownHost) -> str:
    """The host with its VMs; the driver numbers those that run, as `Guest.number` does."""
    root = ET.Element("node")
    cpu = ET.SubElement(root, "cpu")
    facts = {
        "mhz": "2400", "model": "x86_64", "active": shown_host.cpus, "nodes": SOCKETS, "sockets": 1,
        "cores": shown_host.cpus // SOCKETS, "threads": 1,
    }  # fmt: skip
    for name, value in facts.items():
        ET.SubElement(cpu, name).text = str(value)
    ET.SubElement(root, "memory").text = str(shown_host.host.has.memory_mib << 10)
    for guest in shown_host.guests:
        root.append(_domain(guest))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _domain(guest: Guest) -> ET.Element:
    vm = guest.vm
    domain = ET.Element("domain", {"type": "test"})
    ET.SubElement(domain, "name").text = guest.domain
    ET.SubElement(domain, "uuid").text = vm.id
    domain.append(_metadata(vm))
    if guest.state != RUNNING:
        ET.SubElement(domain, "test:runstate", {"xmlns:test": _TEST}).text = str(guest.state)
    ET.SubElement(domain, "memory", {"unit": "KiB"}).text = str(vm.flavor.memory_mib << 10)
    ET.SubElement(domain, "vcpu").text = str(vm.flavor.vcpus)
    if guest.quota is not None:
        tune = ET.SubElement(domain, "cputune")
        ET.SubElement(tune, "period").text = "100000"
        ET.SubElement(tune, "quota").text = str(round(100_000 * guest.quota))
    machine = ET.SubElement(ET.SubElement(domain, "os"), "type", {"arch": "x86_64", "machine": "pc-q35-8.2"})
    machine.text = "hvm"
    devices = ET.SubElement(domain, "devices")
    if vm.image is not None:
        devices.append(_file(vm))
    devices.extend(_volume(volume) for volume in vm.volumes if volume.device)
    devices.extend(_interface(port, tap) for port, tap in zip(vm.ports, guest.taps, strict=True))
    return domain


def _metadata(vm: VM) -> ET.Element:
    metadata = ET.Element("metadata")
    instance = ET.SubElement(metadata, "nova:instance", {"xmlns:nova": _NOVA})
    _nova(instance, "name").text = vm.name
    _nova(instance, "creationTime").text = moment(vm.created).replace("T", " ").removesuffix("Z")
    flavor = _nova(instance, "flavor", name=vm.flavor.name)
    amounts = {"memory": vm.flavor.memory_mib, "disk": vm.flavor.disk_gib, "vcpus": vm.flavor.vcpus}
    for name, value in amounts.items():
        _nova(flavor, name).text = str(value)
    owner = _nova(instance, "owner")
    _nova(owner, "user", uuid=vm.user.id).text = vm.user.name
    _nova(owner, "project", uuid=vm.project.id).text = vm.project.name
    if vm.image is not None:
        _nova(instance, "root", type="image", uuid=vm.image.id)
    return metadata


def _nova(parent: ET.Element, tag: str, /, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, f"nova:{tag}", attributes)


def _file(vm: VM) -> ET.Element:
    """The disk of a VM with an image."""
    disk = ET.Element("disk", {"type": "file", "device": "disk"})
    ET.SubElement(disk, "driver", {"name": "qemu", "type": "qcow2", "cache": "none"})
    ET.SubElement(disk, "source", {"file": f"/var/lib/nova/instances/{vm.id}/disk"})
    ET.SubElement(disk, "target", {"dev": "vda", "bus": "virtio"})
    return disk


def _volume(volume: Volume) -> ET.Element:
    disk = ET.Element("disk", {"type": "block", "device": "disk"})
    ET.SubElement(disk, "driver", {"name": "qemu", "type": "raw", "cache": "none", "io": "native"})
    ET.SubElement(disk, "source", {"dev": f"/dev/disk/by-id/volume-{volume.id}"})
    ET.SubElement(disk, "target", {"dev": volume.device.removeprefix("/dev/"), "bus": "virtio"})
    ET.SubElement(disk, "serial").text = volume.id
    return disk


def _interface(port: Port, tap: str) -> ET.Element:
    interface = ET.Element("interface", {"type": "bridge"})
    ET.SubElement(interface, "mac", {"address": mac_address(port.mac)})
    ET.SubElement(interface, "source", {"bridge": "br-int"})
    switch = ET.SubElement(interface, "virtualport", {"type": "openvswitch"})
    ET.SubElement(switch, "parameters", {"interfaceid": port.id})
    ET.SubElement(interface, "target", {"dev": tap})
    ET.SubElement(interface, "model", {"type": "virtio"})
    return interface
