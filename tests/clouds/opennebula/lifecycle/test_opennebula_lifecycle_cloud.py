"""Whole runs in the embedded OpenNebula, as its plain user, and each of its faults with its verdict."""

from pathlib import Path

import pytest

from stratoscope.clouds.lifecycle import Phase, RunReason
from stratoscope.vmprobe.record import Outcome, Run
from support.demo_one import DemoOne, demo_one
from support.one_run import verdict
from support.opennebula_vms import TAG, Probe, opened, vms

USER, ADMIN = "user1:demo", "oneadmin:demo"
NANO = "t1.nano"


def probe(one: DemoOne, session: str = USER, **described: str) -> Probe:
    """A run whose waiting lets the cloud's time pass."""
    made = Probe(one, session, template=NANO, **described)
    made.clock.slept = one.after
    return made


async def left(one: DemoOne, session: str = USER) -> int:
    """The VMs of probes that are not done."""
    async with opened(one, session) as zone:
        return len((await vms(zone, template=NANO).owned(TAG)).objects)


def said(ended: Run) -> str:
    assert ended.failure is not None
    return ended.failure.message


async def test_run_of_a_plain_user_succeeds_and_leaves_neither_vm_nor_lease() -> None:
    async with demo_one() as one:
        ended = await probe(one).run()
        assert ended.outcome is Outcome.SUCCESS, ended.failure
        assert ended.host in one.world.hosts
        assert await left(one) == 0
        assert ended.vm_id not in {port.device_id for port in one.world.ports}


async def test_administrator_deploys_on_each_host_that_takes_vms() -> None:
    async with demo_one() as one:
        hosts = await probe(one, ADMIN).hosts()
        assert len(hosts) > 1
        for host in hosts[:2]:
            ended = await probe(one, ADMIN).on(host).run()
            assert (ended.outcome, ended.host) == (Outcome.SUCCESS, host), ended.failure
        assert await left(one, ADMIN) == 0


async def test_plain_user_sees_no_host_and_may_not_deploy() -> None:
    async with demo_one() as one:
        assert await probe(one).hosts() == []
        assert verdict(await probe(one, host="0").run()) == (Phase.SCHEDULED, RunReason.POLICY, "project")
        assert await left(one) == 0


async def test_vm_that_never_boots_stays_and_is_recorded() -> None:
    async with demo_one() as one:
        one.cloud.faults.add({"fault": "refuse_boot", "refusal": "stuck"})
        stuck = probe(one).within(deleted=0.5)
        ended = await stuck.run()
        assert verdict(ended) == (Phase.NETWORKED, RunReason.TIMEOUT, "cloud")
        assert "last seen as BOOT" in said(ended)
        assert await left(one) == 1
        assert [*stuck.ledger.open_objects[ended.id]] == ["vm"]


@pytest.mark.parametrize(
    ("refusal", "phase", "reason", "words"),
    [
        ("quota", Phase.REQUEST, RunReason.QUOTA, "RUNNING_VMS quota"),
        ("leases", Phase.REQUEST, RunReason.NETWORK, "Cannot get IP/MAC lease"),
        ("image", Phase.REQUEST, RunReason.IMAGE, "does not exist"),
        ("internal", Phase.REQUEST, RunReason.API_ERROR, "Cannot store VM"),
        ("no_valid_host", Phase.SCHEDULED, RunReason.NO_VALID_HOST, "No host meets SCHED_REQUIREMENTS"),
        ("no_room", Phase.SCHEDULED, RunReason.NO_VALID_HOST, "Not enough CPU on hosts"),
        ("boot_failure", Phase.BUILT, RunReason.HYPERVISOR, "process exited while connecting"),
        ("network_failed", Phase.NETWORKED, RunReason.NETWORK, "network driver"),
        ("prolog_failure", Phase.BUILT, RunReason.IMAGE, "No space left on device"),
    ],
)
async def test_each_fault_of_the_cloud_has_its_phase_and_reason_and_leaves_nothing(
    refusal: str, phase: Phase, reason: RunReason, words: str
) -> None:
    async with demo_one() as one:
        one.cloud.faults.add({"fault": "refuse_boot", "refusal": refusal})
        ended = await probe(one).run()
        assert verdict(ended)[:2] == (phase, reason)
        assert words in said(ended)
        assert await left(one) == 0


async def test_file_of_the_embedded_cloud_is_a_credential_of_probes(tmp_path: Path) -> None:
    async with demo_one() as one:
        file = one.credentials(tmp_path)
        ended = await probe(one, credentials_file=str(file)).run()
        assert ended.outcome is Outcome.SUCCESS, ended.failure
