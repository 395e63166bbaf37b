"""What the benchmarks take from the tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from support.alertmanagers import RealAlertmanager, unpacked
from support.downtime_process import DowntimeProcess

__all__ = ["DowntimeProcess", "RealAlertmanager", "unpacked"]
