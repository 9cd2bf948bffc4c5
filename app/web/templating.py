"""Pages: one Jinja environment for each language, so that compiled templates stay plain."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.certificates.words import asked_in_words
from app.domain import words
from app.domain.errors import DomainError, FieldError, NotFound
from app.domain.permissions import Permission
from app.domain.text import LANGUAGES, localized
from app.languages import (
    OWN_NAMES,
    country_name,
    date_long,
    day,
    duration,
    file_size,
    span,
    time_of_day,
    translations,
    zone_label,
)
from app.logs import request_id
from app.paths import STATIC, TEMPLATES
from app.prose import as_html
from app.services.actor import Actor
from app.services.links import Links, Purpose
from app.web.access.ahead import Leads, leads_of
from app.web.languages import Reader, reader_of
from app.web.problems import translate

FLASH = "flash"
_leads: ContextVar[Leads | None] = ContextVar("leads", default=None)


@cache
def static_url(name: str) -> str:
    """The address of a static file, with a digest of its content so that it can be kept for ever.

    Modules import each other by plain names, so scripts carry the digest of the whole folder.
    """
    path = Path(STATIC, name)
    files = sorted(path.parent.glob("*.js")) if path.suffix == ".js" else [path]
    digest = hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


@cache
def environment(language: str) -> Environment:
    """The environment of a language."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    gettext = translations(language).gettext

    def say(error: FieldError | DomainError) -> str:
        return translate(error, gettext)

    def date(instant: datetime, zone: str) -> str:
        return date_long(instant, language, zone)

    def word(value: object, of: str) -> str:
        """What it is called (`domain.words`); what is not known there, and nothing, as it is."""
        known = words.OF[of].get(value, "")
        return gettext(known) if known else str(value)

    env.filters |= {
        "date": date,
        "time": time_of_day,
        "day": lambda value: day(value, language),
        "duration": lambda minutes: duration(minutes, language),
        "held": lambda said: span(said.first_day, said.last_day, language),
        "asked": lambda said: asked_in_words(said.asked, language),
        "zone_label": lambda name: zone_label(name, language),
        "file_size": lambda size: file_size(size, language),
        "country": lambda code: country_name(code, language),
        "word": word,
        "localized": lambda text, fallback="en": localized(text, language, fallback),
        "say": say,
        "markdown": as_html,
        "iso": lambda instant: instant.isoformat().replace("+00:00", "Z"),
        "language_name": lambda code: OWN_NAMES.get(code, code),
    }
    env.globals |= {
        "static": static_url,
        "leads": _leads_there,
        "languages": tuple(OWN_NAMES.items()),
        "lang": language,
    }
    return env


def _leads_there(href: str, method: str = "get") -> bool:
    """Whether the reader of the page that is being written may go to an address. Components ask
    this of what they are given, so that a page need not think of it."""
    leads = _leads.get()
    return leads is None or leads(href, method)


def gettext_for(request: Request) -> Any:
    """The reader's gettext, for sentences made in Python."""
    return translations(current_reader(request).language).gettext


def current_reader(request: Request) -> Reader:
    """The reader; whoever knows the person sets ``request.state.person_language`` first."""
    known = getattr(request.state, "person_language", "")
    fallback = getattr(request.state, "fallback_language", "en")
    return reader_of(request, language=known, fallback=fallback)


def may_of(request: Request, *, anywhere: bool = False) -> Callable[[str], bool]:
    """Whether the reader may do what a permission is called: in the cycle that the page is about,
    or at all."""
    actor: Actor | None = getattr(request.state, "actor", None)
    slug = "" if anywhere else str(request.path_params.get("slug", ""))
    return lambda name: (
        actor is not None
        and (actor.may_at(Permission(name), slug) if slug else actor.may_anywhere(Permission(name)))
    )


def page(
    request: Request,
    name: str,
    context: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A page in the reader's language. Shows and clears what `see_other` left to be said."""
    reader = current_reader(request)
    links: Links = request.app.state.links
    flash = _read_flash(request, links)
    # `zone` and `lang` may be overridden by a router that knows better.
    values = {
        "request": request,
        "zone": reader.zone,
        "actor": getattr(request.state, "actor", None),
        "flash": flash,
        "base_url": links.base_url,
        "may": may_of(request),
        "may_anywhere": may_of(request, anywhere=True),
        "development": request.app.state.development,
        **(context or {}),
    }
    reset = _leads.set(leads_of(request))
    try:
        html = environment(reader.language).get_template(name).render(values)
    finally:
        _leads.reset(reset)
    response = HTMLResponse(html, status, headers=dict(headers or {}))
    asked = request.query_params.get("lang")
    if asked in LANGUAGES:
        response.set_cookie("lang", asked, max_age=31_536_000, samesite="lax", path="/")
    if flash:
        response.delete_cookie(FLASH, path="/")
    return response


def see_other(
    request: Request,
    path: str,
    said: str = "",
    *,
    kind: str = "success",
    link: tuple[str, str] | None = None,
) -> RedirectResponse:
    """After a POST: go there, where `said` (already translated) is shown once; `link`: an address
    and its words, after it."""
    response = RedirectResponse(path, 303)
    if said:
        links: Links = request.app.state.links
        text = json.dumps([kind, said, *(link or ("", ""))])
        response.set_cookie(
            FLASH,
            links.sign(Purpose.FLASH, text.encode().hex()),
            max_age=60,
            httponly=True,
            samesite="lax",
            path="/",
        )
    return response


def _read_flash(request: Request, links: Links) -> list[dict[str, str]]:
    signed = request.cookies.get(FLASH)
    if not signed:
        return []
    try:
        kind, text, href, link = json.loads(bytes.fromhex(links.unsign(Purpose.FLASH, signed)))
    except (NotFound, ValueError):
        return []
    return [{"kind": kind, "text": text, "href": href, "link": link}]


def error_page(request: Request, error: DomainError, status: int) -> Response:
    """An error as a page in the reader's language, with the way on."""
    context = {
        "error": error,
        "status": status,
        "reference": request_id() if status >= 500 else "",
    }
    return page(request, "errors/error.html", context, status=status)
