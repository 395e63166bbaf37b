"""Projects and users on the page."""

from stratoscope.clouds import owners
from stratoscope.management.subjects.projects import Projects
from stratoscope.management.top_k import MOST
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

PROJECTS = (
    owners.Project("p1", "physics", "Default", is_enabled=True),
    owners.Project("p2", 'the "old" one', "Uni", is_enabled=False),
)
USERS = (
    owners.User("u1", "ada", "Default", is_enabled=True),
    owners.User("u2", "bob", "Uni", is_enabled=False),
)


def shown(answer: owners.Projects) -> str:
    subject = Projects("uni")
    return rendered(subject.samples(answer), subject.families)


def test_projects_and_users_are_shown_as_the_golden_page_has_it() -> None:
    truncated = {"projects": False, "users": False}
    page = shown(owners.Projects(PROJECTS, USERS, truncated=truncated))
    assert_golden("management_projects.prom", page)
    assert promtool_findings(page) == ""


def test_users_that_may_not_be_read_are_absent_not_zero() -> None:
    page = shown(owners.Projects(PROJECTS, None))
    assert "management_user" not in page
    assert 'stratoscope_management_projects{cloud="uni"} 2\n' in page


def test_of_too_many_users_the_first_are_shown_and_the_others_counted() -> None:
    users = tuple(owners.User(f"u{number}", "x", "Uni", is_enabled=True) for number in range(MOST + 7))
    page = shown(owners.Projects((), users))
    assert page.count("management_user_info{") == page.count("management_user_enabled{") == MOST
    assert 'user_info{cloud="uni",user_id="u0"' in page
    assert f'stratoscope_management_users{{cloud="uni"}} {MOST + 7}\n' in page
    assert 'stratoscope_management_users_beyond_bound{cloud="uni"} 7\n' in page


def test_no_projects_and_no_users_are_zero() -> None:
    page = shown(owners.Projects((), ()))
    assert 'stratoscope_management_projects{cloud="uni"} 0\n' in page
    assert 'stratoscope_management_users{cloud="uni"} 0\n' in page


def test_lists_that_are_cut_have_no_total_and_say_so() -> None:
    page = shown(owners.Projects(PROJECTS, USERS, truncated={"projects": True, "users": True}))
    assert 'stratoscope_management_list_truncated{cloud="uni",sort="projects"} 1\n' in page
    assert 'stratoscope_management_list_truncated{cloud="uni",sort="users"} 1\n' in page
    for total in ("projects", "users", "users_beyond_bound"):
        assert f"stratoscope_management_{total}{{" not in page
    assert page.count("management_user_info{") == page.count("management_project_info{") == 2


def test_users_that_may_not_be_read_are_not_said_to_be_all() -> None:
    page = shown(owners.Projects(PROJECTS, None, truncated={"projects": False, "users": False}))
    assert 'sort="projects"} 0\n' in page
    assert 'sort="users"' not in page


def test_who_is_not_known_to_be_enabled_keeps_the_name() -> None:
    projects = (owners.Project("p1", "physics", "Default", is_enabled=None),)
    page = shown(owners.Projects(projects, (owners.User("u1", "ada", "Default", is_enabled=None),)))
    assert "_enabled{" not in page
    assert 'user_name="ada"' in page
    assert 'project_name="physics"' in page
