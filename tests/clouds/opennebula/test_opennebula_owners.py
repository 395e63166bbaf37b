"""Groups, users and their quotas."""

import pytest

from stratoscope.clouds.opennebula.client.items import root
from stratoscope.clouds.opennebula.owners import bounded, limits_of, quotas_of
from stratoscope.clouds.owners import Project, Quota, User
from support.opennebula import PLAIN, asked, changed


async def test_groups_are_projects_and_users_are_enabled_or_not() -> None:
    found = await asked("groups", changed("userpool.info", ("<ENABLED>1<", "<ENABLED>0<")))
    assert found.projects[0] == Project("101", "ops", "", None)
    assert len(found.projects) == 4
    assert found.users[0] == User("5", "probe", "", is_enabled=False)
    assert found.users[1].is_enabled is True
    assert found.truncated == {"projects": False, "users": False, "clusters": False}


async def test_a_plain_user_sees_itself_and_is_told_that_there_may_be_more() -> None:
    found = await asked("groups", PLAIN)
    assert found.truncated == {"projects": True, "users": True, "clusters": True}


async def test_malformed_groups_and_users_are_counted_together() -> None:
    users = changed("userpool.info", ("<ENABLED>1</ENABLED>", ""))
    groups = changed("grouppool.info", ("<NAME>ops</NAME>", ""))
    assert (await asked("groups", users | groups)).malformed == 2


async def test_quotas_of_groups_and_users_are_in_base_units() -> None:
    found = await asked("quotas")
    quotas = {
        (one.project_id or f"user {one.user_id}", one.service, one.resource): one for one in found.quotas
    }
    assert found.malformed == 0
    assert quotas["100", "vm", "MEMORY"] == Quota("100", "vm", "MEMORY", 64 << 30, 1280 << 20, None, True)
    assert quotas["100", "vm", "CPU"] == Quota("100", "vm", "CPU", 40.0, 1.0, None, False)
    assert quotas["100", "datastore", "SIZE 101"].limit == 10 << 30
    assert quotas["100", "network", "LEASES 0"] == Quota(
        "100", "network", "LEASES 0", 120.0, 20.0, None, False
    )
    assert quotas["user 2", "vm", "RUNNING_VMS"] == Quota("", "vm", "RUNNING_VMS", 3.0, 0.0, None, False, "2")


async def test_minus_1_is_the_default_and_minus_2_unlimited() -> None:
    default = (
        "<DEFAULT_GROUP_QUOTAS><DATASTORE_QUOTA></DATASTORE_QUOTA><NETWORK_QUOTA></NETWORK_QUOTA><VM_QUOTA>"
    )
    some = "<VM><CPU>50</CPU><CPU_USED>0</CPU_USED><MEMORY>1024</MEMORY><MEMORY_USED>0</MEMORY_USED></VM>"
    found = await asked("quotas", changed("grouppool.info", (default, default + some)))
    limits = {one.resource: one.limit for one in found.quotas if one.project_id == "101"}
    assert (limits["CPU"], limits["MEMORY"], limits["RUNNING_VMS"], limits["VMS"]) == (
        None,
        1 << 30,
        None,
        200,
    )


async def test_quotas_of_an_owner_that_make_no_sense_cost_it_alone() -> None:
    found = await asked("quotas", changed("grouppool.info", ("[40]]></CPU>", "[x]]></CPU>")))
    assert found.malformed == 1
    assert "100" not in {one.project_id for one in found.quotas}
    assert "101" in {one.project_id for one in found.quotas}


def test_of_quotas_of_single_objects_those_that_are_used_most_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stratoscope.clouds.opennebula.owners._MOST", 2)

    def quota(service: str, limit: float | None, used: float) -> Quota:
        return Quota("1", service, f"{service} {used}", limit, used, None, False)

    quotas = [
        quota("network", None, 900), quota("network", 0, 5), quota("network", 100, 50),
        quota("datastore", 10, 9), quota("vm", 10, 1),
    ]  # fmt: skip
    assert [one.service for one in bounded(quotas)] == ["vm", "datastore", "network"]
    assert [one.used for one in bounded(quotas)] == [1, 9, 50]


def quotas(text: str) -> list[Quota]:
    """Of a user."""
    return quotas_of([limits_of(root(text))], is_user=True)


def test_a_limit_of_0_allows_nothing() -> None:
    part = "<VM_QUOTA><VM><VMS>0</VMS><VMS_USED>0</VMS_USED></VM></VM_QUOTA>"
    assert [one.limit for one in quotas(f"<QUOTAS><ID>1</ID>{part}</QUOTAS>")] == [0]


def test_disks_of_vms_are_in_bytes() -> None:
    part = "<SYSTEM_DISK_SIZE>10</SYSTEM_DISK_SIZE><SYSTEM_DISK_SIZE_USED>1</SYSTEM_DISK_SIZE_USED>"
    found = quotas(f"<QUOTAS><ID>7</ID><VM_QUOTA><VM>{part}</VM></VM_QUOTA></QUOTAS>")
    assert found == [Quota("", "vm", "SYSTEM_DISK_SIZE", 10 << 20, 1 << 20, None, True, "7")]


def test_a_pool_without_defaults_has_unlimited_ones() -> None:
    part = "<VM_QUOTA><VM><VMS>-1</VMS><VMS_USED>4</VMS_USED></VM></VM_QUOTA>"
    found = quotas(f"<QUOTAS><ID>7</ID>{part}</QUOTAS>")
    assert found == [Quota("", "vm", "VMS", None, 4.0, None, False, "7")]


def test_quotas_of_clusters_are_their_own() -> None:
    everywhere = "<VM><CPU>-2</CPU><CPU_USED>9</CPU_USED></VM>"
    some = "<VM><CLUSTER_IDS>100,101</CLUSTER_IDS><CPU>5</CPU><CPU_USED>4</CPU_USED></VM>"
    found = quotas(f"<QUOTAS><ID>7</ID><VM_QUOTA>{everywhere}{some}</VM_QUOTA></QUOTAS>")
    assert found == [
        Quota("", "vm", "CPU", None, 9.0, None, False, "7"),
        Quota("", "cluster", "CPU 100,101", 5.0, 4.0, None, False, "7"),
    ]


@pytest.mark.parametrize("used", ["-4", "nan", ""])
def test_a_sum_that_makes_no_sense_is_unknown_and_its_limit_stays(used: str) -> None:
    part = f"<VM_QUOTA><VM><VMS>8</VMS><VMS_USED>{used}</VMS_USED></VM></VM_QUOTA>"
    found = quotas(f"<QUOTAS><ID>7</ID>{part}</QUOTAS>")
    assert found == [Quota("", "vm", "VMS", 8.0, None, None, False, "7")]
