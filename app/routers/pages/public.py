"""Public pages: the published cycles, a cycle, a session, its privacy notice and its colours."""

from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from app.calendar.links import google, outlook, webcal, yahoo
from app.db import DbSession
from app.domain.errors import NotFound
from app.domain.materials import Audience
from app.domain.permissions import Permission
from app.domain.schedule import Schedule, Session
from app.domain.text import LANGUAGES, localized
from app.models import now
from app.services import materials, notices
from app.services.calendars import event_of, feed_path
from app.services.links import Links
from app.services.public import PublishedCycle, published, published_cycles
from app.services.versions import version_of_cycle, version_of_cycles
from app.web import convertors as convertors  # makes {version:number} known
from app.web import material_view
from app.web import public_view as view
from app.web.accent import stylesheet
from app.web.access.gate import declares
from app.web.answers import Answer, Asked, answer
from app.web.choices import zone_choices
from app.web.dependencies import Db
from app.web.kept import KeptPage
from app.web.languages import Reader
from app.web.representations import Fresh, Subject
from app.web.templating import current_reader, page

router = APIRouter(dependencies=[declares(Permission.PUBLIC)])


def cycle_subject(slug: str) -> Subject:
    """What hangs on a cycle as a whole."""
    return Subject(("cycle", slug), lambda db: version_of_cycle(db, slug))


class HomePage(KeptPage):
    """``/``: the published cycles."""

    def subject_of(self, _params: dict[str, Any]) -> Subject:
        """All that are published."""
        return Subject("cycles", version_of_cycles)

    def page(self, db: DbSession, request: Request) -> tuple[HTMLResponse, float | None]:
        """What is coming first, then what is over."""
        moment = now()
        language = current_reader(request).language
        cycles = [_summary(c, language, moment) for c in published_cycles(db)]
        cycles.sort(key=lambda c: (c["over"], -c["start"] if c["over"] else c["start"]))
        until = view.next_turn((s for c in cycles for s in c["schedule"].sessions), moment)
        return page(request, "public/cycles.html", {"cycles": cycles}), until


class CyclePage(KeptPage):
    """``/c/{slug}``: a cycle with its sessions."""

    def subject_of(self, params: dict[str, Any]) -> Subject:
        """The cycle."""
        return cycle_subject(params["slug"])

    def page(self, db: DbSession, request: Request) -> tuple[HTMLResponse, float | None]:
        """Sessions as a programme, the next one on top."""
        moment = now()
        cycle, reader = cycle_and_reader(db, request, request.path_params["slug"])
        schedule = cycle.schedule
        links: Links = request.app.state.links
        sessions = [(s, s.state(moment)) for s in schedule.sessions]
        other = "" if reader.language == schedule.language else reader.language
        feed = links.url(feed_path(schedule.slug, other))
        context = {
            **view.cycle_context(cycle, reader.language, reader.zone),
            "words": _text(schedule.description, schedule, reader),
            "preview": view.short(_text(schedule.description, schedule, reader)),
            "sessions": [
                {
                    "number": s.number,
                    "title": _text(s.title, schedule, reader),
                    "session": s,
                    "people": view.names_of(s),
                    "state": state,
                }
                for s, state in sessions
            ],
            "coming": next((s for s, state in sessions if state in ("live", "scheduled")), None),
            "feed": feed,
            "webcal": webcal(feed),
            "institutions": view.institutions_by_role(schedule),
            "json_ld": view.cycle_ld(schedule, reader.language, links),
        }
        until = view.next_turn(schedule.sessions, moment)
        return page(request, "public/cycle.html", context), until


class SessionPage(KeptPage):
    """``/c/{slug}/{number}``: a session with its agenda and the people in it."""

    def subject_of(self, params: dict[str, Any]) -> Subject:
        """The cycle: its title and the sessions before and after are shown too."""
        return cycle_subject(params["slug"])

    def page(self, db: DbSession, request: Request) -> tuple[HTMLResponse, float | None]:
        """One session. Raises NotFound."""
        moment = now()
        cycle, reader = cycle_and_reader(db, request, request.path_params["slug"])
        schedule = cycle.schedule
        session = schedule.session(request.path_params["number"])
        if session is None:
            raise NotFound
        context = view.cycle_context(cycle, reader.language, reader.zone)
        title = _text(session.title, schedule, reader)
        words = _text(session.description, schedule, reader)
        links: Links = request.app.state.links
        shown = materials.visible(db, [session], moment, Audience.PUBLIC)
        rows = shown.by_session.get(session.id, ())
        context |= {
            "session": session,
            "title": title,
            "state": session.state(moment),
            "words": words,
            "preview": view.short(
                f"{view.when_words(session, reader.language, context['zone'])}. {words}"
            ),
            "agenda": view.agenda_items(session, context["zone"], moment),
            "materials": material_view.items(rows, f"/c/{schedule.slug}/{session.number}", session),
            "before": _neighbour(schedule, session, -1),
            "after": _neighbour(schedule, session, +1),
            "copies": _copies(cycle, session, reader, links),
            "json_ld": view.session_ld(schedule, session, reader.language, links),
        }
        until = view.next_turn([session], moment, shown.until)
        return page(request, "public/session.html", context), until


