# Cinder is inside alone:
# mypy: disable-error-code="import-not-found,import-untyped,misc"
"""Cinder's driver of the cloud: storage that only pretends.

The backend `thin` has two pools that may promise ten times what they have; `thick` has one without a size.
"""

from typing import Any

from cinder.volume import driver

POOLS: dict[str, dict[str, dict[str, Any]]] = {
    "thin": {
        "ssd": {"total_capacity_gb": 1000, "free_capacity_gb": 600.5, "provisioned_capacity_gb": 700},
        "hdd": {"total_capacity_gb": 20000, "free_capacity_gb": 19000, "provisioned_capacity_gb": 1000},
    },
    "thick": {"tape": {"total_capacity_gb": "unknown", "free_capacity_gb": "unknown"}},
}


class Driver(driver.VolumeDriver):
    """Everything succeeds at once."""

    VERSION = "1.0"

    def check_for_setup_error(self) -> None: ...
    def create_volume(self, volume: Any) -> None: ...
    def delete_volume(self, volume: Any) -> None: ...
    def create_snapshot(self, snapshot: Any) -> None: ...
    def delete_snapshot(self, snapshot: Any) -> None: ...
    def create_volume_from_snapshot(self, volume: Any, snapshot: Any) -> None: ...
    def create_cloned_volume(self, volume: Any, source: Any) -> None: ...
    def copy_image_to_volume(self, *given: Any, **more: Any) -> None: ...
    def copy_volume_to_image(self, *given: Any, **more: Any) -> None: ...
    def extend_volume(self, volume: Any, size: int) -> None: ...
    def ensure_export(self, context: Any, volume: Any) -> None: ...
    def create_export(self, context: Any, volume: Any, connector: Any) -> None: ...
    def remove_export(self, context: Any, volume: Any) -> None: ...
    def terminate_connection(self, volume: Any, connector: Any, **more: Any) -> None: ...

    def initialize_connection(self, volume: Any, connector: Any) -> dict[str, Any]:  # noqa: ARG002 - Cinder's
        return {"driver_volume_type": "fake", "data": {"volume_id": volume.id}}

    def _update_volume_stats(self) -> None:
        name = self.configuration.volume_backend_name
        common = {
            "thin_provisioning_support": name == "thin",
            "thick_provisioning_support": name == "thick",
            "max_over_subscription_ratio": self.configuration.max_over_subscription_ratio,
            "reserved_percentage": 5,
        }
        self._stats = {
            "volume_backend_name": name,
            "vendor_name": "none",
            "driver_version": self.VERSION,
            "storage_protocol": "pretended",
            "pools": [{"pool_name": pool} | common | sizes for pool, sizes in POOLS[name].items()],
        }
