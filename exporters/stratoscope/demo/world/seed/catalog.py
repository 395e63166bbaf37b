"""Flavors, images, names and default quotas of every embedded cloud."""

from typing import Final, NamedTuple


class FlavorRow(NamedTuple):
    """Attributes: weight: How often VMs have it."""

    name: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    weight: int
    extra_specs: dict[str, str]
    is_public: bool = True


PINNED: Final = {"hw:cpu_policy": "dedicated"}
HUGE_PAGES: Final = {"hw:mem_page_size": "large"}
ON_SSD: Final = {"trait:CUSTOM_SSD": "required"}

FLAVORS: Final = (
    FlavorRow("t1.nano", 1, 512, 5, 14, {}),
    FlavorRow("m1.small", 1, 2048, 20, 26, {}),
    FlavorRow("m1.medium", 2, 4096, 40, 26, {}),
    FlavorRow("m1.large", 4, 8192, 80, 14, {}),
    FlavorRow("m1.xlarge", 8, 16384, 160, 5, {}),
    FlavorRow("c1.large", 8, 8192, 40, 4, {}),
    FlavorRow("r1.large", 4, 32768, 80, 3, {}),
    FlavorRow("p1.pinned", 4, 8192, 40, 4, PINNED),
    FlavorRow("h1.hugepages", 4, 16384, 40, 2, HUGE_PAGES),
    FlavorRow("d1.ssd", 2, 8192, 100, 2, ON_SSD),
    FlavorRow("x1.whole", 48, 393216, 400, 0, {}, is_public=False),
)


class ImageRow(NamedTuple):
    """Attributes: weight: How often VMs have it; 0 for never."""

    name: str
    size_mib: int
    weight: int
    status: str = "active"
    visibility: str = "public"
    is_hidden: bool = False
    min_memory_mib: int = 0
    min_disk_gib: int = 0


IMAGES: Final = (
    ImageRow("debian-13", 420, 30),
    ImageRow("ubuntu-24.04", 610, 34),
    ImageRow("rocky-9", 1150, 18),
    ImageRow("cirros", 21, 4),
    ImageRow("windows-2022", 9200, 6, min_memory_mib=4096, min_disk_gib=40),
    ImageRow("ubuntu-20.04", 580, 8, is_hidden=True),
    ImageRow("centos-7", 890, 0, status="deactivated"),
    ImageRow("lab-golden", 2300, 0, visibility="private"),
    ImageRow("class-room", 1700, 0, visibility="shared"),
    ImageRow("upload-in-progress", 0, 0, status="queued", visibility="private"),
    ImageRow("nixos-unstable", 1300, 0, visibility="community"),
)

SUBJECTS: Final = (
    "astronomy", "biology", "chemistry", "climate", "economics", "genomics", "geology", "history",
    "informatics", "law", "linguistics", "materials", "mathematics", "medicine", "neuroscience", "optics",
    "particles", "robotics", "sociology", "teaching",
)  # fmt: skip
ROLES: Final = ("web", "db", "worker", "gateway", "build", "test", "notebook", "node")

TRAITS: Final = frozenset({
    "COMPUTE_ACCELERATORS", "COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_IMAGE_TYPE_RAW", "COMPUTE_NODE",
    "COMPUTE_TRUSTED_CERTS", "COMPUTE_VOLUME_EXTEND", "HW_CPU_X86_AVX", "HW_CPU_X86_AVX2", "HW_CPU_X86_SSE42",
})  # fmt: skip
SSD_TRAIT: Final = "CUSTOM_SSD"

DEFAULT_LIMITS: Final = {
    "instances": 10, "cores": 20, "ram": 51200,
    "volumes": 10, "gigabytes": 1000, "snapshots": 10, "backups": 10, "backup_gigabytes": 1000,
    "network": 100, "subnet": 100, "port": 500, "router": 10, "floatingip": 50, "security_group": 10,
    "security_group_rule": 100,
}  # fmt: skip
"""The default quotas."""
