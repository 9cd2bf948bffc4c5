"""Files that are not read at all, each with a sentence that says why and what to do."""

from app.domain.errors import N_, FieldError, Invalid

MEGABYTE = 1024 * 1024
LIMIT = 10 * MEGABYTE
"""The largest file that is read, in bytes."""
MOST_COLUMNS = 200
MOST_ROWS = 50_000
"""Rows with something in them, of all tables together."""


class Refused(Invalid):
    """A file that is not read. Its one field is ``file``.

    Codes: ``too_large``, ``wrong_kind`` (a file of another kind), ``hostile`` (made, or broken, in
    a way that reading it would do harm), ``damaged``, ``not_a_report``.
    """

    def __init__(self, sentence: str, *, code: str, **params: object) -> None:
        super().__init__(FieldError("file", sentence, params, code), code=code)

    @property
    def reason(self) -> str:
        """The sentence in English, filled in."""
        (only,) = self.fields
        return only.sentence % only.params if only.params else only.sentence


def too_large() -> Refused:
    """The file is longer than LIMIT."""
    return Refused(
        N_("The file is larger than %(limit)s MB. An attendance report is much smaller."),
        code="too_large",
        limit=LIMIT // MEGABYTE,
    )


def too_many_rows(limit: int) -> Refused:
    """It has more rows than are read."""
    return Refused(
        N_("The file has more than %(limit)s rows. Split it, and upload the parts."),
        code="too_large",
        limit=limit,
    )


def too_many_columns(row: int) -> Refused:
    """A row has more cells than are read."""
    return Refused(
        N_("Row %(row)s has more than %(limit)s columns. This is no attendance report."),
        code="hostile",
        row=row,
        limit=MOST_COLUMNS,
    )


def no_table() -> Refused:
    """There is nothing in it that looks like a list of people."""
    return Refused(
        N_("There is no table in this file, so it is no attendance report."), code="not_a_report"
    )


def empty() -> Refused:
    """There is nothing in it."""
    return Refused(N_("The file is empty."), code="not_a_report")
