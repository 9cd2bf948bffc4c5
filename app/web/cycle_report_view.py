"""The report on a cycle as its page shows it: plots, and links to what is behind."""

from dataclasses import dataclass
from urllib.parse import urlencode

from app.domain import words
from app.domain.attendance import Status
from app.domain.errors import N_
from app.domain.report import Dimension, Group, Tally
from app.services.exports import Gettext
from app.services.report import Report
from app.services.report_files import TABLE_WORDS, group_name
from app.web import plots

SHOWN = 20
"""So many groups of a kind are on the page; all of them are in the files."""
DRAWN = 12
"""So many are in its plot."""

_ELSE = (Status.EXCUSED, Status.ABSENT, Status.UNKNOWN)
"""What there is beside attending."""
_ONE_WORDS = {
    Dimension.COUNTRY: N_("Country"),
    Dimension.INSTITUTION: N_("Institution"),
    Dimension.INITIATIVE: N_("Initiative"),
    Dimension.GENDER: N_("Gender"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A group: its name, where its people are listed (empty: nowhere), its numbers."""

    name: str
    href: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class Table:
    """The groups of one kind; `more` of them are in the files only, `undrawn` not in the plot."""

    key: str
    title: str
    what: str
    plot: plots.BarPlot | None
    lines: tuple[Line, ...]
    more: int
    undrawn: int


def tables(found: Report, base: str, gettext: Gettext, language: str) -> list[Table]:
    """A table for each kind of group. `base`: the address of the cycle's pages."""
    made = []
    for dimension, groups in found.groups.items():
        lines = [
            Line(
                group_name(dimension, group.key, group.name, gettext, language),
                _people(base, dimension, group),
                group.tally,
            )
            for group in groups
        ]
        made.append(
            Table(
                dimension.value,
                gettext(TABLE_WORDS[dimension]),
                gettext(_ONE_WORDS[dimension]),
                _bars(lines, gettext),
                tuple(lines[:SHOWN]),
                max(len(lines) - SHOWN, 0),
                max(len(lines) - DRAWN, 0),
            )
        )
    return made


def shares(found: Report, gettext: Gettext) -> plots.SharePlot | None:
    """How the sessions that are over were attended, each a whole; None before the first."""
    over = [each for each in found.sessions if each.held.over]
    if not over:
        return None
    session = gettext(N_("Session %(number)s"))
    rows = [
        (
            session % {"number": each.held.number},
            (
                each.tally.measured,
                each.tally.unverified,
                *(each.tally.statuses.get(s, 0) for s in _ELSE),
            ),
        )
        for each in over
    ]
    series = (
        N_("Attended, minutes verified"),
        N_("Attended, minutes not verified"),
        *(words.ATTENDANCE[each] for each in _ELSE),
    )
    return plots.share_plot(rows, [gettext(name) for name in series])


def _bars(lines: list[Line], gettext: Gettext) -> plots.BarPlot | None:
    if len(lines) < 2:
        return None
    rows = [(each.name, (each.tally.people, each.tally.attended_once)) for each in lines[:DRAWN]]
    return plots.bar_plot(rows, [gettext(N_("People")), gettext(N_("Attended at least once"))])


def _people(base: str, dimension: Dimension, group: Group) -> str:
    """Where the people of a group are listed, for those that gave something."""
    if not group.key:
        return ""
    filtered = dimension in (Dimension.COUNTRY, Dimension.GENDER)
    asked = {dimension.value: group.name} if filtered else {"q": group.name}
    return f"{base}/participants?{urlencode(asked)}"
