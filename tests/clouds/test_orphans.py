"""Which orphans of a list are returned by name."""

from stratoscope.clouds.orphans import MOST, Finder, Orphan, OrphanReason, Orphans, orphans_of


def orphan(object_id: str, changed: float | None, reason: OrphanReason = OrphanReason.UNBOUND) -> Orphan:
    return Orphan(object_id, "", "p", reason, "DOWN", changed)


def test_those_in_error_come_first_then_those_that_changed_longest_ago() -> None:
    error, old = orphan("a", 9.0, OrphanReason.ERROR), orphan("z", 1.0)
    new, unknown = orphan("c", 5.0), orphan("b", None)
    assert orphans_of([unknown, new, old, error]) == Orphans((error, old, new, unknown))


def test_of_too_many_the_first_are_held_and_the_others_counted() -> None:
    finder = Finder()
    for number in reversed(range(3 * MOST)):
        finder.add(orphan(f"{number:05}", float(number + 1)))
    found = finder.found()
    assert (len(found.objects), found.beyond) == (MOST, 2 * MOST)
    assert [one.changed for one in found.objects] == [float(number + 1) for number in range(MOST)]


def test_none_are_none() -> None:
    assert Finder().found() == Orphans((), 0)
