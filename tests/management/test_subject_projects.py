"""Projects and users on the page."""

from stratoscope.clouds import model
from stratoscope.management.bounded import MOST
from stratoscope.management.subjects.projects import Projects
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

PROJECTS = (
    model.Project("p1", "physics", "Default", is_enabled=True),
    model.Project("p2", 'the "old" one', "Uni", is_enabled=False),
)
USERS = (
    model.User("u1", "ada", "Default", is_enabled=True),
    model.User("u2", "bob", "Uni", is_enabled=False),
)


def shown(answer: model.Projects) -> str:
    subject = Projects("uni")
    return rendered(subject.samples(answer), subject.families)


def test_projects_and_users_are_shown_as_the_golden_page_has_it() -> None:
    page = shown(model.Projects(PROJECTS, USERS))
    assert_golden("management_projects.prom", page)
    assert promtool_findings(page) == ""


def test_users_that_may_not_be_read_are_absent_not_zero() -> None:
    page = shown(model.Projects(PROJECTS, None))
    assert "management_user" not in page
    assert 'stratoscope_management_projects{cloud="uni"} 2\n' in page


def test_of_too_many_users_the_first_are_shown_and_the_others_counted() -> None:
    users = tuple(model.User(f"u{number}", "x", "Uni", is_enabled=True) for number in range(MOST + 7))
    page = shown(model.Projects((), users))
    assert page.count("management_user_info{") == page.count("management_user_enabled{") == MOST
    assert 'user_info{cloud="uni",user_id="u0"' in page
    assert f'stratoscope_management_users{{cloud="uni"}} {MOST + 7}\n' in page
    assert 'stratoscope_management_users_beyond_bound{cloud="uni"} 7\n' in page


def test_no_projects_and_no_users_are_zero() -> None:
    page = shown(model.Projects((), ()))
    assert 'stratoscope_management_projects{cloud="uni"} 0\n' in page
    assert 'stratoscope_management_users{cloud="uni"} 0\n' in page
