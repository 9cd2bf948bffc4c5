"""The report on a cycle as files for spreadsheets: the same columns for every table, so that they
can be put under each other, and a sheet with everybody."""

from collections.abc import Iterable

from app.domain import words
from app.domain.errors import N_
from app.domain.report import Dimension, Tally
from app.domain.text import localized
from app.languages import country_name
from app.services.exports import (
    Cell,
    Gettext,
    Sheet,
    gender_words,
    local_time,
    to_csv,
    to_workbook,
    with_zone,
)
from app.services.report import Report, SessionReport

TABLE_WORDS = {
    Dimension.COUNTRY: N_("By country"),
    Dimension.INSTITUTION: N_("By institution"),
    Dimension.INITIATIVE: N_("By initiative"),
    Dimension.GENDER: N_("By gender"),
}
NOT_SAID = N_("Not said")


def report_csv(found: Report, gettext: Gettext, language: str) -> bytes:
    """All tables under each other, each row with the name of its table, in the reader's language.
    The numbers of the whole cycle come first."""
    head, rows = [gettext(N_("Table")), *_head(gettext)], []
    whole = [gettext(N_("Whole cycle")), *_measures(found, found.whole), *_of_no_session()]
    rows.append([gettext(N_("Whole cycle")), *whole])
    for name, body in _tables(found, gettext, language):
        rows += [[name, *row] for row in body]
    return to_csv(head, rows)


def report_xlsx(found: Report, gettext: Gettext, language: str) -> bytes:
    """A sheet for each table, one with everybody against the sessions, and one that says what the
    numbers are of."""
    head = _head(gettext)
    sheets: list[Sheet] = [_about(found, gettext, language)]
    sheets += [(name, head, body) for name, body in _tables(found, gettext, language)]
    sheets.append(_everybody(found, gettext, language))
    return to_workbook(sheets)


def group_name(dimension: Dimension, key: str, name: str, gettext: Gettext, language: str) -> str:
    """What a group is called, in the reader's language."""
    if not key:
        return gettext(NOT_SAID)
    if dimension is Dimension.COUNTRY:
        return country_name(name, language)
    if dimension is Dimension.GENDER:
        return gender_words(name, gettext)
    return name


def _head(gettext: Gettext) -> list[str]:
    return [
        gettext(N_("Name")),
        gettext(N_("Enrolled")),
        gettext(N_("Left the cycle")),
        gettext(N_("Attended at least once")),
        gettext(N_("Attendances")),
        *(gettext(word) for word in words.ATTENDANCE.values()),
        gettext(N_("Verified minutes")),
        gettext(N_("Minutes on average")),
        gettext(N_("Attendances without verified minutes")),
        *(gettext(word) for word in words.ANSWERS.values()),
        gettext(N_("Completed")),
        gettext(N_("Counts for completion")),
        gettext(N_("Feedback given")),
        gettext(N_("Ratings")),
        gettext(N_("Rating on average")),
        gettext(N_("State of the numbers")),
    ]


def _measures(found: Report, tally: Tally) -> list[Cell]:
    by_rule = found.against.rule is not None
    return [
        tally.enrolled,
        tally.gone,
        tally.attended_once,
        tally.attended,
        *(tally.statuses.get(each, 0) for each in words.ATTENDANCE),
        tally.minutes,
        None if tally.mean is None else round(tally.mean, 1),
        tally.unverified,
        *(tally.answers.get(each, 0) for each in words.ANSWERS),
        tally.completed if by_rule else None,
        tally.counted if by_rule else None,
    ]


def _of_no_session() -> list[Cell]:
    return [None, None, None, ""]


def _tables(
    found: Report, gettext: Gettext, language: str
) -> Iterable[tuple[str, list[list[Cell]]]]:
    main = found.cycle.language
    sessions: list[list[Cell]] = [
        [
            f"{each.held.number}. {localized(each.told.title, language, main)}",
            *_measures(found, each.tally),
            *_of_session(each, gettext),
        ]
        for each in found.sessions
    ]
    yield gettext(N_("By session")), sessions
    for dimension, groups in found.groups.items():
        rows: list[list[Cell]] = [
            [
                group_name(dimension, group.key, group.name, gettext, language),
                *_measures(found, group.tally),
                *_of_no_session(),
            ]
            for group in groups
        ]
        yield gettext(TABLE_WORDS[dimension]), rows


def _of_session(each: SessionReport, gettext: Gettext) -> list[Cell]:
    opinion = each.opinion
    mean = opinion.mean if opinion else None
    return [
        opinion.answered if opinion else None,
        opinion.ratings if opinion else None,
        None if mean is None else round(mean, 2),
        state_words(each, gettext),
    ]


def state_words(each: SessionReport, gettext: Gettext) -> str:
    """Whether the numbers of a session may still change by themselves, and why."""
    if not each.held.over:
        return gettext(N_("to come"))
    if not each.held.closed:
        return gettext(N_("provisional: not closed"))
    if not each.settled:
        return gettext(N_("provisional: reports to settle"))
    return gettext(N_("final"))


def _about(found: Report, gettext: Gettext, language: str) -> Sheet:
    zone = found.cycle.zone
    rows: list[list[Cell]] = [
        [gettext(N_("Cycle")), localized(found.cycle.title, language, found.cycle.language)],
        [with_zone(gettext(N_("Worked out at")), zone), local_time(found.at, zone)],
        [gettext(N_("Version of the completion rule")), found.against.version or None],
    ]
    measures = _measures(found, found.whole)
    rows += [[name, cell] for name, cell in zip(_head(gettext)[1:], measures, strict=False)]
    head = [gettext(N_("Whole cycle")), ""]
    return gettext(N_("Whole cycle")), head, rows


def _everybody(found: Report, gettext: Gettext, language: str) -> Sheet:
    held, gender = found.against.held, Dimension.GENDER in found.groups
    head = [
        gettext(N_("Name")),
        gettext(N_("E-mail")),
        gettext(N_("Country")),
        gettext(N_("Institution")),
        gettext(N_("Initiative")),
        *([gettext(N_("Gender"))] if gender else []),
        gettext(N_("Has a place")),
    ]
    for each in held:
        session = gettext(N_("Session %(number)s")) % {"number": each.number}
        head += [
            f"{session}: {gettext(title)}"
            for title in (N_("Attendance"), N_("Minutes"), N_("Evidence"))
        ]
    head.append(gettext(N_("Completed")))
    yes, no = gettext(N_("yes")), gettext(N_("no"))
    statuses = {status: gettext(word) for status, word in words.ATTENDANCE.items()}
    bases = {basis: gettext(word) if word else "" for basis, word in words.BASES.items()}
    rows: list[list[Cell]] = []
    for person in found.people:
        row = person.row
        cells: list[Cell] = [
            person.name,
            person.email,
            row.country,
            row.institution,
            row.initiative,
            *([gender_words(row.gender, gettext)] if gender else []),
            yes if row.enrolled else no,
        ]
        for each in held:
            record = row.records.get(each.id)
            cells += (
                [statuses[record.status], record.minutes, bases[record.basis]]
                if record
                else ["", None, ""]
            )
        cells.append("" if row.outcome is None else yes if row.outcome.completed else no)
        rows.append(cells)
    return gettext(N_("Everybody")), head, rows
