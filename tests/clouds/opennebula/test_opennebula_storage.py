"""Datastores, images, networks and their leases."""

from contextlib import suppress

import pytest

from stratoscope.clouds.address_pools import Pool
from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.model import Backend, Count, Image
from stratoscope.clouds.opennebula import states
from stratoscope.clouds.orphans import Orphan, OrphanReason, Orphans
from stratoscope.core.errors import CollectError, LeftOutError
from support.opennebula import NOW, PLAIN, asked, changed, cloud_of
from support.replayed_oned import recorded, refused, replayed

MIB = 1 << 20


async def test_datastores_are_backends_with_what_is_measured() -> None:
    found = await asked("datastores")
    by_name = {one.name: one for one in found.backends}
    assert by_name["dummy_img"] == Backend(
        "dummy_img", 20480 * MIB, 20480 * MIB, None, None, None,
        backend_id="101", kind="IMAGE", used=9720 * MIB, images=2,
    )  # fmt: skip
    assert (by_name["dummy_sys"].kind, by_name["files"].kind) == ("SYSTEM", "FILE")
    assert (by_name["system"].total, by_name["system"].used, by_name["system"].free) == (None, None, None)


async def test_a_type_that_is_unknown_is_shown_as_it_is() -> None:
    found = await asked("datastores", changed("datastorepool.info", ("<TYPE>0</TYPE>", "<TYPE>7</TYPE>")))
    assert found.backends[0].kind == "TYPE_7"


async def test_images_are_counted_by_state_and_group() -> None:
    found = await asked("images")
    assert found.objects.by_state == {"READY": Count(1, 512 * MIB), "USED": Count(1, 1024 * MIB)}
    assert found.objects.by_project == {"0": Count(2, 1536 * MIB)}
    assert found.images == (Image("1", "data1", "0", "public"), Image("0", "alpine", "0", "public"))
    assert found.objects.is_whole


async def test_a_persistent_data_block_that_no_vm_has_is_named() -> None:
    unbound = Orphan("1", "data1", "0", OrphanReason.UNBOUND, "READY", 1795304436)
    assert (await asked("images")).objects.named == Orphans((unbound,))
    used = changed("imagepool.info", ("<PERSISTENT>1<", "<PERSISTENT>0<"))
    assert (await asked("images", used)).objects.named == Orphans()
    silent = changed("imagepool.info", ("<MODTIME>1795304436</MODTIME>", ""))
    assert (await asked("images", silent)).objects.named.objects[0].changed is None


async def test_an_image_in_error_is_named_whatever_it_is_for() -> None:
    answers = changed("imagepool.info", ("<STATE>2<", "<STATE>5<"), ("<NAME>alpine</NAME>", "<NAME/>"))
    named = (await asked("images", answers)).objects.named
    assert [(one.object_id, one.name, one.reason, one.state) for one in named.objects] == [
        ("0", "", OrphanReason.ERROR, "ERROR"),
        ("1", "data1", OrphanReason.UNBOUND, "READY"),
    ]


@pytest.mark.parametrize(
    ("state", "vms", "answers", "reason"),
    [
        (8, "", {}, OrphanReason.UNBOUND),
        (8, "<ID>3</ID>", {}, OrphanReason.UNBOUND),
        (8, "<ID>3</ID><ID>259</ID>", {}, None),
        (8, "<ID>3</ID>", {"vmpool.info": "<VM_POOL><VM><ID>3</ID></VM></VM_POOL>"}, None),
        (8, "<ID>3</ID>", PLAIN | {"vmpool.info": recorded("vmpool.info")}, None),
        (10, "", {}, OrphanReason.STUCK),
        (4, "", {}, OrphanReason.STUCK),
        (7, "", {}, OrphanReason.STUCK),
        (2, "", {}, None),
    ],
    ids=[
        "no_vm",
        "vm_is_gone",
        "vm",
        "vm_malformed",
        "vms_not_seen",
        "locked_used",
        "locked",
        "delete",
        "used",
    ],
)
async def test_an_image_that_a_vm_or_a_driver_left_behind_is_named_after_an_hour(
    state: int, vms: str, answers: dict[str, str], reason: OrphanReason | None
) -> None:
    """MODTIME does not say since when: oned does not change it with the state."""
    now = 0.0
    text = f"""<IMAGE_POOL><IMAGE><ID>7</ID><NAME>disk</NAME><GID>100</GID><SIZE>1</SIZE>
    <STATE>{state}</STATE><MODTIME>1795300000</MODTIME><VMS>{vms}</VMS></IMAGE></IMAGE_POOL>"""
    async with replayed(answers | {"imagepool.info": text}) as oned:
        cloud = cloud_of(oned, Clock(monotonic=lambda: now, now=lambda: NOW + now))
        for now, is_named in ((0.0, False), (3599.0, False), (3600.0, True)):  # noqa: B007 - the clock's
            with suppress(CollectError):
                await cloud.ask("vms")
            named = (await cloud.ask("images")).objects.named.objects
            one = Orphan("7", "disk", "100", reason, states.image(state), NOW) if reason else None
            assert named == ((one,) if one and is_named else ())
        oned.answers["imagepool.info"] = text.replace(f"<STATE>{state}<", "<STATE>1<")
        assert (await cloud.ask("images")).objects.named.objects == ()
        oned.answers["imagepool.info"] = text
        assert (await cloud.ask("images")).objects.named.objects == ()
        await cloud.close()


