"""Addresses of our own in pages and redirects: relative, since a proxy may show us beneath a path.

Templates and handlers write them from the root, `/config`; what is sent leads there from the page's path.
"""

import re
from typing import Final

_OWN: Final = re.compile(r'( (?:href|action)=")/')
"""Begins each address in a page. A value's quotes are escaped, so that none looks like it."""


def relative(address: str, path: str) -> str:
    """An address, such as `/config`, as it leads there from a path; unchanged if it is none of ours."""
    is_own = address.startswith("/") and not address.startswith("//")
    return _to_root(path) + address[1:] if is_own else address


def with_relative(page: str, path: str) -> str:
    """A page at a path, with addresses that lead there from it."""
    return _OWN.sub(rf"\1{_to_root(path)}", page)


def _to_root(path: str) -> str:
    return "../" * (path.count("/") - 1) or "./"
