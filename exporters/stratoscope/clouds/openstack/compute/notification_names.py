"""The names of Nova's versioned notifications. Source: nova/objects/fields.py, NotificationAction."""

from typing import Final

_PHASES: Final = ("start", "end", "error")
_OF_INSTANCES: Final = (
    "create", "delete", "evacuate", "interface_attach", "interface_detach", "live_migration_abort",
    "live_migration_force_complete", "live_migration_post", "live_migration_post_dest", "live_migration_pre",
    "live_migration_rollback", "live_migration_rollback_dest", "pause", "power_off", "power_on", "reboot",
    "rebuild", "rescue", "resize", "resize_confirm", "resize_finish", "resize_prep", "resize_revert",
    "restore", "resume", "shelve", "shelve_offload", "shutdown", "snapshot", "soft_delete", "suspend",
    "trigger_crash_dump", "unpause", "unrescue", "unshelve", "volume_attach", "volume_detach", "volume_swap",
)  # fmt: skip
_OF_OTHERS: Final = (
    *(
        f"aggregate.{action}.{phase}"
        for action in (
            "add_host", "cache_images", "create", "delete", "remove_host", "update_metadata", "update_prop",
        )
        for phase in _PHASES
    ),
    *(f"keypair.{action}.{phase}" for action in ("create", "delete", "import") for phase in _PHASES),
    *(f"compute_task.{one}.error" for one in ("build_instances", "migrate_server", "rebuild_server")),
    *(f"{kind}.{action}" for kind in ("flavor", "service") for action in ("create", "delete", "update")),
    *(f"server_group.{action}" for action in ("add_member", "create", "delete")),
    *(f"scheduler.select_destinations.{phase}" for phase in _PHASES),
    "aggregate.cache_images.progress", "compute.exception", "libvirt.connect.error", "metrics.update",
    "volume.usage",
)  # fmt: skip
NAMES: Final = frozenset(
    {
        *(f"instance.{action}.{phase}" for action in _OF_INSTANCES for phase in _PHASES),
        *(f"instance.{one}" for one in ("exists", "lock", "rebuild_scheduled", "unlock", "update")),
        *_OF_OTHERS,
    }
)
"""The `event_type` of each: what may be a label."""
