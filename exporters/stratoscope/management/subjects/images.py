"""Images: counted like other objects, and the name of each."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds import model
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.management.subject import Subject
from stratoscope.management.subjects import orphans
from stratoscope.management.subjects.objects import WHOLE, of_sort, sort_of
from stratoscope.management.top_k import MOST

_PREFIX: Final = "stratoscope_management"
_COUNTED: Final = sort_of("images", "images", size="in bytes")
INFO = Family(
    f"{_PREFIX}_image_info",
    "The image's name, owner and visibility as the source spells it; always 1.",
    labels=("cloud", "image_id", "image_name", "project_id", "visibility"),
)
BEYOND = Family(
    f"{_PREFIX}_images_beyond_bound",
    "Images without image_info because there are too many; public images are shown first, then the newest; "
    "0 if all are shown.",
    labels=("cloud",),
)


class Images(Subject[model.Images]):
    families = (*_COUNTED.families(), WHOLE, INFO, BEYOND, *orphans.FAMILIES)

    def samples(self, answer: model.Images, /) -> Iterable[Sample]:
        cloud = Labels(cloud=self._cloud)
        yield from of_sort(_COUNTED, answer.objects, cloud)
        yield from orphans.orphans(answer.objects, self.bounds.orphans, cloud)
        yield BEYOND(max(0, len(answer.images) - MOST), cloud)
        for image in sorted(answer.images, key=lambda one: one.visibility != "public")[:MOST]:
            one = cloud.plus(image_id=image.image_id, image_name=image.name)
            yield INFO(1, one.plus(project_id=image.project_id, visibility=image.visibility))