async def test_images_are_kept_by_id_and_complete_unless_one_is_malformed() -> None:
    found = (await asked("images")).objects.listed
    assert (found.states, found.is_complete) == ({"1": "READY", "0": "USED"}, True)
    found = (await asked("images", changed("imagepool.info", ("<STATE>1<", "<STATE>x<")))).objects.listed
    assert (found.states, found.is_complete) == ({"0": "USED"}, False)


@pytest.mark.parametrize(("rights", "visibility"), [("<GROUP_U>1<", "group"), ("<GROUP_U>0<", "private")])
async def test_an_image_that_not_all_may_use_is_of_its_group_or_its_owner(
    rights: str, visibility: str
) -> None:
    answers = changed("imagepool.info", ("<GROUP_U>1<", rights), ("<OTHER_U>1<", "<OTHER_U>0<"))
    assert (await asked("images", answers)).images[0].visibility == visibility


async def test_each_address_range_is_a_subnet_of_its_network() -> None:
    found = await asked("networks")
    assert found.pools[0] == Pool("1", "net-b", "1/0", "net-b/0", "0", 4, True, 60, 0)
    assert {one.subnet_id: (one.total, one.used) for one in found.pools} == {
        "1/0": (60, 0), "1/1": (5, 0), "0/0": (250, 250), "0/1": (600, 2)
    }  # fmt: skip


async def test_networks_of_the_group_oneadmin_are_external_and_others_are_not() -> None:
    found = await asked("networks", changed("vnpool.info", ("<GID>0</GID>", "<GID>100</GID>")))
    assert {one.network_name: one.is_external for one in found.pools} == {"net-b": False, "net-a": True}


async def test_the_leases_of_a_network_with_one_range_are_in_the_pool() -> None:
    second = "<AR><AR_ID><![CDATA[1]]></AR_ID>"
    text = changed("vnpool.info")["vnpool.info"]
    start = text.index(second)
    one_range = text[:start] + text[text.index("</AR>", start) + len("</AR>") :]
    one_range = one_range.replace("<USED_LEASES>0<", "<USED_LEASES>12<").replace("[IP4]", "[ETHER]", 1)
    found = await asked("networks", {"vnpool.info": one_range})
    assert (found.pools[0].subnet_id, found.pools[0].used, found.pools[0].ip_version) == ("1/0", 12, 0)


@pytest.mark.parametrize(
    ("kind", "version"), [("IP4", 4), ("IP6", 6), ("IP4_6", 4), ("IP4_6_STATIC", 4), ("IP6_STATIC", 6)]
)
async def test_a_range_with_both_versions_is_counted_as_ipv4(kind: str, version: int) -> None:
    found = await asked("networks", changed("vnpool.info", ("[IP4]", f"[{kind}]")))
    assert found.pools[0].ip_version == version


async def test_the_leases_of_each_range_are_in_the_pool_too() -> None:
    found = await asked("networks", {"vn.info": refused("dup_host")})
    assert {one.subnet_id: one.used for one in found.pools} == {"1/0": 0, "1/1": 0, "0/0": 250, "0/1": 2}


async def test_leases_of_ranges_that_are_not_those_of_the_network_are_unknown() -> None:
    found = await asked("networks", changed("vnpool.info", ("<USED_LEASES>252<", "<USED_LEASES>253<")))
    assert {one.subnet_id: one.used for one in found.pools} == {"1/0": 0, "1/1": 0, "0/0": None, "0/1": None}


async def test_a_lease_without_who_has_it_makes_its_network_malformed() -> None:
    lease = ("[ 0 68719476994 1 68719476995]", "[ 0 68719476994 1]")
    found = await asked("networks", changed("vnpool.info", lease))
    assert ({one.network_id for one in found.pools}, found.malformed) == ({"1"}, 1)


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("datastores", {"datastorepool.info": "<DATASTORE_POOL/>", "acl.info": "<ACL_POOL/>"}),
        ("images", {"imagepool.info": "<IMAGE_POOL/>"}),
        ("templates", {"templatepool.info": "<VMTEMPLATE_POOL/>"}),
    ],
)
async def test_an_empty_pool_is_not_believed_from_a_plain_user(
    question: str, answers: dict[str, str]
) -> None:
    with pytest.raises(LeftOutError):
        await asked(question, PLAIN | answers)
    granted = await asked(question, answers)
    assert granted.malformed == 0


async def test_an_empty_pool_is_believed_where_a_rule_grants_all_of_it() -> None:
    assert (await asked("networks", PLAIN | {"vnpool.info": "<VNET_POOL/>"})).pools == ()
