"""Numbered pages: which rows stand on one, and which pages are beside it."""

import pytest

from app.services.paging import numbered


@pytest.mark.parametrize(
    ("total", "asked", "shown"),
    [
        (0, 1, (1, 1, 0, 0, None, None, "")),
        (0, 9, (1, 1, 0, 0, None, None, "")),
        (3, 1, (1, 1, 1, 3, None, None, "abc")),
        (4, 1, (1, 2, 1, 3, None, 2, "abc")),
        (4, 2, (2, 2, 4, 4, 1, None, "d")),
        (7, 2, (2, 3, 4, 6, 1, 3, "def")),
        (7, 99, (3, 3, 7, 7, 2, None, "g")),
        (7, -1, (1, 3, 1, 3, None, 2, "abc")),
    ],
)
def test_a_page(total: int, asked: int, shown: tuple[object, ...]) -> None:
    page = numbered(total, asked, 3)
    assert page.total == total
    place = (page.number, page.pages, page.first, page.last, page.previous, page.next)
    assert (*place, page.of("abcdefghi"[:total])) == shown
