"""VMs as the collectors put them together: what libvirt and the kernel would say, from small factories."""

from typing import Any, Final

from msgspec.structs import replace

from stratoscope.clouds.libvirt.model import (
    Balloon,
    Disk,
    DiskFacts,
    DiskLimits,
    DiskSizes,
    Domain,
    Identity,
    Interface,
    Monitor,
    Nic,
    Vcpu,
)
from stratoscope.hypervisor.kernel.cpu import CPU, Throttling
from stratoscope.hypervisor.kernel.memory import Memory
from stratoscope.hypervisor.kernel.pressure import Pressure
from stratoscope.hypervisor.kernel.vcpus import VCPU
from stratoscope.hypervisor.kernel.vm import VMKernel, VMPressure
from stratoscope.hypervisor.vm import VM, Checks, TapView

GIB: Final = 1 << 30
PLAIN: Final = "0a1b2c3d-0000-4000-8000-000000000001"
"""UUID of the VM that `kvm()` gives."""
FINE: Final = Checks(host=False, vm=False, storage=False, network=False)
NO_BALLOON: Final = Balloon()


def uuid(number: int) -> str:
    return f"0a1b2c3d-0000-4000-8000-{number:012x}"


def disk(name: str = "vda") -> Disk:
    return Disk(
        name=name,
        read_requests=120,
        read_bytes=4096,
        read_s=0.25,
        write_requests=80,
        write_bytes=8192,
        write_s=0.5,
        flush_requests=3,
        flush_s=0.125,
        allocation=GIB,
        capacity=2 * GIB,
        physical=GIB + 4096,
    )


def interface(name: str = "vnet0") -> Interface:
    return Interface(
        name=name,
        rx_bytes=1000,
        rx_packets=10,
        rx_errors=0,
        rx_drops=1,
        tx_bytes=2000,
        tx_packets=20,
        tx_errors=2,
        tx_drops=0,
    )


def tap(name: str = "vnet0", **other: Any) -> TapView:
    """A tap that is up; without a queue, as libvirt makes it."""
    return replace(
        TapView(
            name=name,
            is_up=True,
            mtu=1500,
            promiscuous_changed=False,
            queue_drops=None,
            queue_backlog=None,
            link=True,
            is_attached=True,
        ),
        **other,
    )


def domain(**other: Any) -> Domain:
    """A domain that runs, as virConnectGetAllDomainStats has it without CPU, which the kernel tells."""
    plain = Domain(
        uuid=PLAIN,
        name="instance-00000001",
        domain_id=1,
        state="running",
        reason="booted",
        cpu_s=None,
        user_s=None,
        system_s=None,
        current_vcpus=None,
        vcpus=(),
        balloon=Balloon(
            current=GIB,
            maximum=2 * GIB,
            rss=GIB // 2,
            available=GIB - 4096,
            usable=GIB // 4,
            unused=GIB // 8,
            swap_in=4096,
            swap_out=8192,
            major_faults=5,
            minor_faults=500,
            caches=GIB // 16,
            huge_page_allocations=1,
            huge_page_failures=2,
            updated_at=1.5e9,
        ),
        interfaces=(interface(),),
        disks=(disk(),),
    )
    return replace(plain, **other)


def identity(**other: Any) -> Identity:
    """Nova's, of the VM that `domain()` gives."""
    plain = Identity(
        vm_id=PLAIN,
        name="web 1",
        project_id="p-1",
        project_name="physics",
        user_id="u-1",
        user_name="ada",
        flavor="m1.small",
        image="i-1",
        vcpus=1,
        memory_bytes=2 * GIB,
        current_memory_bytes=2 * GIB,
        os_type="hvm",
        arch="x86_64",
        machine="pc-q35-7.2",
        vcpu_states=((0, "running"),),
        disks=(volume(),),
        nics=(nic(),),
    )
    return replace(plain, **other)


