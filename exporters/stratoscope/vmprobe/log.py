"""What the log says: a line when a probe begins to fail, fails in another way, recovers, or leaves a step
out, and when sweeps begin to be incomplete."""

import logging
from collections.abc import Mapping

from stratoscope.vmprobe.record import Outcome, Run

log = logging.getLogger(__name__)


def log_end(ended: Run, before: Run | None, cloud: str) -> None:
    """Log how a run ended. Args: before: The run before it that succeeded or failed."""
    _log_left_out(ended, before, cloud)
    failure, was = ended.failure, before.failure if before else None
    if ended.outcome is Outcome.INTERRUPTED:
        log.info("run interrupted cloud=%s probe=%s run=%s", cloud, ended.probe, ended.id)
    elif failure is None:
        level = logging.INFO if was else logging.DEBUG
        log.log(level, "probe succeeded cloud=%s probe=%s run=%s", cloud, ended.probe, ended.id)
    else:
        is_new = was is None or (was.phase, was.reason) != (failure.phase, failure.reason)
        log.log(
            logging.ERROR if is_new else logging.DEBUG,
            "probe failed cloud=%s probe=%s run=%s phase=%s reason=%s blame=%s host=%s error=%r",
            *(cloud, ended.probe, ended.id, failure.phase, failure.reason, failure.blame),
            *(ended.host, failure.message),
        )


def _log_left_out(ended: Run, before: Run | None, cloud: str) -> None:
    """Each step that is left out, once."""
    for phase, why in ended.left_out.items():
        if before is None or phase not in before.left_out:
            log.warning("step left out cloud=%s probe=%s phase=%s error=%r", cloud, ended.probe, phase, why)


def log_sweep(failures: Mapping[str, str], before: Mapping[str, str], cloud: str) -> None:
    """Log for each credential when its sweeps begin to be incomplete, with a cause, and when that ends.

    Args:
        failures: Why the last sweep could not do all, by credential.
        before: Of the sweep before it.
    """
    for credential, why in failures.items():
        level = logging.DEBUG if credential in before else logging.WARNING
        log.log(level, "sweep incomplete cloud=%s credential=%s error=%r", cloud, credential, why)
    for credential in before.keys() - failures.keys():
        log.info("sweep complete again cloud=%s credential=%s", cloud, credential)
