"""Flavors, images, names and default quotas of every embedded cloud."""

from collections.abc import Sequence
from typing import Any, Final

PINNED: Final = {"hw:cpu_policy": "dedicated"}
HUGE_PAGES: Final = {"hw:mem_page_size": "large"}
ON_SSD: Final = {"trait:CUSTOM_SSD": "required"}

FLAVORS: Final[Sequence[tuple[str, int, int, int, dict[str, str], int]]] = (
    ("t1.nano", 1, 512, 5, {}, 14),
    ("m1.small", 1, 2048, 20, {}, 26),
    ("m1.medium", 2, 4096, 40, {}, 26),
    ("m1.large", 4, 8192, 80, {}, 14),
    ("m1.xlarge", 8, 16384, 160, {}, 5),
    ("c1.large", 8, 8192, 40, {}, 4),
    ("r1.large", 4, 32768, 80, {}, 3),
    ("p1.pinned", 4, 8192, 40, PINNED, 4),
    ("h1.hugepages", 4, 16384, 40, HUGE_PAGES, 2),
    ("d1.ssd", 2, 8192, 100, ON_SSD, 2),
    ("x1.whole", 48, 393216, 400, {}, 0),
)
"""As Flavor has them after the id; the one that no VM has is not public."""
MIB: Final = 1 << 20
IMAGES: Final[Sequence[dict[str, Any]]] = (
    {"name": "debian-13", "size": 420 * MIB, "weight": 30},
    {"name": "ubuntu-24.04", "size": 610 * MIB, "weight": 34},
    {"name": "rocky-9", "size": 1150 * MIB, "weight": 18},
    {"name": "cirros", "size": 21 * MIB, "weight": 4},
    {"name": "windows-2022", "size": 9200 * MIB, "weight": 6, "min_memory_mib": 4096, "min_disk_gib": 40},
    {"name": "ubuntu-20.04", "size": 580 * MIB, "weight": 8, "is_hidden": True},
    {"name": "centos-7", "size": 890 * MIB, "status": "deactivated"},
    {"name": "lab-golden", "size": 2300 * MIB, "visibility": "private"},
    {"name": "class-room", "size": 1700 * MIB, "visibility": "shared"},
    {"name": "upload-in-progress", "size": None, "status": "queued", "visibility": "private"},
    {"name": "nixos-unstable", "size": 1300 * MIB, "visibility": "community"},
)
"""As in Image."""

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
