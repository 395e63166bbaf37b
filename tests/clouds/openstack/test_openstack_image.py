"""Glance's images, counted and named, the hidden ones among them."""

import pytest

from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.model import Count, Objects
from stratoscope.clouds.model import Image as Named
from stratoscope.clouds.openstack.client.api import BadRequestError
from stratoscope.clouds.openstack.image import Image
from stratoscope.core.errors import CollectError, Reason
from support.fake_api import Answer, FakeApi
from support.openstack_answers import answer, spoilt

ADMIN = "9151fbaa1f3f487dbfa32f505693c489"


def glance(images: Answer | None = None, hidden: Answer | None = None) -> FakeApi:
    return FakeApi(
        {
            ("image", "/v2/images"): images or answer("images"),
            ("image", "/v2/images?os_hidden=true"): hidden or answer("hidden_images"),
        }
    )


async def counted(api: FakeApi) -> Objects:
    return (await Image(api).images()).objects


async def named(*images: dict[str, object]) -> tuple[Named, ...]:
    body = {"images": [{"id": "i", "status": "active"} | image for image in images]}
    return (await Image(glance(body)).images()).images


async def test_images_are_counted_by_state_and_owner_in_bytes() -> None:
    read = await counted(glance())
    assert read.by_state == {"active": Count(1, 65536)}
    assert read.by_project == {ADMIN: Count(1, 65536)}
    assert read.orphans is None
    assert read.is_whole


async def test_hidden_images_count_as_well() -> None:
    read = await counted(glance(hidden=spoilt("images", "images", field="id", value="old")))
    assert read.by_state == {"active": Count(2, 131072)}


async def test_image_that_is_on_several_lists_counts_once() -> None:
    assert (await counted(glance(hidden=answer("images")))).by_state == {"active": Count(1, 65536)}
    own = old_glance(spoilt("images", "images", field="visibility", value="community"), NONE)
    assert (await counted(own)).by_state == {"active": Count(1, 65536)}


async def test_images_are_named_with_owner_and_visibility_hidden_ones_too() -> None:
    hidden = spoilt("images", "images", field="id", value="old")
    read = await Image(glance(hidden=hidden)).images()
    ids = ("8ef6d8e2-8f6d-416e-922c-8a330ad139d4", "old")
    assert read.images == tuple(Named(one, "cirros", ADMIN, "public") for one in ids)


async def test_image_that_is_on_both_lists_is_named_once() -> None:
    renamed = spoilt("images", "images", field="name", value="cirros-old")
    read = await Image(glance(hidden=renamed)).images()
    assert [image.name for image in read.images] == ["cirros-old"]


async def test_image_without_name_and_owner_has_empty_ones() -> None:
    assert await named({"name": None, "owner": None}, {"id": "j"}) == (
        Named("i", "", "", ""),
        Named("j", "", "", ""),
    )


async def test_image_with_an_absurd_id_costs_itself_and_one_with_an_absurd_name_nothing() -> None:
    long = "x" * 257
    read = await named({"id": long}, {"id": "j", "name": long}, {"id": long[1:], "name": "n"})
    assert read == (Named("j", long, "", ""), Named(long[1:], "n", "", ""))


async def test_images_cost_no_request_but_that_for_the_two_lists_community_images_among_them() -> None:
    api = glance()
    await Image(api).images()
    assert [dict(call.params) for call in api.calls] == [
        {"limit": "1000", "visibility": "all"},
        {"limit": "1000", "visibility": "all", "os_hidden": "true"},
    ]


REFUSED = BadRequestError("Invalid visibility value: all")
COMMUNITY = {"images": [{"id": "c", "status": "active", "size": 7, "visibility": "community"}]}
NONE: dict[str, list[object]] = {"images": []}


def old_glance(community: Answer, hidden: Answer) -> FakeApi:
    """One that does not know `visibility=all`."""
    api = glance(hidden=NONE)
    path = "/v2/images?visibility"
    api.answers |= {
        ("image", f"{path}=all"): REFUSED,
        ("image", f"{path}=all&os_hidden=true"): REFUSED,
        ("image", f"{path}=community"): community,
        ("image", f"{path}=community&os_hidden=true"): hidden,
    }
    return api


async def test_glance_before_stein_is_asked_for_community_images_apart() -> None:
    read = await counted(old_glance(COMMUNITY, NONE))
    assert read.by_state == {"active": Count(2, 65536 + 7)}
    hidden = spoilt("images", "images", field="id", value="old")
    assert (await counted(old_glance(COMMUNITY, hidden))).by_state["active"].number == 3


async def test_glance_before_ocata_has_no_community_images() -> None:
    read = await counted(old_glance(REFUSED, REFUSED))
    assert (read.by_state, read.malformed) == ({"active": Count(1, 65536)}, 0)


async def test_glance_that_refuses_every_list_is_told_as_it_is() -> None:
    api = old_glance(REFUSED, REFUSED)
    api.answers["image", "/v2/images"] = REFUSED
    with pytest.raises(BadRequestError):
        await counted(api)


async def test_image_without_data_has_no_bytes_and_one_without_owner_no_project() -> None:
    body = {"images": [{"id": "i", "status": "queued", "size": None, "owner": None}]}
    read = await counted(glance(body))
    assert (read.by_state, read.by_project) == ({"queued": Count(1, 0)}, {})


async def test_no_images_are_zero() -> None:
    assert (await counted(glance({"images": []}))).by_state == {}


@pytest.mark.parametrize("size", [None, "7", -1, 1e302, 2**60 + 1])
async def test_size_of_an_image_with_data_that_is_not_known_is_no_zero(size: object) -> None:
    good = {"id": "j", "status": "active", "size": 5, "owner": "q"}
    body = {"images": [{"id": "i", "status": "active", "size": size, "owner": "p"}, good]}
    read = await counted(glance(body))
    assert read.by_state == {"active": Count(2, None)}
    assert read.by_project == {"p": Count(1, None), "q": Count(1, 5)}
    assert read.malformed == 1


async def test_images_of_which_none_makes_sense_are_no_zero() -> None:
    with pytest.raises(CollectError, match="images: all 1 are malformed"):
        await Image(glance({"images": [{"id": 7}]})).images()


async def test_image_that_makes_no_sense_costs_itself() -> None:
    body = {"images": [{"id": 7, "status": "active"}, {"id": "j", "status": "active", "size": 1}]}
    read = await Image(glance(body)).images()
    assert ([image.image_id for image in read.images], read.malformed) == (["j"], 1)


async def test_image_without_a_state_is_counted_without_one() -> None:
    read = await Image(glance(spoilt("images", "images", field="status", value=None))).images()
    assert (read.objects.by_state, read.malformed) == ({"": Count(1, 65536)}, 0)


async def test_plain_credential_says_that_it_does_not_see_all() -> None:
    api = glance()
    api.be(roles=frozenset({"member"}))
    assert not (await counted(api)).is_whole


async def test_private_image_of_another_project_tells_that_all_are_seen() -> None:
    api = glance(spoilt("images", "images", field="visibility", value="private"))
    api.be(roles=frozenset({"cloud_admin"}))
    assert (await counted(api)).is_whole
    api.be(project_id=ADMIN)
    assert not (await counted(api)).is_whole


@pytest.mark.parametrize(
    "error", [CollectError(Reason.UNAVAILABLE, "image: 503"), ForbiddenError("image: 403")]
)
async def test_glance_that_is_down_or_forbids_is_told_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)):
        await Image(glance(error)).images()
