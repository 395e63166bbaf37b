"""Who the guests are, what is special about each, and how libvirt is told of them."""

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from guests.host import FOLDER, NAME

OURS = "57a70000-"
"""How the UUIDs of our domains begin: no other domain is ever touched."""

NOVA = "http://openstack.org/xmlns/libvirt/nova/1.1"
ONE = "http://opennebula.org/xmlns/libvirt/1.0"


@dataclass(frozen=True, slots=True)
class Guest:
    """One domain to be. `owner` is nova, one, or empty for a domain that no cloud made."""

    name: str
    number: int
    owner: str = "nova"
    is_linux: bool = True
    has_second_disk: bool = False  # with limits, an iothread and a second vCPU
    cpu_quota_us: int = 0  # of each 100 ms, for the whole domain; 0 is no limit
    link: str = "up"
    start: str = "running"  # or paused, or off

    @property
    def uuid(self) -> str:
        return f"{OURS}0000-4000-8000-{self.number:012d}"

    def disk(self, device: str) -> Path:
        return FOLDER / "disks" / f"{self.name}-{device}"


def wanted(linux: int, tiny: int) -> list[Guest]:
    """The special guests first, then plain ones up to the number asked for; boot sectors; one shut off."""
    special = [
        Guest("strato-1", 1),
        Guest("strato-2", 2, has_second_disk=True),
        Guest("strato-3", 3, cpu_quota_us=10_000),
        Guest("one-7", 4, owner="one"),
        Guest("strato-5", 5, owner="", link="down"),
        Guest("strato-6", 6, start="paused"),
    ]
    return [
        *special[:linux],
        *(Guest(f"strato-{number}", number) for number in range(len(special) + 1, linux + 1)),
        *(Guest(f"strato-tiny-{number}", 1000 + number, is_linux=False) for number in range(1, tiny + 1)),
        Guest("strato-off", 9999, is_linux=False, start="off"),
    ]


def domain_xml(guest: Guest, memory_mib: int) -> str:
    """The domain's definition: emulated, so that it runs where there is no KVM."""
    more = int(guest.has_second_disk)
    return f"""<domain type='qemu'><name>{guest.name}</name><uuid>{guest.uuid}</uuid>
<metadata>{_metadata(guest)}</metadata>
<memory unit='MiB'>{memory_mib}</memory><vcpu>{1 + more}</vcpu><iothreads>{more}</iothreads>
<cputune>{_quota(guest)}</cputune>
<os><type arch='x86_64' machine='pc'>hvm</type>{_boot(guest)}</os>
<features><acpi/><tcg><tb-cache unit='MiB'>32</tb-cache></tcg></features>
<devices>{_disks(guest)}
<interface type='network'><source network='{NAME}'/><model type='virtio'/>
<link state='{guest.link}'/><rom enabled='no'/></interface>
<memballoon model='virtio'><stats period='5'/></memballoon>
<serial type='file'><source path='{FOLDER}/{guest.name}.console'/></serial>
<controller type='usb' model='none'/></devices></domain>"""


def _metadata(guest: Guest) -> str:
    """What the cloud that made the domain writes into it, as Nova 28 and OpenNebula 6.10 do."""
    n = guest.number
    match guest.owner:
        case "nova":
            return f"""<nova:instance xmlns:nova='{NOVA}'><nova:package version='28.0.0'/>
<nova:name>vm-{n}</nova:name><nova:creationTime>2026-11-01 08:00:00</nova:creationTime>
<nova:flavor name='strato.small'><nova:memory>96</nova:memory><nova:disk>1</nova:disk><nova:swap>0</nova:swap>
<nova:ephemeral>0</nova:ephemeral><nova:vcpus>1</nova:vcpus></nova:flavor>
<nova:owner><nova:user uuid='user-{n % 5}'>user{n % 5}</nova:user>
<nova:project uuid='project-{n % 3}'>project{n % 3}</nova:project></nova:owner>
<nova:root type='image' uuid='image-{n % 2}'/></nova:instance>"""
        case "one":
            return f"""<one:vm xmlns:one='{ONE}'>
<one:system_datastore><![CDATA[/var/lib/one//datastores/0/7]]></one:system_datastore>
<one:name><![CDATA[web & db]]></one:name><one:uname><![CDATA[alice]]></one:uname><one:uid>4</one:uid>
<one:gname><![CDATA[physics]]></one:gname><one:gid>101</one:gid>
<one:opennebula_version>6.10.0</one:opennebula_version><one:stime>1793520000</one:stime>
<one:deployment_time>1793520060</one:deployment_time></one:vm>"""
        case _:
            return ""


def _quota(guest: Guest) -> str:
    if not guest.cpu_quota_us:
        return ""
    return f"<global_period>100000</global_period><global_quota>{guest.cpu_quota_us}</global_quota>"


def _boot(guest: Guest) -> str:
    if not guest.is_linux:
        return "<boot dev='hd'/>"
    busy = int(guest.cpu_quota_us > 0)  # so that the quota is always felt
    return f"""<kernel>{FOLDER}/vmlinuz</kernel><initrd>{FOLDER}/initrd</initrd>
<cmdline>console=ttyS0 quiet panic=-1 tsc=reliable number={guest.number} busy={busy}</cmdline>"""


def _disks(guest: Guest) -> str:
    kind = "qcow2" if guest.is_linux else "raw"
    first = f"""<disk type='file' device='disk'><driver name='qemu' type='{kind}'/>
<source file={quoteattr(str(guest.disk("vda")))}/><target dev='vda' bus='virtio'/></disk>"""
    if not guest.has_second_disk:
        return first
    return f"""{first}<disk type='file' device='disk'><driver name='qemu' type='raw' iothread='1'/>
<source file={quoteattr(str(guest.disk("vdb")))}/><target dev='vdb' bus='virtio'/>
<iotune><total_bytes_sec>10485760</total_bytes_sec><read_iops_sec>400</read_iops_sec>
<write_iops_sec>200</write_iops_sec></iotune></disk>"""
