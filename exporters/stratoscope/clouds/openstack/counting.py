"""Objects counted as their pages come, so that no list of them is kept."""

from collections import defaultdict

from stratoscope.clouds.model import Count, Objects


class Tally:
    """How many objects of one sort there are, by state and by project."""

    def __init__(self, sort: str, *, is_sized: bool = False, has_orphans: bool = False) -> None:
        self._sort, self._is_sized, self._has_orphans = sort, is_sized, has_orphans
        self._by_state: defaultdict[str, list[int]] = defaultdict(_nothing)
        self._by_project: defaultdict[str, list[int]] = defaultdict(_nothing)
        self._orphans = _nothing()
        self.malformed = 0

    def add(self, state: str, project_id: str | None, size: int = 0, *, is_orphan: bool = False) -> None:
        """One more. Args: project_id: None where the source does not tell. size: Bytes."""
        _count(self._by_state[state], size)
        if project_id is not None:
            _count(self._by_project[project_id], size)
        if is_orphan:
            _count(self._orphans, size)

    def objects(self, *, is_whole: bool) -> Objects:
        """What was counted."""
        return Objects(
            self._sort,
            {state: self._result(count) for state, count in self._by_state.items()},
            self._result(self._orphans) if self._has_orphans else None,
            {project_id: self._result(count) for project_id, count in self._by_project.items()},
            is_whole,
            self.malformed,
        )

    def _result(self, count: list[int]) -> Count:
        return Count(count[0], count[1] if self._is_sized else None)


def _nothing() -> list[int]:
    """Number and bytes."""
    return [0, 0]


def _count(count: list[int], size: int) -> None:
    count[0] += 1
    count[1] += size
