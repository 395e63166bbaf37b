"""Faults that probes meet, and faults of the probe exporter."""

from typing import Final

from stratoscope.demo.world.world import World
from support.faulty_stack import DAYS, FaultyStack
from support.rule_fault import RuleFault


def _refuse_boots(stack: FaultyStack) -> None:
    stack.clouds["creation"].fault("refuse_boot", refusal="no_valid_host")


def _deactivate(stack: FaultyStack) -> None:
    def deactivate(world: World) -> None:
        next(image for image in world.images if image.name == "cirros").status = "deactivated"

    stack.clouds["described"].change(deactivate)


def _pause(stack: FaultyStack) -> None:
    stack.exporters["vmprobe"].post("/api/v1/probes/forgotten/pause")


def _refuse_deletions(stack: FaultyStack) -> None:
    stack.clouds["leaky"].fault("500", service="compute", method="DELETE")


def _set_limit(stack: FaultyStack) -> None:
    exporter = stack.exporters["vmprobe-limited"]
    section = {**exporter.document["vmprobe"], "limits": {"vm_hours_per_day": 0.005}}
    exporter.reload({**exporter.document, "vmprobe": section})


def _damage_ledger(stack: FaultyStack) -> None:
    files = sorted(stack.exporters["vmprobe-ledger"].state.glob("*.db*"))
    for file in files:
        file.unlink()
    files[0].write_text("no database")


def _break_pause_url(stack: FaultyStack) -> None:
    del stack.pages.texts["/pause"]


def _set_clock(stack: FaultyStack) -> None:
    cloud = stack.clouds["skewed"]
    cloud.ahead_s = 120
    cloud.fault("expire_token", count=1)


_CREATION: Final = {"cloud": "creation"}
FAULTS: Final = (
    RuleFault(
        "StratoscopeVMCreationBroken",
        {**_CREATION, "phase": "scheduled", "reason": "no_valid_host"},
        "no host takes a VM any more",
        _refuse_boots,
    ),
    RuleFault(
        "StratoscopeErrorBudgetBurnsFast",
        {**_CREATION, "sloth_slo": "success"},
        "no host takes a VM any more",
        _refuse_boots,
    ),
    RuleFault(
        "StratoscopeErrorBudgetBurns",
        {**_CREATION, "sloth_slo": "success"},
        "no host takes a VM any more",
        _refuse_boots,
    ),
    RuleFault(
        "StratoscopeProbeMisconfigured",
        {"cloud": "described", "probe": "renamed", "blame": "project"},
        "the image of the probe is deactivated",
        _deactivate,
    ),
    RuleFault(
        "StratoscopeProbeMissing",
        {"cloud": "limited", "probe": "limited"},
        "the limit of VM hours is reached",
        _set_limit,
    ),
    RuleFault(
        "StratoscopeProbePaused",
        {"cloud": "described", "probe": "forgotten"},
        "somebody pauses the probe, and forgets it",
        _pause,
        DAYS,
    ),
    RuleFault(
        "StratoscopeProbeObjectsLeft",
        {"cloud": "leaky", "kind": "server"},
        "Nova answers deletions with status 500",
        _refuse_deletions,
    ),
    RuleFault(
        "StratoscopeProbeLimitNear", {"cloud": "limited"}, "the limit of VM hours is reached", _set_limit
    ),
    RuleFault(
        "StratoscopeProbeLedgerFailing",
        {"cloud": "ledger"},
        "the ledger is replaced by a file that is no database",
        _damage_ledger,
    ),
    RuleFault(
        "StratoscopeProbePauseUnknown",
        {"cloud": "skewed"},
        "the pause_url answers with status 500",
        _break_pause_url,
    ),
    RuleFault(
        "StratoscopeProbeClockSkewed",
        {"cloud": "skewed"},
        "the clock of the cloud is set two minutes ahead",
        _set_clock,
    ),
    RuleFault(
        "StratoscopeCloudClockSkewed",
        {"cloud": "skewed", "service": "identity"},
        "the clock of the cloud is set two minutes ahead",
        _set_clock,
    ),
)