def volume(**other: Any) -> DiskFacts:
    """Cinder's, as Nova attaches it."""
    plain = DiskFacts(
        device="vda",
        kind="disk",
        bus="virtio",
        source_type="block",
        source="/dev/dm-3",
        protocol="",
        format="raw",
        serial="volume-1",
        cache="none",
        discard="unmap",
        io="native",
    )
    return replace(plain, **other)


def nic(device: str = "vnet0", **other: Any) -> Nic:
    """Neutron's, on a plain bridge."""
    plain = Nic(
        device=device,
        link=True,
        kind="bridge",
        mac="fa:16:3e:00:00:01",
        model="virtio",
        bridge="brq1",
        network="",
        switch="",
        port_id="port-1",
    )
    return replace(plain, **other)


def kernel(**other: Any) -> VMKernel:
    """What cgroup v2 and /proc say of a VM with one vCPU and no quota."""
    plain = VMKernel(
        state="S",
        cpu=CPU(12.5, 10.0, 2.5),
        vcpus={0: VCPU(9.5, 0.75, None)},
        throttling=None,
        pressure=VMPressure(Pressure(1.5, 1.0), Pressure(0.5, 0.25), Pressure(0.0, 0.0)),
        memory=Memory(GIB, 4096, 0),
        rss=GIB // 2,
        blocked_s=0.0,
    )
    return replace(plain, **other)


def vm(of: Domain, **other: Any) -> VM:
    """A VM around a domain; what is not given is not known."""
    return replace(
        VM(
            vm_id=of.uuid,
            domain=of,
            identity=None,
            kernel=None,
            monitor=None,
            taps=(),
            vcpus=None,
            checks=FINE,
        ),
        **other,
    )


def kvm(**other: Any) -> VM:
    """A plain KVM guest on cgroup v2: one vCPU, disk and interface, nothing limited."""
    plain = vm(
        domain(), identity=identity(), kernel=kernel(), monitor=Monitor(0.0, 0.0), taps=(tap(),), vcpus=1,
        oom_kills=0,
    )  # fmt: skip
    return replace(plain, **other)


def full() -> VM:
    """A guest with everything: two disks and interfaces, queues, limits, a quota, the scheduler's waits."""
    limits = (
        ("total_bytes_sec", 1 << 20), ("read_iops_sec", 100), ("read_iops_sec_max", 0),
        ("total_bytes_sec_max_length", 30), ("size_iops_sec", 4096),
    )  # fmt: skip
    return kvm(
        domain=domain(
            disks=(disk(), disk("vdb")), interfaces=(interface(), interface('tap"odd\\name')), state="running"
        ),
        identity=identity(
            vcpus=2,
            vcpu_states=((0, "running"), (1, "offline")),
            limits=(DiskLimits("vdb", limits), DiskLimits("vdc", ())),
        ),
        kernel=kernel(
            vcpus={0: VCPU(9.5, 0.75, 0.5), 70: VCPU(1.0, 0.0, 0.0)},
            throttling=Throttling(1000, 40, 3.5),
            blocked_s=12.5,
        ),
        taps=(
            tap(queue_drops=7, queue_backlog=3000, promiscuous_changed=True),
            TapView(name='tap"odd\\name', is_up=False),
        ),
        vcpus=2,
        checks=replace(FINE, network=True),
    )


def shut_off() -> VM:
    off = domain(
        uuid=uuid(2), name="instance-00000002", domain_id=-1, state="shutoff", reason="shutdown",
        balloon=NO_BALLOON, interfaces=(), disks=(),
    )  # fmt: skip
    who = identity(vm_id=uuid(2), name="off", nics=(nic(""),))
    sizes = (DiskSizes("vda", 2 * GIB, GIB, GIB + 4096), DiskSizes("vdb", GIB, None, None))
    return vm(off, identity=who, off_disks=sizes)


