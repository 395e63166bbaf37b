"""The downtime exporter, with 10,000 downtimes and a real Alertmanager."""

import downtime_service
import downtime_silences
from results import Result


def run() -> list[Result]:
    return [*downtime_silences.run(), *downtime_service.run()]
