"""What was wrong with a form, as its page takes it."""

import pytest

from app.domain.errors import DomainError, FieldError, Gone, Invalid
from app.web.forms import errors_of

SPANISH = {
    "Fill this in.": "Complete esto.",
    "At most %(most)s.": "Como máximo %(most)s.",
    "This link has expired.": "Este enlace ha caducado.",
}


def gettext(sentence: str) -> str:
    return SPANISH[sentence]


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (None, {}),
        (Gone("This link has expired."), {"": "Este enlace ha caducado."}),
        (
            Invalid(
                FieldError("title.es", "Fill this in."),
                FieldError("segments.2.parts.0.role", "Fill this in."),
                FieldError("title.es", "This link has expired."),
                FieldError("places", "At most %(most)s.", {"most": "100 %"}),
            ),
            {
                "title-es": "Complete esto.",
                "segment-2-part-0-role": "Complete esto.",
                "places": "Como máximo 100 %.",
            },
        ),
    ],
)
def test_each_field_has_its_first_error_in_the_readers_words(
    error: DomainError | None, found: dict[str, str]
) -> None:
    errors = errors_of(error, gettext)
    assert list(errors.items()) == list(found.items())


def test_a_form_may_have_its_own_names() -> None:
    errors = errors_of(Invalid.one("name", "Fill this in."), gettext, "new-{}".format)
    assert errors == {"new-name": "Complete esto."}


def test_a_field_that_is_right_reads_as_nothing() -> None:
    errors = errors_of(Invalid.one("name", "Fill this in."), gettext)
    assert (errors["email"], "email" in errors, len(errors)) == ("", False, 1)
