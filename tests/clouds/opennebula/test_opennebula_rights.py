"""What a credential may not see oned leaves out without a word: an empty pool, and a part of one."""

from typing import Any

import pytest

from stratoscope.clouds.opennebula.client.access import RESOURCES
from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.core.errors import LeftOut, LeftOutError
from support.opennebula import PLAIN, asked

ALL = 0x400000000
NO_RULES = {"acl.info": "<ACL_POOL/>"}
POOLS = {
    "VM": ("vmpool.info", "<VM_POOL/>"),
    "HOST": ("hostpool.info", "<HOST_POOL/>"),
    "NET": ("vnpool.info", "<VNET_POOL/>"),
    "IMAGE": ("imagepool.info", "<IMAGE_POOL/>"),
    "TEMPLATE": ("templatepool.info", "<VMTEMPLATE_POOL/>"),
    "DATASTORE": ("datastorepool.info", "<DATASTORE_POOL/>"),
    "GROUP": ("grouppool.info", "<GROUP_POOL/>"),
    "USER": ("userpool.info", "<USER_POOL/>"),
}
ASKED = [
    ("vms", "VM"), ("migrations", "VM"), ("each_vm", "VM"), ("each_disk", "VM"),
    ("host_services", "HOST"), ("host_usage", "HOST"), ("hosts", "HOST"), ("inventories", "HOST"),
    ("room", "HOST"), ("room", "TEMPLATE"), ("templates", "TEMPLATE"), ("networks", "NET"),
    ("datastores", "DATASTORE"), ("images", "IMAGE"), ("groups", "GROUP"), ("groups", "USER"),
    ("quotas", "GROUP"), ("quotas", "USER"),
]  # fmt: skip
"""Each question with each pool that its answer is made of."""


def rule(*pools: str) -> dict[str, str]:
    """The access control list with a rule that lets the plain user use all of these."""
    resource = ALL | sum(RESOURCES[pool] for pool in pools)
    fields = f"<USER>0x100000002</USER><RESOURCE>{resource:#x}</RESOURCE><RIGHTS>0x1</RIGHTS>"
    return {"acl.info": f"<ACL_POOL><ACL><ID>9</ID>{fields}<ZONE>{ALL:#x}</ZONE></ACL></ACL_POOL>"}


def without(pool: str) -> dict[str, str]:
    """That pool is empty; the plain user sees the others."""
    return {method: text for name, (method, text) in POOLS.items() if name == pool}


def of_a_user(pool: str) -> dict[str, Any]:
    seen: dict[str, Any] = {"user.info": PLAIN["user.info"]}
    return seen | without(pool)


def test_each_question_but_that_for_zones_is_tried() -> None:
    """Zones are shown to any user."""
    names = {one.name for one in OpenNebula.questions}
    assert names - {question for question, _ in ASKED} == {"endpoints", "zones"}


@pytest.mark.parametrize(("question", "pool"), ASKED)
async def test_an_empty_pool_of_a_user_without_a_rule_is_unauthorized(question: str, pool: str) -> None:
    with pytest.raises(LeftOutError, match="an empty pool, and not all is visible") as caught:
        await asked(question, of_a_user(pool) | NO_RULES)
    assert caught.value.reason is LeftOut.UNAUTHORIZED
    assert f"{pool}/* USE" in str(caught.value)


@pytest.mark.parametrize(("question", "pool"), ASKED)
async def test_an_empty_pool_is_believed_where_a_rule_grants_all_of_it_and_from_oneadmins_group(
    question: str, pool: str
) -> None:
    assert (await asked(question, of_a_user(pool) | rule(pool))).malformed == 0
    assert (await asked(question, without(pool))).malformed == 0


@pytest.mark.parametrize(
    ("question", "pool"),
    [
        ("vms", "VM"), ("host_services", "HOST"), ("templates", "TEMPLATE"), ("networks", "NET"),
        ("datastores", "DATASTORE"), ("each_vm", "VM"), ("each_disk", "VM"),
    ],
)  # fmt: skip
async def test_a_part_of_a_pool_says_that_it_is_none_of_it_all(question: str, pool: str) -> None:
    user: dict[str, Any] = {"user.info": PLAIN["user.info"]}
    assert (await asked(question, user | NO_RULES)).is_whole is False
    assert (await asked(question, user | rule(pool))).is_whole is True
    assert (await asked(question)).is_whole is True


async def test_a_part_of_the_images_says_so_with_their_counts() -> None:
    user: dict[str, Any] = {"user.info": PLAIN["user.info"]}
    assert not (await asked("images", user | NO_RULES)).objects.is_whole
    assert (await asked("images", user | rule("IMAGE"))).objects.is_whole


@pytest.mark.parametrize(
    ("sort", "pool"), [("projects", "GROUP"), ("users", "USER"), ("clusters", "CLUSTER")]
)
async def test_a_part_of_groups_users_and_clusters_is_a_truncated_list(sort: str, pool: str) -> None:
    user: dict[str, Any] = {"user.info": PLAIN["user.info"]}
    truncated = (await asked("groups", user | rule(pool))).truncated
    assert truncated == dict.fromkeys(("projects", "users", "clusters"), True) | {sort: False}
