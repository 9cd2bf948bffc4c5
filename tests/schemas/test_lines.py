"""Text of one line: what nobody sees does not get in, and where links are not wanted."""

import pytest
from pydantic import TypeAdapter, ValidationError

from app.schemas.part import GuestDetailsIn
from app.schemas.types import ContactEmail, Email, Filled200, Lines

LINE: TypeAdapter[str] = TypeAdapter(Filled200)
FAMILY = "👩\u200d👩\u200d👧"


def test_direction_cannot_be_turned_round() -> None:
    assert LINE.validate_python("\u202eAna\u202c \u2067Ruiz\u2069\u061c") == "Ana Ruiz"
    assert TypeAdapter(Lines).validate_python("a\u200f\nb\u202e") == "a\nb"


def test_nothing_but_such_characters_is_nothing() -> None:
    with pytest.raises(ValidationError):
        LINE.validate_python("\u202e\u2066")


def test_what_joins_characters_stays() -> None:
    assert LINE.validate_python(FAMILY) == FAMILY


@pytest.mark.parametrize("field", ["name", "position", "institution"])
def test_who_has_a_part_types_no_links(field: str) -> None:
    given = {"name": "Ana", "zone": "UTC", "language": "es"}
    with pytest.raises(ValidationError) as caught:
        GuestDetailsIn.model_validate(given | {field: "Marc evil.example"})
    (error,) = caught.value.errors()
    assert (error["loc"], error["type"]) == ((field,), "link_in_name")


def test_what_could_be_read_as_an_encoded_word_is_no_address() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Email).validate_python("=?utf-8?q?a?=@example.org")
    assert caught.value.errors()[0]["type"] == "email"


def test_answers_go_to_an_address_that_every_server_takes() -> None:
    contact: TypeAdapter[str] = TypeAdapter(ContactEmail)
    assert contact.validate_python("ayuda@ñandú.example") == "ayuda@ñandú.example"
    assert TypeAdapter(Email).validate_python("ñandú@example.org") == "ñandú@example.org"
    with pytest.raises(ValidationError) as caught:
        contact.validate_python("ñandú@example.org")
    assert caught.value.errors()[0]["type"] == "contact_email"
