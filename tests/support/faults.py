"""All faults of embedded clouds, exporters, Alertmanagers and Prometheus."""

from typing import Final

from support.faults_of_clouds import FAULTS as OF_CLOUDS
from support.faults_of_downtimes import FAULTS as OF_DOWNTIMES
from support.faults_of_exporters import FAULTS as OF_EXPORTERS
from support.faults_of_exporters import LAST
from support.faults_of_probes import FAULTS as OF_PROBES

SIDE_BY_SIDE: Final = (*OF_CLOUDS, *OF_PROBES, *OF_DOWNTIMES, *OF_EXPORTERS)
ALL: Final = (*SIDE_BY_SIDE, *LAST)
