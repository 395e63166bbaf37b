"""Disks and interfaces of real guests: what virsh says they are, and what is done to them."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from guests.host import FOLDER, STARTED

from integration.conftest import RunningExporter
from integration.virsh import Page, page, virsh, wait_for

pytestmark = pytest.mark.integration

GUEST, GUEST_ID = "strato-2", "57a70000-0000-4000-8000-000000000002"
SMALL, SMALL_ID = "strato-tiny-1", "57a70000-0000-4000-8000-000000001001"
NOBODY = 65534
MINUTE_S = 60


def rows(*arguments: str) -> list[list[str]]:
    """A table of virsh's without its head, `-` for what is not there."""
    return [line.split() for line in virsh(*arguments).splitlines() if line.strip() and "---" not in line]


def domains(of_page: Page) -> Iterator[tuple[str, str]]:
    for labels, _ in of_page.all("vm_info"):
        yield labels["domain"], labels["vm_id"]


def part(element: ET.Element, path: str) -> ET.Element:
    found = element.find(path)
    return ET.Element("none") if found is None else found


def ip(*arguments: str) -> str:
    command = ["ip", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


def tap_of(domain: str) -> str:
    return rows("domiflist", domain)[0][0]


def test_disks_are_those_of_virsh_domblklist(exporter: RunningExporter) -> None:
    ours, compared = page(exporter.get()), 0
    for domain, vm_id in domains(ours):
        shown = {
            (one["source_type"], one["kind"], one["device"], one["source"] or "-")
            for one, _ in ours.all("vm_disk_info", vm_id=vm_id)
        }
        assert shown == {tuple(row) for row in rows("domblklist", domain, "--details")}, domain
        compared += len(shown)
    assert compared >= 4


def test_disks_and_machine_are_those_of_virsh_dumpxml(exporter: RunningExporter) -> None:
    ours = page(exporter.get())
    for domain, vm_id in domains(ours):
        root = ET.fromstring(virsh("dumpxml", domain))  # noqa: S314 - libvirt wrote it
        ((info, _),) = ours.all("vm_info", vm_id=vm_id)
        machine = part(root, "os/type")
        assert (info["os_type"], info["arch"], info["machine"]) == (
            machine.text, machine.get("arch"), machine.get("machine"),
        )  # fmt: skip
        for disk in root.iterfind("devices/disk"):
            target, driver = (part(disk, name) for name in ("target", "driver"))
            ((shown, _),) = ours.all("vm_disk_info", vm_id=vm_id, device=target.get("dev", ""))
            assert (shown["bus"], shown["format"], shown["cache"], shown["serial"]) == (
                target.get("bus"), driver.get("type", ""), driver.get("cache", ""),
                disk.findtext("serial", ""),
            )  # fmt: skip


def test_interfaces_are_those_of_virsh_domiflist_and_domif_getlink(exporter: RunningExporter) -> None:
    ours, compared = page(exporter.get()), 0
    for domain, vm_id in domains(ours):
        shown = {
            (one["device"] or "-", one["kind"], one["network"] or one["bridge"], one["model"], one["mac"])
            for one, _ in ours.all("vm_nic_info", vm_id=vm_id)
        }
        assert shown == {tuple(row) for row in rows("domiflist", domain)}, domain
        for device, *_ in shown:
            if device != "-" and ours.value("vm_network_link_up", vm_id=vm_id, device=device) is not None:
                link = ours.value("vm_network_link_up", vm_id=vm_id, device=device)
                assert link == (virsh("domif-getlink", domain, device).split()[-1] == "up")
                compared += 1
    assert compared >= 2


def test_virtual_cpus_have_the_states_of_virsh_vcpucount(exporter: RunningExporter) -> None:
    ours = page(exporter.get())
    states = [labels["state"] for labels, _ in ours.all("vm_vcpu_state", vm_id=GUEST_ID)]
    assert len(states) == int(virsh("vcpucount", GUEST, "--maximum", "--live"))
    assert states.count("running") == int(virsh("vcpucount", GUEST, "--active", "--live"))


def test_guest_that_is_off_keeps_the_sizes_of_virsh_domblkinfo(exporter: RunningExporter) -> None:
    ours = page(exporter.get())
    ((labels, _),) = ours.all("vm_info", domain="strato-off")
    vm_id = labels["vm_id"]
    told = dict(re.findall(r"(\w+): +(\d+)", virsh("domblkinfo", "strato-off", "vda")))
    for name in ("capacity", "allocation", "physical"):
        assert ours.value(f"vm_off_disk_{name}_bytes", vm_id=vm_id, device="vda") == int(told[name.title()])
        assert ours.value(f"vm_disk_{name}_bytes", vm_id=vm_id, device="vda") is None
    assert ours.value("vm_off_vcpus", vm_id=vm_id) == int(
        virsh("vcpucount", "strato-off", "--config", "--current")
    )
    assert not ours.all("vm_off_vcpus", vm_id=GUEST_ID)


def test_physical_size_of_a_running_guests_disk_is_what_its_image_takes(exporter: RunningExporter) -> None:
    image = FOLDER / "disks" / f"{GUEST}-vdb"
    before = image.stat().st_blocks * 512
    shown = page(exporter.get()).value("vm_disk_physical_bytes", vm_id=GUEST_ID, device="vdb")
    assert shown is not None
    assert before <= shown <= max(before, image.stat().st_blocks * 512)


def test_tap_that_is_taken_off_its_bridge_fails_the_network_until_it_is_back(
    exporter: RunningExporter,
) -> None:
    tap = tap_of(GUEST)
    bridge = Path(f"/sys/class/net/{tap}/master").resolve().name

    def seen() -> tuple[float | None, float | None]:
        ours = page(exporter.get())
        attached = ours.value("vm_network_attached", vm_id=GUEST_ID, device=tap)
        return attached, ours.value("vm_status_check_failed", vm_id=GUEST_ID, check="network")

    assert seen() == (1, 0)
    ip("link", "set", tap, "nomaster")
    try:
        assert seen() == (0, 1)
    finally:
        ip("link", "set", tap, "master", bridge)
    assert seen() == (1, 0)


def test_who_listens_on_a_tap_is_noticed_and_blames_nobody(exporter: RunningExporter) -> None:
    tap = tap_of(GUEST)

    def seen() -> tuple[float | None, float | None]:
        ours = page(exporter.get())
        changed = ours.value("vm_network_promiscuous_changed", vm_id=GUEST_ID, device=tap)
        return changed, ours.value("vm_status_check_failed", vm_id=GUEST_ID, check="network")

    assert seen() == (0, 0)
    ip("link", "set", tap, "promisc", "on")
    try:
        assert seen() == (1, 0)
    finally:
        ip("link", "set", tap, "promisc", "off")
    assert seen() == (0, 0)


@pytest.mark.full
@pytest.mark.timeout(4 * MINUTE_S)
def test_link_that_is_set_down_shows_within_a_minute(exporter: RunningExporter) -> None:
    tap = tap_of(GUEST)

    def link() -> float | None:
        return page(exporter.get()).value("vm_network_link_up", vm_id=GUEST_ID, device=tap)

    assert link() == 1
    virsh("domif-setlink", GUEST, tap, "down")
    try:
        wait_for(lambda: link() == 0, MINUTE_S)
    finally:
        virsh("domif-setlink", GUEST, tap, "up")
    wait_for(lambda: link() == 1, MINUTE_S)


@pytest.mark.full
@pytest.mark.timeout(5 * MINUTE_S)
def test_copy_of_a_disk_is_as_far_as_virsh_blockjob_says(exporter: RunningExporter) -> None:
    copy = FOLDER / "disks" / f"{SMALL}-copy"
    virsh("blockcopy", SMALL, "vda", str(copy), "--transient-job", "--bytes", "--bandwidth", "20000")
    try:

        def shown() -> dict[str, float]:
            ours = page(exporter.get())
            names = ("bytes", "processed_bytes", "limit_bytes_per_second")
            of_vm = {
                name: ours.all(f"vm_block_job_{name}", vm_id=SMALL_ID, operation="copy") for name in names
            }
            return {name: samples[0][1] for name, samples in of_vm.items() if samples}

        wait_for(lambda: len(shown()) == 3, 2 * MINUTE_S)
        told = dict(re.findall(r"(\w+)=(\d+)", virsh("blockjob", SMALL, "vda", "--raw", "--bytes")))
        assert shown() == {
            "bytes": int(told["end"]),
            "processed_bytes": pytest.approx(int(told["cur"]), abs=30 * 20000),
            "limit_bytes_per_second": int(told["bandwidth"]),
        }
    finally:
        virsh("blockjob", SMALL, "vda", "--abort")
        copy.unlink(missing_ok=True)
    wait_for(lambda: not shown(), MINUTE_S)


@pytest.mark.parametrize("uri", ["qemu:///session", "qemu+unix:///session"])
def test_session_of_an_ordinary_user_is_unavailable_and_starts_no_daemon(uri: str) -> None:
    home = Path(tempfile.mkdtemp(prefix="strato-home-", dir="/tmp"))
    try:
        os.chown(home, NOBODY, NOBODY)
        program = Path(__file__).with_name("as_session_user.py")
        command = [sys.executable, program, str(home), uri]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stdout.split()) == (0, ["unavailable"]), done.stderr
    finally:
        shutil.rmtree(home)


def test_qemus_user_may_use_kvm_so_that_guests_start_quickly() -> None:
    device = Path("/dev/kvm")
    if device.exists() and STARTED.read_text() == "hand":
        assert (device.group(), device.stat().st_mode & 0o777) == ("kvm", 0o660)
