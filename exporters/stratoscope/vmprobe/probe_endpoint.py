"""The section `vmprobe.probe_endpoint`."""

import msgspec

from stratoscope.core.config import Duration


class ProbeEndpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of `vmprobe.probe_endpoint`.

    Attributes:
        enabled: Whether `/probe` answers. Each request may create a VM.
        min_interval: From the end of a run to the next that is begun for `/probe`.
    """

    enabled: bool = False
    min_interval: Duration = Duration(300)
