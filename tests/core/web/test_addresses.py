"""Addresses in pages and redirects, from the path of the request to that of another page."""

import pytest

from stratoscope.core.web.addresses import relative, with_relative


@pytest.mark.parametrize(
    ("path", "address", "expected"),
    [
        ("/", "/config", "./config"),
        ("/config", "/", "./"),
        ("/downtimes/a", "/windows?page=2#w", "../windows?page=2#w"),
        ("/downtimes/a%2Fb/change", "/", "../../"),
        ("/a/b", "//other.example.org/", "//other.example.org/"),
        ("/a/b", "https://other.example.org/", "https://other.example.org/"),
        ("/a/b", "?page=2", "?page=2"),
    ],
)
def test_address_leads_from_a_page_to_another(path: str, address: str, expected: str) -> None:
    assert relative(address, path) == expected


def test_addresses_of_a_page_are_relative_and_what_it_says_stays() -> None:
    page = '<a href="/x">/x</a><form action="/y"></form><a href="#z">href=&#34;/z</a><use href="#g"/>'
    found = with_relative(page, "/a/b")
    assert found == page.replace('href="/x', 'href="../x').replace('action="/y', 'action="../y')
