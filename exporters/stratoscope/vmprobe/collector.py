"""The collectors of this exporter. Source: what the probes of a cloud have counted; no request is made."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stratoscope.clouds.lifecycle import Phase
from stratoscope.core.collector import Collector
from stratoscope.core.metrics import Distribution, Family, Labels, Sample, optional_samples, states
from stratoscope.vmprobe import families as of
from stratoscope.vmprobe.database import LedgerError
from stratoscope.vmprobe.limits import CeilingSettings
from stratoscope.vmprobe.phases import OPTIONAL, Blame
from stratoscope.vmprobe.prober import Prober
from stratoscope.vmprobe.probing import Probing
from stratoscope.vmprobe.record import Run
from stratoscope.vmprobe.settings import PROBES
from stratoscope.vmprobe.sweep import Leaks
from stratoscope.vmprobe.tally import Observed, Skip, kind_of
from stratoscope.vmprobe.view import State

_STATES: Final[Mapping[str, Labels]] = {state: Labels(state=state) for state in State}
_PHASES: Final = {phase: Labels(phase=phase) for phase in Phase}
_BLAMES: Final = {blame: Labels(blame=blame) for blame in Blame}
_SKIPS: Final = {skip: Labels(reason=skip) for skip in Skip}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFacts:
    """One probe at one moment.

    Attributes:
        optional: The phases that it wants.
        in_a_row: Failures since the last success.
    """

    name: str
    flavor: str
    zone: str
    state: State
    interval_s: float
    optional: Sequence[Phase]
    last: Run | None
    last_success: Run | None
    runs: int
    in_a_row: int
    polls: int
    failures: Mapping[tuple[str, str, str], int]
    skipped: Mapping[Skip, int]
    phases: Mapping[Phase, Distribution]
    accepted: Mapping[Phase, Distribution]
    hosts: Mapping[str, Run]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudFacts:
    """One cloud at one moment. Attributes: vm_kinds: How the cloud calls VMs. day_s: None if unknown."""

    probes: Sequence[ProbeFacts]
    vm_kinds: Sequence[str]
    leaks: Leaks
    vms: int
    limits: CeilingSettings
    vm_s: float
    day_s: float | None
    skew_s: float | None
    ledger_errors: int
    pause_url_failures: int


class Probes(Collector[CloudFacts]):
    """All probes of one cloud."""

    offer = PROBES
    name = PROBES.name
    families: Sequence[Family] = (*of.OF_PROBES, *of.OF_CLOUDS)

    def __init__(self, prober: Prober) -> None:
        self.cloud, self._prober = prober.cloud, prober
        self._histograms = {one.name: one.with_bounds(prober.shared.bounds) for one in of.HISTOGRAMS}
        self.families = tuple(self._histograms.get(one.name, one) for one in type(self).families)
        self._labels = Labels(cloud=prober.cloud)
        self._of_probe: dict[str, Labels] = {}

    async def fetch(self) -> CloudFacts:
        prober, shared = self._prober, self._prober.shared
        skews = (one.lifecycle.clock_skew_s for one in prober.probings.values())
        return CloudFacts(
            day_s=await self._day_s(),
            probes=[_facts(probing) for probing in prober.probings.values()],
            vm_kinds=sorted({one.lifecycle.vm_kind for one in prober.probings.values()}),
            leaks=prober.sweep.leaks,
            vms=shared.ceilings.vms,
            limits=shared.ceilings.settings,
            vm_s=shared.vm_s,
            skew_s=next((skew_s for skew_s in skews if skew_s is not None), None),
            ledger_errors=shared.records.errors,
            pause_url_failures=shared.pause_url.failures,
        )

    def samples(self, data: CloudFacts, /) -> Iterable[Sample]:
        known, self._of_probe = self._of_probe, {}
        for probe in data.probes:
            labels = known.get(probe.name) or self._labels.plus(probe=probe.name)
            self._of_probe[probe.name] = labels
            yield from _of_probe(probe, labels)
            yield from self._durations(probe, labels)
        yield from self._of_cloud(data)

    async def _day_s(self) -> float | None:
        if self._prober.shared.closed:
            return None
        try:
            return await self._prober.shared.ceilings.day_s()
        except LedgerError as error:
            self._prober.shared.records.failed(error)
            return None

    def _durations(self, probe: ProbeFacts, labels: Labels) -> Iterable[Sample]:
        for one, distribution in probe.phases.items():
            yield self._histograms[of.PHASE.name](distribution, labels.at(_PHASES[one]))
        for family, one in ((of.BUILT, Phase.BUILT), (of.NETWORKED, Phase.NETWORKED)):
            if one in probe.accepted:
                yield self._histograms[family.name](probe.accepted[one], labels)

    def _of_cloud(self, data: CloudFacts) -> Iterable[Sample]:
        cloud, leaks = self._labels, data.leaks
        if leaks.is_known:
            by_kind = ((of.LEAKED, leaks.by_kind), (of.KEPT, leaks.kept))
            for family, numbers in (*by_kind, (of.FAILED_DELETIONS, leaks.failed_deletions)):
                for kind, number in {**dict.fromkeys(data.vm_kinds, 0), **numbers}.items():
                    yield family(number, cloud.plus(kind=kind))
        yield of.VMS(data.vms, cloud)
        yield of.VMS_LIMIT(data.limits.vms_at_once, cloud)
        yield of.VM_SECONDS(data.vm_s, cloud)
        yield of.VM_SECONDS_DAY_LIMIT(data.limits.vm_hours_per_day * 3600, cloud)
        yield of.LEDGER_ERRORS(data.ledger_errors, cloud)
        yield of.PAUSE_URL_FAILURES(data.pause_url_failures, cloud)
        families = (of.LEAKED_OLDEST, of.VM_SECONDS_DAY, of.SKEW)
        yield from optional_samples(families, (leaks.oldest, data.day_s, data.skew_s), cloud)


def _facts(probing: Probing) -> ProbeFacts:
    probe, tally = probing.probe, probing.tally
    return ProbeFacts(
        name=probe.name,
        flavor=probe.vm.flavor,
        zone=probe.vm.zone,
        state=probing.state,
        interval_s=probing.interval_s,
        optional=[phase for phase in probe.timeouts if phase in OPTIONAL],
        last=probing.last,
        last_success=probing.last_success,
        runs=tally.runs,
        in_a_row=probing.failures_in_a_row,
        polls=tally.polls,
        failures=dict(tally.failures),
        skipped=dict(tally.skipped),
        phases=_distributions(tally.phases),
        accepted=_distributions(tally.accepted),
        hosts=dict(probing.by_host),
    )


def _distributions(observed: Mapping[Phase, Observed]) -> Mapping[Phase, Distribution]:
    return {phase: one.distribution for phase, one in observed.items()}


def _of_probe(probe: ProbeFacts, labels: Labels) -> Iterable[Sample]:
    image_id = "" if probe.last is None else probe.last.image_id
    yield of.INFO(1, labels.plus(flavor=probe.flavor, image_id=image_id, zone=probe.zone))
    yield from states(of.STATE, probe.state, _STATES, labels)
    yield of.INTERVAL(probe.interval_s, labels)
    yield of.RUNS(probe.runs, labels)
    yield of.SUCCESSFUL(probe.runs - sum(probe.failures.values()), labels)
    yield of.IN_A_ROW(probe.in_a_row, labels)
    yield of.POLLS(probe.polls, labels)
    for skip, label in _SKIPS.items():
        yield of.SKIPPED(probe.skipped.get(skip, 0), labels.at(label))
    failed: Counter[str] = Counter()
    for (phase, reason, blame), number in probe.failures.items():
        failed[blame] += number
        yield of.FAILURES(number, labels.plus(phase=phase, reason=reason, blame=blame))
    for blame in Blame:
        yield of.FAILED(failed[blame], labels.at(_BLAMES[blame]))
    if probe.last is not None:
        yield from _of_last(probe.last, labels)
        for one in probe.optional:
            yield of.STEP_LEFT_OUT(one in probe.last.left_out, labels.at(_PHASES[one]))
    if probe.last_success is not None:
        yield of.LAST_SUCCESS(probe.last_success.ended, labels)
    for host, run in probe.hosts.items():
        of_host = labels.plus(host=host)
        yield of.HOST_SUCCESS(run.failure is None, of_host)
        yield of.HOST_LAST_RUN(run.ended, of_host)


def _of_last(last: Run, labels: Labels) -> Iterable[Sample]:
    yield of.SUCCESS(last.failure is None, labels)
    yield of.LAST_RUN(last.ended, labels)
    if last.failure is not None:
        phase, reason, blame = kind_of(last.failure)
        yield of.LAST_FAILURE(1, labels.plus(phase=phase, reason=reason, blame=blame))
    for one, seconds in last.phases.items():
        yield of.LAST_PHASE(seconds, labels.at(_PHASES[one]))
