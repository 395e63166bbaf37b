"""The metrics of the probe exporter."""

from typing import Final

from stratoscope.core.metrics import Family, Histogram
from stratoscope.vmprobe.tally import BOUNDS

_CLOUD: Final = ("cloud",)
_PROBE: Final = ("cloud", "probe")
_FAILURE: Final = (*_PROBE, "phase", "reason", "blame")
_HOST: Final = (*_PROBE, "host")
_KIND: Final = ("cloud", "kind")

INFO = Family(
    "stratoscope_vmprobe_probe_info",
    "A probe: flavor and zone as configured, and the image that its last run resolved.",
    labels=(*_PROBE, "flavor", "image_id", "zone"),
)
STATE = Family(
    "stratoscope_vmprobe_probe_state",
    "1 for the current state of the probe, 0 for the others.",
    labels=(*_PROBE, "state"),
)
INTERVAL = Family(
    "stratoscope_vmprobe_interval_seconds",
    "From the beginning of a run to the next, without pauses and back-off.",
    labels=_PROBE,
)
SUCCESS = Family(
    "stratoscope_vmprobe_success",
    "1 if the last run succeeded, 0 if it failed; absent before the first.",
    labels=_PROBE,
)
LAST_FAILURE = Family(
    "stratoscope_vmprobe_last_failure",
    "1 while the last run is a failure: the phase that failed first, why, and who can mend it.",
    labels=_FAILURE,
)
LAST_RUN = Family(
    "stratoscope_vmprobe_last_run_timestamp_seconds",
    "Unix time at which the last run ended that succeeded or failed.",
    labels=_PROBE,
)
LAST_SUCCESS = Family(
    "stratoscope_vmprobe_last_success_timestamp_seconds",
    "Unix time at which the last successful run ended; absent before the first.",
    labels=_PROBE,
)
RUNS = Family("stratoscope_vmprobe_runs_total", "Runs that succeeded or failed.", labels=_PROBE)
SUCCESSFUL = Family("stratoscope_vmprobe_successful_runs_total", "Runs that succeeded.", labels=_PROBE)
FAILED = Family(
    "stratoscope_vmprobe_failed_runs_total",
    "Runs that failed, by who can mend it; 0 for those without a failure.",
    labels=(*_PROBE, "blame"),
)
IN_A_ROW = Family(
    "stratoscope_vmprobe_consecutive_failures",
    "Runs that failed since the last success, or since the probe was changed; after a restart, of the last"
    " 50.",
    labels=_PROBE,
)
FAILURES = Family(
    "stratoscope_vmprobe_failures_total",
    "Runs that failed, by the phase that failed first, why, and who can mend it.",
    labels=_FAILURE,
)
SKIPPED = Family(
    "stratoscope_vmprobe_skipped_runs_total",
    "Runs that were due and did not begin: overlap, waiting, paused, limited, ledger.",
    labels=(*_PROBE, "reason"),
)
POLLS = Family(
    "stratoscope_vmprobe_polls_total", "Requests that only looked whether a phase had ended.", labels=_PROBE
)
PHASE = Histogram(
    "stratoscope_vmprobe_phase_duration_seconds",
    "Duration of a phase that succeeded; networked and built begin when the VM is scheduled.",
    labels=(*_PROBE, "phase"),
    bounds=BOUNDS,
)
LAST_PHASE = Family(
    "stratoscope_vmprobe_phase_last_duration_seconds",
    "Duration of each phase that succeeded in the last run.",
    labels=(*_PROBE, "phase"),
)
STEP_LEFT_OUT = Family(
    "stratoscope_vmprobe_step_left_out",
    "1 if the last run left the optional phase out: the cloud lacks the service, or the credential the"
    " right; else 0.",
    labels=(*_PROBE, "phase"),
)
BUILT = Histogram(
    "stratoscope_vmprobe_accepted_to_built_seconds",
    "From the answer to the request for the VM until it ran; right to half a polling step.",
    labels=_PROBE,
    bounds=BOUNDS,
)
NETWORKED = Histogram(
    "stratoscope_vmprobe_accepted_to_networked_seconds",
    "From the answer to the request for the VM until its port was bound, with its address; right to half a"
    " polling step.",
    labels=_PROBE,
    bounds=BOUNDS,
)
HOST_SUCCESS = Family(
    "stratoscope_vmprobe_host_success",
    "1 if the last run on this host succeeded, 0 if it failed; of hosts that a host rotation chose.",
    labels=_HOST,
)
HOST_LAST_RUN = Family(
    "stratoscope_vmprobe_host_last_run_timestamp_seconds",
    "Unix time at which the last run on this host ended.",
    labels=_HOST,
)
LEAKED = Family(
    "stratoscope_vmprobe_leaked_resources",
    "Objects of runs that have ended that should be gone, and are there or may be; 0 when all are gone.",
    labels=_KIND,
)
LEAKED_OLDEST = Family(
    "stratoscope_vmprobe_leaked_oldest_timestamp_seconds",
    "Unix time since which the oldest of the leaked objects exists; absent without one.",
    labels=_CLOUD,
)
KEPT = Family(
    "stratoscope_vmprobe_kept_resources", "Objects of failed runs that keep_failed keeps.", labels=_KIND
)
FAILED_DELETIONS = Family(
    "stratoscope_vmprobe_failed_deletions_total",
    "Deletions of leaked objects that failed; each is tried again.",
    labels=_KIND,
)
VMS = Family("stratoscope_vmprobe_vms", "VMs of runs in progress.", labels=_CLOUD)
VMS_LIMIT = Family(
    "stratoscope_vmprobe_vms_limit", "Most VMs of runs at once: limits.vms_at_once.", labels=_CLOUD
)
VM_SECONDS = Family(
    "stratoscope_vmprobe_vm_seconds_total",
    "For how long the VMs of runs have existed, in total; counted when a run ends.",
    labels=_CLOUD,
)
VM_SECONDS_DAY = Family(
    "stratoscope_vmprobe_vm_seconds_day",
    "For how long VMs have existed within the last 24 hours, in total; kept across restarts.",
    labels=_CLOUD,
)
VM_SECONDS_DAY_LIMIT = Family(
    "stratoscope_vmprobe_vm_seconds_day_limit",
    "Above this no run begins: limits.vm_hours_per_day, in seconds.",
    labels=_CLOUD,
)
SKEW = Family(
    "stratoscope_vmprobe_clock_skew_seconds",
    "By how much the cloud's clock is ahead of this machine's; its resolution is a second.",
    labels=_CLOUD,
)
LEDGER_ERRORS = Family(
    "stratoscope_vmprobe_ledger_errors_total", "How often the ledger could not be used.", labels=_CLOUD
)
PAUSE_URL_FAILURES = Family(
    "stratoscope_vmprobe_pause_url_failures_total",
    "How often pause_url gave no usable answer; then nothing pauses.",
    labels=_CLOUD,
)
HISTOGRAMS: Final = (PHASE, BUILT, NETWORKED)
OF_PROBES: Final = (
    INFO, STATE, INTERVAL, SUCCESS, LAST_FAILURE, LAST_RUN, LAST_SUCCESS, RUNS, SUCCESSFUL, FAILED,
    IN_A_ROW, FAILURES, SKIPPED, POLLS, PHASE, LAST_PHASE, STEP_LEFT_OUT, BUILT, NETWORKED, HOST_SUCCESS,
    HOST_LAST_RUN,
)  # fmt: skip
OF_CLOUDS: Final = (
    LEAKED, LEAKED_OLDEST, KEPT, FAILED_DELETIONS, VMS, VMS_LIMIT, VM_SECONDS, VM_SECONDS_DAY,
    VM_SECONDS_DAY_LIMIT, SKEW, LEDGER_ERRORS, PAUSE_URL_FAILURES,
)  # fmt: skip