def paused_by_io_error() -> VM:
    paused = domain(uuid=uuid(3), name="instance-00000003", domain_id=3, state="paused", reason="ioerror")
    return kvm(
        vm_id=uuid(3),
        domain=paused,
        identity=identity(vm_id=uuid(3), name="paused"),
        checks=replace(FINE, storage=True),
    )


def hung() -> VM:
    """Its QEMU is stopped: what needs the monitor is missing, the rest goes on."""
    silent = domain(uuid=uuid(4), name="instance-00000004", domain_id=4, balloon=NO_BALLOON, disks=())
    return kvm(
        vm_id=uuid(4),
        domain=silent,
        identity=identity(vm_id=uuid(4), name="hung"),
        kernel=kernel(state="T"),
        monitor=Monitor(42.5, 45.0),
        checks=replace(FINE, host=True),
    )


def unidentified() -> VM:
    """Neither its definition nor its process could be read: libvirt alone tells of it."""
    known = domain(
        uuid=uuid(5), name="instance-00000005", domain_id=5, cpu_s=4.0, user_s=3.0, system_s=1.0,
        current_vcpus=2, vcpus=(Vcpu(0, 2.0, 0.5, 0.25), Vcpu(1, None, None, None)),
    )  # fmt: skip
    return vm(known, vm_id=uuid(5), monitor=Monitor(3.0, None), vcpus=2, checks=replace(FINE, network=None))


def opennebula() -> VM:
    one = domain(uuid=uuid(6), name="one-77", domain_id=6)
    who = Identity(
        vm_id="77",
        name="db",
        project_id="100",
        project_name="oneadmin",
        user_id="2",
        user_name="bob",
        vcpus=1,
        nics=(
            Nic(
                device="one-77-0",
                link=True,
                kind="bridge",
                mac="02:00:0a:00:00:4d",
                model="virtio",
                bridge="onebr1",
                network="",
                switch="",
                port_id="0",
            ),
        ),
        disks=(
            DiskFacts(
                device="vda",
                kind="disk",
                bus="virtio",
                source_type="network",
                source="one/one-5-77-0",
                protocol="rbd",
                format="raw",
                mirror="copy",
            ),
            DiskFacts(device="hda", kind="cdrom", bus="ide", source_type="file"),
        ),
    )
    return kvm(vm_id="77", domain=one, identity=who)


def lxc() -> VM:
    """A container: no disks, no vCPUs that the kernel tells, memory by its cgroup."""
    box = domain(
        uuid=uuid(7), name="box", domain_id=7, reason="unknown", cpu_s=8.0, current_vcpus=2, disks=(),
        balloon=replace(NO_BALLOON, current=GIB, maximum=GIB, rss=GIB // 8),
    )  # fmt: skip
    return kvm(
        vm_id=uuid(7),
        domain=box,
        identity=Identity(vm_id=uuid(7), name="box"),
        kernel=kernel(
            vcpus={}, rss=None, blocked_s=None, pressure=VMPressure(Pressure(1.5, None), None, None)
        ),
        monitor=None,
        vcpus=2,
    )


def all_kinds() -> list[VM]:
    return [full(), shut_off(), paused_by_io_error(), hung(), unidentified(), opennebula(), lxc()]


def stats(**other: Any) -> dict[str, Any]:
    """Flat statistics of a domain that runs, as libvirt's bulk call gives them without monitors."""
    plain = {
        "state.state": 1, "state.reason": 1, "net.count": 1, "net.0.name": "vnet0", "net.0.rx.bytes": 1000,
        "net.0.tx.bytes": 2000,
    }  # fmt: skip
    return plain | other


def answer(**other: Any) -> dict[str, Any]:
    """What a monitor adds to `stats`."""
    return {"balloon.current": 1024, "balloon.rss": 512, "block.count": 0} | other


def of_vm(page: str, vm_id: str) -> list[str]:
    """The series of one VM on a page."""
    return [line for line in page.splitlines() if f'vm_id="{vm_id}"' in line]