class AccentStyle:
    """``/c/{slug}/accent.css``: a cycle's colours, readable on light and on dark."""

    def key(self, scope: Scope, _wish: Asked) -> tuple[str, bytes]:
        """The slug and which colours the page was made with."""
        return scope["path_params"]["slug"], scope["query_string"][:64]

    def subject(self, key: tuple[str, bytes]) -> Subject:
        """The cycle."""
        return cycle_subject(key[0])

    def build(self, db: DbSession, key: tuple[str, bytes]) -> Fresh[Answer]:
        """Kept for ever by browsers that asked for just these colours. Raises NotFound."""
        accent = published(db, key[0]).schedule.accent
        same = key[1] == f"v={view.accent_digest(accent)}".encode()
        cache = "public, max-age=31536000, immutable" if same else "no-cache"
        made = answer(stylesheet(accent).encode(), "text/css; charset=utf-8", cache_control=cache)
        return Fresh(made, made.size)


@router.get("/c/{slug}/privacy")
def privacy(request: Request, db: Db, slug: str) -> Response:
    """The privacy notice that holds."""
    cycle, reader = cycle_and_reader(db, request, slug)
    return _notice(request, cycle, reader, notices.notice_of(db, cycle.cycle))


@router.get("/c/{slug}/privacy/{version:number}")
def privacy_version(request: Request, db: Db, slug: str, version: int) -> Response:
    """A version of it: whoever agreed to one can read it for ever."""
    cycle, reader = cycle_and_reader(db, request, slug)
    return _notice(request, cycle, reader, notices.notice_of_version(db, cycle.cycle, version))


def _notice(
    request: Request, cycle: PublishedCycle, reader: Reader, notice: notices.Notice
) -> Response:
    text, language = notice.in_language(reader.language)
    context = view.cycle_context(cycle, reader.language, reader.zone) | {
        "notice": notice,
        "words": text,
        "text_language": language,
        "holds": notice.version == cycle.cycle.privacy_version,
    }
    return page(request, "public/privacy.html", context)


@router.get("/data/erased")
def erased(request: Request) -> Response:
    """Where everybody goes who has erased their data. Nothing in it depends on who did."""
    return page(request, "own/erased.html", headers={"cache-control": "private, no-store"})


@router.get("/zone")
def choose_zone(request: Request, back: str = "/") -> Response:
    """The zones of all countries, for browsers without script; the choice goes to the page they
    came from."""
    path = _own_path(back)
    reader = current_reader(request)
    choices = zone_choices(reader.language, reader.zone)
    return page(request, "public/zone.html", {"back": path, "choices": choices})


def _own_path(address: str) -> str:
    """The path of an address, if it is one of ours, else "/". "//host" and "/\\host" would be
    another site; so would "/<tab>/host", since browsers leave out tabs and ends of lines."""
    if len(address) > 500 or "\\" in address or not address.isprintable():
        return "/"
    try:
        parts = urlsplit(address)
    except ValueError:  # "//[": half an address of version 6
        return "/"
    ours = not parts.scheme and not parts.netloc and parts.path.startswith("/")
    return parts.path if ours and not parts.path.startswith("//") else "/"


def cycle_and_reader(db: DbSession, request: Request, slug: str) -> tuple[PublishedCycle, Reader]:
    """The cycle of this address and who reads, in its language if nothing else says. Raises
    NotFound."""
    cycle = published(db, slug)
    request.state.fallback_language = cycle.schedule.language
    return cycle, current_reader(request)


def _text(text: Any, schedule: Schedule, reader: Reader) -> str:
    return localized(text, reader.language, schedule.language)


def _neighbour(schedule: Schedule, session: Session, step: int) -> Session | None:
    place = schedule.sessions.index(session) + step
    return schedule.sessions[place] if 0 <= place < len(schedule.sessions) else None


def _copies(
    cycle: PublishedCycle, session: Session, reader: Reader, links: Links
) -> list[tuple[str, str]]:
    """Where a copy of the session can be put into a calendar on the web."""
    event = event_of(
        cycle.schedule,
        session,
        reader.language,
        link=links.url(f"/c/{cycle.schedule.slug}/{session.number}"),
    )
    return [("Google", google(event)), ("Outlook", outlook(event)), ("Yahoo", yahoo(event))]


def _summary(cycle: PublishedCycle, language: str, moment: Any) -> dict[str, Any]:
    schedule = cycle.schedule
    states = [(s, s.state(moment)) for s in schedule.sessions]
    coming = next((s for s, state in states if state in ("live", "scheduled")), None)
    starts = [s.starts.timestamp() for s in schedule.sessions]
    return {
        "schedule": schedule,
        "title": localized(schedule.title, language, schedule.language),
        "text": view.short(localized(schedule.description, language, schedule.language)),
        "organizers": ", ".join(i.name for i in schedule.institutions[:3]),
        "coming": coming,
        "coming_title": localized(coming.title, language, schedule.language) if coming else "",
        "count": len(schedule.sessions),
        "over": coming is None,
        "start": coming.starts.timestamp() if coming else max(starts, default=0.0),
        "languages": LANGUAGES,
    }
