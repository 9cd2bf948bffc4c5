"""Links: each is spelt one way."""

import string

import pytest

from app.domain.errors import NotFound
from app.services.links import Links, Purpose

TOKEN_LETTERS = string.ascii_letters + string.digits + "-_"


def test_a_link_opens_what_it_was_made_for(links: Links) -> None:
    token = links.token(Purpose.MY, "someone", 3)
    assert links.read(Purpose.MY, token) == ("someone", 3)


def test_no_other_spelling_opens_it(links: Links) -> None:
    # The last letter of 32 bytes in base64 carries four bits of six: four letters mean the same.
    token = links.token(Purpose.MY, "someone")
    others = [token[:-1] + letter for letter in TOKEN_LETTERS if letter != token[-1]]
    for other in (*others, f"{token}=", f"{token}==", f"{token}\n"):
        with pytest.raises(NotFound):
            links.read(Purpose.MY, other)


@pytest.mark.parametrize("purpose", [p for p in Purpose if p is not Purpose.MY])
def test_a_link_for_one_purpose_is_nonsense_for_another(links: Links, purpose: Purpose) -> None:
    with pytest.raises(NotFound):
        links.read(purpose, links.token(Purpose.MY, "someone"))
