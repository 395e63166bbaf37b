"""What the embedded cloud writes for hypervisor exporters: they read it as any host, and it moves."""

import asyncio
from pathlib import Path

import pytest

from demo.worlds import assert_consistent
from stratoscope.core.errors import ConfigError
from stratoscope.demo.command import main
from stratoscope.demo.openstack.app import OpenStack
from stratoscope.demo.openstack.hypervisors import writer
from stratoscope.demo.openstack.hypervisors.activity import stretch
from stratoscope.demo.openstack.hypervisors.guests import shown_hosts
from stratoscope.demo.openstack.hypervisors.writer import moving
from stratoscope.demo.openstack.seed import Size, build
from support import logs
from support.pages import promtool_findings
from support.shown_hosts import BEGAN, Shown, exporter_of
from support.source import until

VM = "stratoscope_hypervisor_vm"
HOST = "stratoscope_hypervisor_host"


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    return Shown(tmp_path)


@pytest.mark.parametrize("number", [0, 1])
async def test_exporter_shows_the_vms_of_nova_with_names_and_owners(shown: Shown, number: int) -> None:
    shown_host = shown.shown_hosts[number]
    async with exporter_of(shown.files[number].root) as exporter:
        page = await exporter.page()
    found = {have["vm_id"]: have for have, _ in page.all(f"{VM}_info")}
    assert set(found) == {vm.id for vm in shown_host.host.vms.values()}
    for vm in shown_host.host.vms.values():
        have = found[vm.id]
        assert (have["vm_name"], have["host"]) == (vm.name, shown_host.host.name)
        assert (have["project_id"], have["project_name"]) == (vm.project.id, vm.project.name)
        assert (have["user_id"], have["flavor"]) == (vm.user.id, vm.flavor.name)
        assert have["image_id"] == ("" if vm.image is None else vm.image.id)
    ports = {port.id for vm in shown_host.host.vms.values() for port in vm.ports}
    assert {have["port_id"] for have, _ in page.all(f"{VM}_nic_info")} == ports
    assert page.value(f"{HOST}_cpus") == shown_host.cpus


@pytest.mark.parametrize("number", [0, 1])
async def test_exporter_reads_everything_without_an_error(shown: Shown, number: int) -> None:
    async with exporter_of(shown.files[number].root) as exporter:
        text, page = await exporter.text(), await exporter.page()
    assert promtool_findings(text) == ""
    assert set(page.by("stratoscope_collector_success", "collector").values()) == {1}
    assert page.total("stratoscope_collector_malformed_items_total") == 0
    assert page.total(f"{HOST}_vms_unreadable") + page.total(f"{HOST}_vms_refused") == 0
    assert page.total(f"{VM}_status_check_failed") == 0
    active = [vm for vm in shown.shown_hosts[number].host.vms.values() if vm.vm_state == "active"]
    assert page.total(f"{HOST}_vms", state="running") == len(active)
    for name in ("cpu_seconds_total", "memory_rss_bytes", "network_up", "storage_blocked_seconds"):
        assert {have["vm_id"] for have, _ in page.all(f"{VM}_{name}")} >= {vm.id for vm in active}, name
    assert {"host_cpu", "numa", "ksm", "rapl", "conntrack", "pressure", "taps"}.isdisjoint(page.left_out())


async def test_what_the_mock_driver_makes_up_is_left_out(shown: Shown) -> None:
    async with exporter_of(shown.files[0].root) as exporter:
        page = await exporter.page()
    assert not page.all(f"{VM}_disk_read_bytes_total")
    assert not page.all(f"{VM}_network_receive_bytes_total")
    assert page.left_out()["disks"] == page.left_out()["network"] == "not_configured"


async def test_counters_grow_with_the_time_of_the_world(shown: Shown) -> None:
    async with exporter_of(shown.files[0].root) as exporter:
        pages = []
        for seconds in (10, 310):
            shown.move(seconds)
            pages.append(await exporter.page())
    before, after = (page.total(f"{HOST}_cpu_seconds_total") for page in pages)
    user = [page.total(f"{HOST}_cpu_seconds_total", mode="guest") for page in pages]
    cpus = shown.noisy.cpus
    # `guest` is part of `user`, and the waiting for disks part of what is idle.
    assert after - before - (user[1] - user[0]) == pytest.approx(300 * cpus, rel=0.05)
    for name in ("cpu_seconds_total", "vcpu_delay_seconds_total", "pressure_some_seconds_total"):
        assert pages[0].total(f"{VM}_{name}") < pages[1].total(f"{VM}_{name}"), name
    of_vms = pages[1].total(f"{VM}_cpu_seconds_total") - pages[0].total(f"{VM}_cpu_seconds_total")
    assert of_vms == pytest.approx(300 * cpus, rel=0.02)


