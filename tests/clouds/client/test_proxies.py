"""Addresses of proxies: what is accepted is read alike by aiohttp and `requests`; an error quotes nothing."""

import pytest
from aiohttp.helpers import strip_auth_from_url
from requests.utils import get_auth_from_url, prepend_scheme_if_needed
from urllib3.util import parse_url
from yarl import URL

from stratoscope.clouds.client.proxies import checked, through
from stratoscope.core.errors import CollectError, Reason
from stratoscope.core.masking import masked
from support.proxy_addresses import REFUSED

ACCEPTED = {
    "http://proxy:3128": ("http://proxy:3128", "", ""),
    "proxy.example.org.:3128": ("http://proxy.example.org.:3128", "", ""),
    "proxy_1": ("http://proxy_1", "", ""),
    "HTTPS://Proxy:65535/": ("https://Proxy:65535", "", ""),
    " http://me:s3cret@proxy:3128/path?token=s3cret#s3cret\n": ("http://proxy:3128", "me", "s3cret"),
    "me:s3cret@proxy:3128": ("http://proxy:3128", "me", "s3cret"),
    "http://me@proxy:3128": ("http://proxy:3128", "me", ""),
    "http://@proxy:3128": ("http://proxy:3128", "", ""),
    "http://me:s3cret@[::1]:3128": ("http://[::1]:3128", "me", "s3cret"),
    "http://me:s3%2Fcr%3A%23%5B%40et@proxy:3128": ("http://proxy:3128", "me", "s3/cr:#[@et"),
    "http://me:s3@cr:et@proxy:3128": ("http://proxy:3128", "me", "s3@cr:et"),
    "http://me:s3%cret%2F+^ü@proxy:3128": ("http://proxy:3128", "me", "s3%cret/+^ü"),
}


@pytest.mark.parametrize("address", ACCEPTED)
def test_an_address_is_read_alike_by_both_clients(address: str) -> None:
    place, user, password = ACCEPTED[address]
    proxy = checked(address)
    assert proxy is not None
    written = proxy.address.reveal()
    bare, auth = strip_auth_from_url(URL(written))
    assert (str(bare.origin()).lower(), bare.path) == (str(URL(place.lower())).rstrip("/"), "/")
    assert ((auth.login, auth.password) if auth else ("", "")) == (user, password)
    of_requests = prepend_scheme_if_needed(written, "http")
    assert get_auth_from_url(of_requests) == (user, password)
    assert parse_url(of_requests).netloc == parse_url(place).netloc


@pytest.mark.parametrize("address", ACCEPTED)
def test_only_scheme_host_and_port_are_shown(address: str) -> None:
    proxy = checked(address)
    assert through(proxy) == f", through the proxy {ACCEPTED[address][0]}"
    assert "3cret" not in repr(proxy)


def test_without_an_address_there_is_no_proxy() -> None:
    assert checked(None) is None
    assert checked("") is None
    assert through(None) == ""


@pytest.mark.parametrize("address", REFUSED)
@pytest.mark.parametrize("variable", ["https_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_an_error_names_the_variable_and_quotes_nothing(
    monkeypatch: pytest.MonkeyPatch, variable: str, address: str
) -> None:
    monkeypatch.setenv(variable, address)
    monkeypatch.setenv("COPY", address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(CollectError) as caught:
        checked(address)
    said = str(caught.value)
    assert said == (
        f"{variable}: no address of an HTTP proxy; allowed: http://HOST:PORT or https://HOST:PORT, before "
        "HOST also USER:PASSWORD@, percent-encoded, such as %2F for / and %23 for #"
    )
    assert masked(said) == said
    assert caught.value.reason is Reason.UNAVAILABLE
    assert caught.value.__context__ is None


def test_all_variables_with_the_address_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "socks5://me:s3cret@proxy")
    with pytest.raises(CollectError, match=r"^HTTPS_PROXY, http_proxy: "):
        checked("socks5://me:s3cret@proxy")
