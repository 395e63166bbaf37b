"""The silences that an Alertmanager lists, as a plan looks at them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from stratoscope.downtime.silences.silence import CREATED_BY, Key, Silence


class Listed:
    """The silences of an Alertmanager, and the moment by its clock.

    Attributes:
        by_id: All.
        before: When each of ours was written last, by the list before; None if there is none.
        live: Those with a key of this program that are pending or active.
        edited: Others that are, and that a person may have made of one of ours: with our author, or with a
            key in their comment.
    """

    def __init__(
        self, silences: Iterable[Silence], now: float, before: Mapping[str, float] | None = None
    ) -> None:
        self.now, self.before = now, before
        self.by_id = {one.id: one for one in silences}
        self.live: dict[Key, list[Silence]] = defaultdict(list)
        self.edited: list[Silence] = []
        for one in self.by_id.values():
            if not one.is_live:
                continue
            if (key := one.key) is not None:
                self.live[key].append(one)
            elif one.created_by == CREATED_BY or one.key_in_comment is not None:
                self.edited.append(one)

    def written_at(self) -> Mapping[str, float]:
        """When each of ours was written last, by id."""
        return {one.id: one.updated_at for own in self.live.values() for one in own}