async def test_clock_that_goes_back_lets_no_counter_fall(shown: Shown) -> None:
    async with exporter_of(shown.files[1].root) as exporter:
        shown.move(100)
        before = await exporter.page()
        shown.move(40)
        after = await exporter.page()
    for name in (f"{VM}_cpu_seconds_total", f"{HOST}_energy_joules_total", f"{HOST}_cpu_seconds_total"):
        assert before.total(name) == after.total(name) > 0


async def test_noisy_neighbour_takes_all_it_wants_and_lets_others_wait(shown: Shown) -> None:
    async with exporter_of(shown.files[0].root) as exporter:
        shown.move(300)
        page = await exporter.page()
    noisy = shown.noisy.noisy
    assert noisy is not None
    used = page.by(f"{VM}_cpu_seconds_total", "vm_id")
    assert used[noisy.vm.id] == pytest.approx(300 * noisy.vcpus, rel=0.05)
    for guest in shown.noisy.running:
        delay = page.total(f"{VM}_vcpu_delay_seconds_total", vm_id=guest.vm.id)
        share = delay / (delay + used[guest.vm.id])
        assert share < 0.02 if guest is noisy else share > 0.2


async def test_vm_with_a_limit_is_throttled_at_half_its_cpus_and_the_others_hardly_wait(shown: Shown) -> None:
    async with exporter_of(shown.files[1].root) as exporter:
        shown.move(300)
        page = await exporter.page()
    (limited,) = [guest for guest in shown.limited.guests if guest.quota is not None]
    periods = page.by(f"{VM}_cpu_periods_total", "vm_id")
    assert set(periods) == {limited.vm.id}
    assert page.total(f"{VM}_cpu_throttled_periods_total") == pytest.approx(periods[limited.vm.id], rel=0.01)
    used = page.by(f"{VM}_cpu_seconds_total", "vm_id")
    assert used[limited.vm.id] == pytest.approx(150 * limited.vcpus, rel=0.1)
    assert page.total(f"{VM}_vcpu_delay_seconds_total") < 0.02 * sum(used.values())


def test_vm_that_its_user_stops_uses_nothing(shown: Shown, tmp_path: Path) -> None:
    guest = shown.limited.running[0]
    shown.move(10)
    guest.vm.vm_state = "stopped"
    shown.move(20)
    file = tmp_path / shown.limited.host.name / "proc" / str(guest.pid) / "stat"
    before = file.read_text()
    shown.move(600)
    assert file.read_text() == before


def test_no_half_of_a_file_remains(shown: Shown, tmp_path: Path) -> None:
    shown.move(5)
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


def test_only_files_that_have_changed_are_written(shown: Shown, tmp_path: Path) -> None:
    shown.move(5)
    before = {path: (path.stat().st_ino, path.read_text()) for path in tmp_path.rglob("*") if path.is_file()}
    shown.move(10)
    after = {path: (path.stat().st_ino, path.read_text()) for path in before}
    changed = {path for path in before if after[path][1] != before[path][1]}
    assert {path for path in before if after[path][0] != before[path][0]} == changed
    assert changed
    assert len(changed) < len(before) / 2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_churn_leaves_the_vms_of_the_two_hosts_alone(seed: int) -> None:
    now = [BEGAN]
    world = build(Size(), seed=seed, now=BEGAN)
    chosen = [one.host for one in shown_hosts(world)]
    cloud = OpenStack(world, lambda: now[0])
    before = {host.name: {vm.id: vm.vm_state for vm in host.vms.values()} for host in chosen}
    size = world.live
    for _ in range(60):
        now[0] += 60
        cloud.advance()
        assert abs(world.live - size) <= 0.01 * size
    assert {host.name: {vm.id: vm.vm_state for vm in host.vms.values()} for host in chosen} == before
    assert sum(vm.created > BEGAN for vm in world.vms) > 50
    assert_consistent(world)


@pytest.mark.parametrize("seed", range(5))
def test_hosts_take_vms_and_their_zones_have_others_that_do(seed: int) -> None:
    world = build(Size(), seed=seed, now=BEGAN)
    first, second = (one.host for one in shown_hosts(world))
    assert first.zone != second.zone
    for host in (first, second):
        others = [other for other in world.hosts.values() if other.zone == host.zone and not other.is_still]
        assert sum(world.can_run(other) for other in others) >= 2
        assert world.can_run(host)


def test_scheduler_chooses_neither_host_unless_an_administrator_requests_it() -> None:
    world = build(Size(), seed=1, now=BEGAN)
    (first, second), flavor = (one.host for one in shown_hosts(world)), next(iter(world.flavors.values()))
    claim = flavor.claim(boots_from_volume=False)
    chosen = {world.choose_host(claim, flavor, zone) for zone in (first.zone, second.zone) for _ in range(50)}
    assert len(chosen) > 2
    assert chosen.isdisjoint({first, second, None})
    assert world.choose_host(claim, flavor, "", only=first) is first


