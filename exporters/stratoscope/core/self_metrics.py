"""Metrics about the process: version, configuration in force, resources."""

import platform
import time

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, disable_created_metrics

from stratoscope.core.metrics import CUT


class SelfMetrics:
    """Created when the configuration has been read at start."""

    def __init__(self, registry: CollectorRegistry, exporter: str, version: str) -> None:
        """Args: exporter: Its name, such as `hypervisor`."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types
        ProcessCollector(registry=registry)
        registry.register(CUT)
        labels = {"exporter": exporter, "version": version, "pythonversion": platform.python_version()}
        Gauge(
            "stratoscope_build_info",
            "The exporter, the version of Stratoscope and that of Python that runs; always 1.",
            tuple(labels),
            registry=registry,
        ).labels(**labels).set(1)
        self._ok = Gauge(
            "stratoscope_config_last_reload_successful",
            "1 if the configuration that was read last is in force, 0 if it was rejected and the one before "
            "stays in force.",
            registry=registry,
        )
        self._when = Gauge(
            "stratoscope_config_last_reload_success_timestamp_seconds",
            "Unix time at which the configuration in force was loaded.",
            registry=registry,
        )
        self.reloaded()

    def reloaded(self) -> None:
        """A configuration has come into force."""
        self._ok.set(1)
        self._when.set(time.time())

    def refused(self) -> None:
        """A configuration was rejected; the one before stays in force."""
        self._ok.set(0)
