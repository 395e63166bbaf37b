"""What will happen happens in order, and at its moment."""

from stratoscope.demo.clock import Timeline


def test_what_is_due_happens_in_order_and_at_its_own_moment() -> None:
    timeline, seen = Timeline(100.0), list[tuple[str, float]]()
    timeline.after(20, lambda: seen.append(("later", timeline.now)))
    timeline.after(10, lambda: seen.append(("sooner", timeline.now)))
    timeline.after(30, lambda: seen.append(("not yet", timeline.now)))
    timeline.advance(125.0)
    assert seen == [("sooner", 110.0), ("later", 120.0)]
    assert timeline.now == 125.0


def test_what_something_brings_about_happens_too() -> None:
    timeline, seen = Timeline(0.0), list[float]()

    def again() -> None:
        seen.append(timeline.now)
        timeline.after(5, again)

    timeline.after(5, again)
    timeline.advance(17.0)
    assert seen == [5.0, 10.0, 15.0]


def test_time_never_goes_back() -> None:
    timeline = Timeline(100.0)
    timeline.advance(50.0)
    assert timeline.now == 100.0


def test_a_thousand_steps_are_as_one() -> None:
    def life(steps: int) -> list[float]:
        timeline, seen = Timeline(0.0), list[float]()
        for seconds in (3, 1, 2):
            timeline.after(seconds, lambda: seen.append(timeline.now))
        for step in range(1, steps + 1):
            timeline.advance(10 * step / steps)
        return seen

    assert life(1) == life(1000)
