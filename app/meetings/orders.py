"""In which order a file writes day and month: settled by what is in it, or near it, or asked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from app.meetings.moments import Written
from app.meetings.values import AskDateOrder, DateOrder, Settled

_NEAR = timedelta(days=1)
"""The file's clock may be on another day than the session's."""
_BOTH = (DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST)


@dataclass(frozen=True, slots=True)
class Order:
    """How dates are read, and what settled it; with a question where nothing did."""

    order: DateOrder | None
    settled: Settled
    question: AskDateOrder | None = None


def settle(
    times: Iterable[Written],
    others: Iterable[Written],
    session: tuple[date, date],
    named: date | None,
    chosen: DateOrder | None,
) -> Order:
    """The order of day and month in a file.

    Args:
        times: the times of its rows.
        others: what else it says of dates (when it was made, when somebody registered).
        session: the first and the last day of the session, local.
        named: the date in its name.
        chosen: what somebody answered, which wins.
    """
    dated = {(each.figures, each.year, each.day) for each in times if each.has_date}
    days = [Written(None, day, figures, year) for figures, year, day in dated]
    if not days:
        return Order(None, Settled.NOT_NEEDED)
    figures = [each for each in days if each.figures is not None]
    if not figures:
        return Order(DateOrder.YEAR_FIRST, Settled.FORM)
    if chosen in _BOTH:
        return Order(chosen, Settled.CHOSEN)
    all_figures = figures + [each for each in others if each.figures is not None]
    possible = [order for order in _BOTH if all(each.on(order) for each in all_figures)]
    if len(possible) == 1:
        return Order(possible[0], Settled.VALUE)
    if possible and all(each.on(_BOTH[0]) == each.on(_BOTH[1]) for each in figures):
        return Order(DateOrder.DAY_FIRST, Settled.FORM)
    first, last = session
    by_session = _nearest(figures, lambda day: first - _NEAR <= day <= last + _NEAR)
    by_name = named and _nearest(figures, lambda day: abs(day - named) <= _NEAR)
    if by_session and by_name in (by_session, None):
        return Order(by_session, Settled.SESSION)
    if by_name and not by_session:
        return Order(by_name, Settled.FILE_NAME)
    # Nothing is near, or the two do not agree: then it may be another session's file.
    return Order(None, Settled.OPEN, _question(figures))


def may_be_swapped(written: Written | None, session: tuple[date, date]) -> bool:
    """Whether a day may be a month: a date that a spreadsheet program made of figures in the other
    order, where it could not make one of every cell. Days near to the session are right."""
    day = written.day if written else None
    if day is None or day.day > 12 or day.day == day.month:
        return False
    return not session[0] - _NEAR <= day <= session[1] + _NEAR


def _nearest(figures: list[Written], near: Callable[[date], bool]) -> DateOrder | None:
    """The one order in which all the days are near; or in which some are, and in the other none."""
    counts = {
        order: sum(day is not None and near(day) for each in figures for day in (each.on(order),))
        for order in _BOTH
    }
    whole = [order for order in _BOTH if counts[order] == len(figures)]
    some = [order for order in _BOTH if counts[order]]
    if len(whole) == 1:
        return whole[0]
    return some[0] if len(some) == 1 else None


def _question(figures: list[Written]) -> AskDateOrder:
    """The first date that has two readings, or one that shows that the file has both orders."""
    first = min(figures, key=lambda each: (each.on(_BOTH[0]) is None, each.year, each.figures))
    one, two = first.figures or (0, 0)
    return AskDateOrder(f"{one}/{two}/{first.year}", first.on(_BOTH[0]), first.on(_BOTH[1]))
