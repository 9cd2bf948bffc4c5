"""The page of paper about a session, for those outside: what was published of it, who spoke, and
numbers in which nobody can be made out."""

from datetime import datetime

from app.briefs.values import Brief, Item, Shown, Speaker
from app.db import DbSession
from app.domain import report as rules
from app.domain import schedule
from app.domain.errors import NotFound
from app.domain.feedback import LEAST
from app.domain.materials import Audience
from app.domain.report import Dimension, Tally
from app.domain.schedule import InstitutionRole, Schedule
from app.domain.text import localized
from app.models import Material, Session
from app.services import materials
from app.services.actor import Actor
from app.services.closing import reports_to_settle
from app.services.completion import against
from app.services.report import Opinion, everybody, opinions_of
from app.services.rows import find
from app.services.schedules import released_schedule
from app.services.told import in_release


def session_brief(
    db: DbSession, actor: Actor, session_id: str, language: str, base_url: str, now: datetime
) -> Brief:
    """What there is to say of a session at the aware instant `now`, in a language, else in the
    cycle's. `base_url`: before the addresses of the public pages. Of what was answered without a
    name it says nothing while too few have. Thirteen queries.

    Raises NotFound: there is no such session, or it was not published, or it is called off.
    """
    row = find(db, Session, session_id)
    known = against(db, row.cycle_id, now)
    held = next((each for each in known.held if each.id == session_id), None)
    released = released_schedule(db, row.cycle_id)
    session = in_release(released, session_id)
    if held is None or released is None or session is None:
        raise NotFound
    people = [each.row for each in everybody(db, known, [session_id], outcomes=False)]
    tally = rules.tally(people, [session_id])
    countries = rules.by_dimension(people, [session_id], Dimension.COUNTRY)
    shown, others, _ = rules.folded(countries, _attended)
    opinion = opinions_of(db, [session_id]).get(session_id)
    # Of names, too, nobody outside is told whose rating it is that they read.
    told = opinion is not None and min(opinion.answered, opinion.ratings) >= LEAST
    waiting = reports_to_settle(db, session_id).get(session_id)
    seen = materials.visible(db, [session], now, Audience.PUBLIC)
    page = f"{base_url}/c/{released.slug}/{session.number}"
    return Brief(
        language=language,
        cycle=localized(released.title, language, released.language),
        number=session.number,
        title=localized(session.title, language, released.language),
        starts=session.starts,
        ends=session.ends,
        zone=session.zone,
        at=now,
        address=page,
        organizers=_organizers(released),
        accent=released.accent,
        agenda=tuple(map(_item, session.segments)),
        over=held.over,
        closed=held.closed,
        to_settle=waiting is not None and any(waiting),
        enrolled=tally.people,
        attended=tally.attended,
        statuses=tally.statuses,
        bases=tally.bases,
        mean=tally.mean,
        unverified=tally.unverified,
        countries=tuple((group.name, _attended(group.tally)) for group in shown),
        country_count=sum(bool(group.key and _attended(group.tally)) for group in countries),
        others=_attended(others),
        opinions=_opinions(opinion),
        ratings=opinion.ratings if opinion and told else 0,
        rating=opinion.mean if opinion and told else None,
        materials=tuple(
            Shown(each.title, _address(each, page)) for each in seen.by_session.get(session_id, ())
        ),
    )


def _attended(tally: Tally) -> int:
    return tally.attended


def _opinions(opinion: Opinion | None) -> int | None:
    return None if opinion is None or opinion.withheld else opinion.answered


def _organizers(released: Schedule) -> tuple[str, ...]:
    return tuple(
        each.name for each in released.institutions if each.role is InstitutionRole.ORGANIZER
    )


def _item(segment: schedule.Segment) -> Item:
    speakers = (Speaker(part.name, part.role, part.institution) for part in segment.parts)
    return Item(segment.kind, segment.title, segment.starts, tuple(speakers))


def _address(material: Material, page: str) -> str:
    return material.url or f"{page}/materials/{material.id}"
