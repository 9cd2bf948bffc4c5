"""Organizers' pages: a cycle in numbers, its files, and a session on paper."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.briefs.pdf import brief_pdf
from app.db import DbSession
from app.domain import words
from app.domain.text import localized
from app.models import now
from app.services import briefs, exports, report, report_files
from app.services.actor import Actor
from app.services.cycles import cycle_for_slug
from app.services.sessions import session_by_number
from app.web import cycle_report_view as report_view
from app.web.access.pages import MayReadReport
from app.web.dependencies import Db, LinksDep
from app.web.downloads import download
from app.web.organize import cycle_bar
from app.web.templating import current_reader, gettext_for, page

router = APIRouter(prefix="/organize/c/{slug}")


@router.get("/report")
def overview(request: Request, db: Db, actor: MayReadReport, slug: str) -> Response:
    """The numbers, what is provisional about them, and where each comes from."""
    cycle = cycle_for_slug(db, actor, slug)
    found = report.report(db, actor, cycle.id, now())
    gettext, language = gettext_for(request), current_reader(request).language
    base = f"/organize/c/{slug}"
    context = {
        "cycle": cycle,
        "cycle_bar": cycle_bar(cycle, language),
        "found": found,
        "by_rule": found.against.rule is not None,
        "titles": {
            each.held.id: localized(each.told.title, language, cycle.language)
            for each in found.sessions
        },
        "statuses": tuple(words.ATTENDANCE),
        "shares": report_view.shares(found, gettext),
        "tables": report_view.tables(found, base, gettext, language),
        "named": {d.value: sum(bool(g.key) for g in groups) for d, groups in found.groups.items()},
        "state_words": lambda each: report_files.state_words(each, gettext),
    }
    return page(request, "organize/cycle_report.html", context)


@router.get("/report.csv")
def report_csv(request: Request, db: Db, actor: MayReadReport, slug: str) -> Response:
    """All tables as one CSV."""
    data = report_files.report_csv(*_file(request, db, actor, slug))
    return download(data, exports.CSV_TYPE, f"{slug}-report.csv")


@router.get("/report.xlsx")
def report_xlsx(request: Request, db: Db, actor: MayReadReport, slug: str) -> Response:
    """All tables and everybody as XLSX."""
    data = report_files.report_xlsx(*_file(request, db, actor, slug))
    return download(data, exports.XLSX_TYPE, f"{slug}-report.xlsx")


@router.get("/sessions/{number}/brief.pdf")
def brief(
    request: Request, db: Db, actor: MayReadReport, links: LinksDep, slug: str, number: int
) -> Response:
    """A session on one page of paper, in the reader's language or the one that is asked for."""
    cycle = cycle_for_slug(db, actor, slug)
    session = session_by_number(db, actor, cycle.id, number)
    language = current_reader(request).language
    found = briefs.session_brief(db, actor, session.id, language, links.base_url, now())
    return download(brief_pdf(found), "application/pdf", f"{slug}-session-{number}-{language}.pdf")


def _file(request: Request, db: DbSession, actor: Actor, slug: str) -> tuple[Any, Any, str]:
    cycle = cycle_for_slug(db, actor, slug)
    found = report.report(db, actor, cycle.id, now())
    return found, gettext_for(request), current_reader(request).language
