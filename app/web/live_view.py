"""A session that is watched live, in the words of one reader: plain values for the templates and,
as JSON, for js/live.js, which puts them into the same places."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from app.domain.check_in import WindowState
from app.domain.errors import N_
from app.domain.permissions import Permission
from app.domain.schedule import Part, Segment
from app.languages import country_name, time_of_day, translations, whole_number
from app.services.actor import Actor
from app.services.live import Live, Share, Shares
from app.web.sentences import NAMES

View = Callable[[Live, str, str], dict[str, Any]]
"""Makes the values of a state for a language and a zone."""


def screen(state: Live, language: str, _zone: str) -> dict[str, Any]:
    """For the shared screen: no names. `page` is another where the page itself is to be another."""
    return {
        "page": f"{_window(state)} {'word' if state.word else ''}",
        "window": _window(state),
        "word": state.word if state.check_in is WindowState.OPEN else "",
        "checked_in": whole_number(state.checked_in, language),
        "of": _of(state.spread.enrolled, language),
    }


def desk(state: Live, language: str, zone: str) -> dict[str, Any]:
    """For the organizers."""
    spread = state.spread
    here = sum(each.since is not None for each in state.speakers)
    gettext = translations(language).gettext
    counted = {"here": here, "all": len(state.speakers)}
    return {
        "page": f"{state.phase} {_window(state)}",
        "phase": state.phase,
        "window": _window(state),
        "checked_in": whole_number(state.checked_in, language),
        "of": _of(spread.enrolled, language),
        "clicked": whole_number(spread.clicked, language),
        "word": state.word if state.check_in is WindowState.OPEN else "",
        "here": gettext(N_("%(here)s of %(all)s are here")) % counted if state.speakers else "",
        "people": _people(state, language, zone),
        "arrivals": [
            {
                "name": each.name,
                "country": country_name(each.country, language) if each.country else "",
                "at": time_of_day(each.at, zone),
            }
            for each in state.arrivals
        ],
        "countries": _shares(
            spread.countries,
            language,
            lambda code: country_name(code, language),
            gettext(N_("Country not given")),
        ),
        "initiatives": _shares(
            spread.initiatives, language, str, gettext(N_("Without an initiative"))
        ),
    }


def desk_without_addresses(state: Live, language: str, zone: str) -> dict[str, Any]:
    """The same for those who may not read people."""
    shown = desk(state, language, zone)
    return {**shown, "people": [{**each, "email": ""} for each in shown["people"]]}


def desk_for(actor: Actor, slug: str) -> View:
    """What somebody in the team of the cycle at this address sees."""
    return desk if actor.may_at(Permission.PEOPLE_READ, slug) else desk_without_addresses


def _window(state: Live) -> str:
    """Where checking in stands: draft, cancelled, before, open, closed."""
    return state.phase if state.phase in ("draft", "cancelled") else state.check_in.value


def _of(whole: int, language: str) -> str:
    said = translations(language).gettext("of %(whole)s")
    return said % {"whole": whole_number(whole, language)}


def _shares(
    shares: Shares, language: str, name: Callable[[str], str], without: str
) -> list[dict[str, Any]]:
    found = [_share(each, name(each.name), language) for each in shares.top]
    if shares.other_names:
        more = translations(language).ngettext(
            "%(count)s more", "%(count)s more", shares.other_names
        )
        said = more % {"count": whole_number(shares.other_names, language)}
        found.append(_share(shares.others, said, language))
    if shares.unnamed and (found or shares.unnamed.came):
        found.append(_share(shares.unnamed, without, language))
    return found


def _share(share: Share, name: str, language: str) -> dict[str, Any]:
    return {
        "name": name,
        "came": whole_number(share.came, language),
        "of": _of(share.of, language),
        "bar": [min(share.came, share.of), share.of],
    }


def _people(state: Live, language: str, zone: str) -> list[dict[str, Any]]:
    """Those who are missing first."""
    gettext = translations(language).gettext
    return [
        {
            "name": each.name,
            "email": each.email,
            "parts": "; ".join(_part(*part, gettext, zone) for part in each.parts),
            "here": each.since is not None,
            "since": _since(each.since, gettext, zone),
        }
        for each in sorted(state.speakers, key=lambda each: each.since is not None)
    ]


def _since(since: datetime | None, gettext: Callable[[str], str], zone: str) -> str:
    if since is None:
        return gettext(N_("Not here yet"))
    return gettext(N_("Here since %(time)s")) % {"time": time_of_day(since, zone)}


def _part(segment: Segment, part: Part, gettext: Callable[[str], str], zone: str) -> str:
    title = segment.title or gettext(NAMES[segment.kind])
    return f"{time_of_day(segment.starts, zone)} {title}, {gettext(NAMES[part.role])}"
