"""Kernel same-page merging of the host. Source: /sys/kernel/mm/ksm/; no right needed."""

from typing import Final

import msgspec

from stratoscope.hypervisor.kernel import files
from stratoscope.hypervisor.kernel.files import PAGE_BYTES, Read, or_left_out, read_integer
from stratoscope.hypervisor.kernel.paths import Paths

_MERGES: Final = 1


class KSM(msgspec.Struct, frozen=True, gc=False):
    """Bytes, and the number of full scans.

    Attributes:
        is_running: ksmd merges now; if not, merged pages stay merged (run 0) or were separated (run 2).
        shared: Memory in shared pages.
        sharing: Memory that is saved by sharing.
        unshared: Checked, and found to be unique.
        volatile: Changes too fast to be merged.
        profit: Saved memory minus what KSM itself needs; may be negative. Since Linux 6.4.
    """

    is_running: bool
    shared: int | None
    sharing: int | None
    unshared: int | None
    volatile: int | None
    profit: int | None
    full_scans: int | None


@or_left_out
def read_ksm(paths: Paths, reader: Read = files.read) -> KSM | None:
    """KSM; absent if the kernel is built without it.

    Raises:
        ValueError: A file is malformed.
    """
    directory = f"{paths.sysfs}/kernel/mm/ksm"
    run = read_integer(f"{directory}/run", reader)
    if run is None:
        return None

    def in_bytes(name: str) -> int | None:
        pages = read_integer(f"{directory}/pages_{name}", reader)
        return None if pages is None else pages * PAGE_BYTES

    return KSM(
        is_running=run == _MERGES,
        shared=in_bytes("shared"),
        sharing=in_bytes("sharing"),
        unshared=in_bytes("unshared"),
        volatile=in_bytes("volatile"),
        profit=read_integer(f"{directory}/general_profit", reader),
        full_scans=read_integer(f"{directory}/full_scans", reader),
    )