@pytest.mark.parametrize(("seed", "is_shown"), [(1, True), (2, False)])
def test_vm_that_dashboards_show_at_first_is_shown_if_its_host_can_be(seed: int, is_shown: bool) -> None:
    world = build(Size(), seed=seed, now=BEGAN)
    hosts = [one.host for one in shown_hosts(world)]
    opened = min(world.vms, key=lambda vm: (vm.project.name, vm.name))
    assert (opened.host in hosts) is is_shown
    assert hosts[0].zone != hosts[1].zone


def test_two_hosts_are_shown_of_a_cloud_without_vms() -> None:
    assert len({*shown_hosts(build(Size(vms=0), seed=1, now=BEGAN))}) == 2


async def test_files_move_by_themselves_until_the_end(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "EVERY_S", 0.01)
    folder = tmp_path / "moving"
    async with moving(shown.shown_hosts, shown.world, folder, "demo"):
        file = folder / shown.noisy.host.name / "proc/stat"
        before = file.read_text()
        shown.world.timeline.advance(BEGAN + 60)
        await until(lambda: file.read_text() != before)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "hosts"]


async def test_files_that_cannot_be_written_for_a_while_are_one_line_and_go_on(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "EVERY_S", 0.01)
    caplog.set_level("INFO")
    folder = tmp_path / "moving"
    async with moving(shown.shown_hosts, shown.world, folder, "demo"):
        process = folder / shown.noisy.host.name / "proc"
        process.rename(folder / "away")
        process.write_text("in its place")
        shown.world.timeline.advance(BEGAN + 60)
        await until(lambda: bool(logs.logged(caplog)))
        await asyncio.sleep(0.05)
        process.unlink()
        (folder / "away").rename(process)
        await until(lambda: "hosts written again" in caplog.text)
    assert [text.partition(" error=")[0] for text in logs.logged(caplog)] == [
        "hosts not written",
        "hosts written again",
    ]


async def test_folder_that_cannot_be_written_is_said_at_the_start(shown: Shown, tmp_path: Path) -> None:
    (tmp_path / "moving").mkdir()
    (tmp_path / "moving" / shown.noisy.host.name).write_text("")
    with pytest.raises(ConfigError, match=r"^--write-hosts: .*: File exists$"):
        async with moving(shown.shown_hosts, shown.world, tmp_path / "moving", "demo"):
            pass


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--hosts=11"], "--write-hosts: needs more hosts; allowed: --hosts=12 or more"),
        (["--write-hosts=/nope/hosts"], "--write-hosts: /nope: No such directory"),
        (["--write-hosts=/etc"], "--write-hosts: /etc: expected a new or empty folder"),
        (["--write-hosts=/etc/passwd"], "--write-hosts: /etc/passwd: expected a new or empty folder"),
        (["--write-hosts="], "--write-hosts: expected a value, got nothing"),
    ],
)
def test_wrong_folder_is_one_line_and_status_2(
    flags: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logs.as_it_was():
        assert main([f"--write-hosts={tmp_path}/hosts", *flags]) == 2
    assert capsys.readouterr().err == f"stratoscope demo-cloud: {message}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "hosts"])
def test_folder_to_which_others_may_write_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o757)
    with logs.as_it_was():
        assert main([f"--write-hosts={tmp_path / name}"]) == 2
    assert f"--write-hosts: {tmp_path}: other users may write there" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_folder_is_made_at_once_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger could make it while the cloud is built."""
    monkeypatch.setattr(asyncio, "run", lambda run: run.close())
    folder = tmp_path / "hosts"
    for _ in range(2):  # an empty one is as good
        with logs.as_it_was():
            assert main([f"--write-hosts={folder}"]) == 0
        assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "theirs").touch()
    with logs.as_it_was():
        assert main([f"--write-hosts={folder}"]) == 2


def test_folder_that_a_stranger_makes_meanwhile_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mkdir = Path.mkdir

    def late(folder: Path, mode: int) -> None:
        mkdir(folder)
        folder.chmod(0o757)
        mkdir(folder, mode)

    monkeypatch.setattr(Path, "mkdir", late)
    with logs.as_it_was():
        assert main([f"--write-hosts={tmp_path / 'hosts'}"]) == 2
    assert f"{tmp_path / 'hosts'}: other users may write there" in capsys.readouterr().err


def test_stretching_keeps_below_the_most_and_changes_no_more_than_it_must() -> None:
    assert stretch([1.0, 2.0, 0.0], [8.0, 3.0, 4.0], 6.0) == pytest.approx([3.0, 3.0, 0.0], abs=0.01)
    assert stretch([1.0, 2.0], [4.0, 4.0], 2.0) == pytest.approx([1.0, 2.0], abs=0.01)
