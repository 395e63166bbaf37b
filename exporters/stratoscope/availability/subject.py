"""What is available or not."""

import msgspec


class Subject(msgspec.Struct, frozen=True, order=True):
    """A cloud, one of its zones, or VMs with one of its images."""

    cloud: str = ""
    scope: str = ""
    zone: str = ""
    image_id: str = ""
