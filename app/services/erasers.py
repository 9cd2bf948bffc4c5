"""What becomes of each table's rows when somebody's data goes: rows that count stay as numbers,
everything that says who it was is emptied or deleted.

Each of these takes a `Subject` and says how many rows it has emptied or deleted. `personal_places`
has them in the order in which they are called, which is that in which rows are held.
"""

from typing import Any

from sqlalchemy import delete, func, true, update
from sqlmodel import col, select

from app.db import DbSession
from app.domain.certificates import State
from app.domain.enrolment import TAKES_A_PLACE, EnrolmentStatus
from app.domain.erased import NAMELESS
from app.domain.feedback import QuestionKind
from app.domain.ids import new_code
from app.domain.retention import that_stays
from app.domain.schedule import PartStatus
from app.models import (
    Certificate,
    Cycle,
    DataLink,
    Enrolment,
    Evidence,
    FeedbackAnswer,
    FeedbackQuestion,
    Initiative,
    Invitation,
    Material,
    Part,
    Release,
    ReportAlias,
    Session,
)
from app.services import audit
from app.services.erasure_subject import Subject, is_over
from app.services.merging_guests import names_person
from app.services.places import promote_waitlist
from app.services.rows import find

QUASI = ("country", "gender", "institution", "initiative")
"""What is counted by, in the order in which it may stay."""


def parts(db: DbSession, who: Subject) -> int:
    """Parts in the draft: nobody's by name from now on, and declined where they are to come."""
    query = (
        select(Part, Session)
        .join(Session, col(Session.id) == col(Part.session_id))
        .where(Part.person_id == who.person.id, col(Session.cycle_id).in_(who.cycles))
        .order_by(col(Part.id))
    )
    found = db.exec(query).all()
    for part, session in found:
        part.comment = ""
        if who.by_time:
            continue
        part.person_id = who.stand_in(db, session.cycle_id).id
        part.position, part.institution = "", ""
        if session.ends_at > who.now:
            part.status = PartStatus.DECLINED
    db.flush()
    return len(found)


def releases(db: DbSession, who: Subject) -> int:
    """What was published: their name is taken out of it, whoever else is named stays."""
    if who.by_time:
        return 0
    query = select(Release).where(
        col(Release.cycle_id).in_(who.cycles), names_person(who.person.id)
    )
    rows = db.exec(
        query.order_by(col(Release.id)).with_for_update().execution_options(populate_existing=True)
    ).all()
    for row in rows:
        instead = {
            "person_id": who.stand_in(db, row.cycle_id).id,
            "name": NAMELESS,
            "position": "",
            "institution": "",
            "country": "",
            "zone": "",
        }
        row.document = _with_parts(row.document, who.person.id, instead)
    db.flush()
    return len(rows)


def _with_parts(document: Any, person_id: str, instead: dict[str, str]) -> dict[str, Any]:
    def part(each: dict[str, Any]) -> dict[str, Any]:
        return {**each, **instead} if each["person_id"] == person_id else each

    sessions = [
        {
            **session,
            "segments": [
                {**segment, "parts": [part(each) for each in segment["parts"]]}
                for segment in session["segments"]
            ],
        }
        for session in document["sessions"]
    ]
    return {**document, "sessions": sessions}


def materials(db: DbSession, who: Subject) -> int:
    """Slides that they gave. Those that organizers put there stay, and so does all of it when only
    the time is over: participants look at it."""
    if who.by_time:
        return 0
    rows = db.exec(
        select(Material).where(col(Material.given_by).in_(who.guest_ids)).order_by(col(Material.id))
    ).all()
    for row in rows:
        if row.file:
            who.files.add(f"file:{row.file}")
        db.delete(row)
    audit.erase_rows(db, "material", [row.id for row in rows])
    db.flush()
    return len(rows)


def enrolments(db: DbSession, who: Subject) -> int:
    """Enrolments: numbers from now on. Who has a place in a cycle that goes on leaves it."""
    freed = []
    for row in who.enrolments:
        kept = _kept(db, row)
        over = is_over(db, row.cycle_id, who.now)
        waits = row.status in (EnrolmentStatus.PENDING, EnrolmentStatus.WAITLISTED)
        if row.status != EnrolmentStatus.WITHDRAWN and (waits or not over):
            if row.status in TAKES_A_PLACE and not over:
                freed.append(row.cycle_id)
            row.status, row.status_at = EnrolmentStatus.WITHDRAWN, who.now
        row.person_id = who.stand_in(db, row.cycle_id).id
        row.name, row.search_key = NAMELESS, ""
        row.zone = find(db, Cycle, row.cycle_id).zone
        row.country, row.gender = kept["country"], kept["gender"]
        row.institution = kept["institution"]
        row.initiative_id = kept["initiative"] or None
        row.link_generation += 1
        row.feed_generation += 1
    db.flush()
    for cycle_id in sorted(freed):
        promote_waitlist(db, find(db, Cycle, cycle_id), who.now)
    return len(who.enrolments)


def _kept(db: DbSession, row: Enrolment) -> dict[str, str]:
    """What of it may stay for counting by (`domain.retention.that_stays`). One query."""
    columns: Any = (
        Enrolment.country,
        Enrolment.gender,
        Enrolment.institution,
        Enrolment.initiative_id,
        func.count(),
    )
    query: Any = select(*columns).where(Enrolment.cycle_id == row.cycle_id)
    everybody = [
        (dict(zip(QUASI, [each or "" for each in values], strict=True)), count)
        for *values, count in db.exec(query.group_by(*columns[:-1]))
    ]
    given = (row.country, row.gender, row.institution, row.initiative_id or "")
    return that_stays(dict(zip(QUASI, given, strict=True)), everybody)


def evidence(db: DbSession, who: Subject) -> int:
    """Evidence: what was observed stays, how they were called and why it was said does not."""
    mine = col(Evidence.enrolment_id).in_(who.enrolment_ids)
    values = {"shown_as": "", "reason": ""}
    return db.connection().execute(update(Evidence).where(mine).values(values)).rowcount


def feedback(db: DbSession, who: Subject) -> int:
    """Feedback in their own words goes; ratings and choices stay as numbers."""
    in_words = select(FeedbackQuestion.id).where(FeedbackQuestion.kind == QuestionKind.TEXT)
    theirs = (
        col(FeedbackAnswer.enrolment_id).in_(who.enrolment_ids),
        col(FeedbackAnswer.question_id).in_(in_words),
    )
    return db.connection().execute(delete(FeedbackAnswer).where(*theirs)).rowcount


def certificates(db: DbSession, who: Subject) -> int:
    """Certificates: the address goes from all, even as a digest. The name stays on those that hold,
    where their holder wants that, or only the time is over."""
    rows = db.exec(
        select(Certificate)
        .where(col(Certificate.id).in_(who.certificates))
        .order_by(col(Certificate.id))
    ).all()
    for row in rows:
        row.document = {**row.document, "identity": ""}
        row.salt, row.reason = "", ""
        if not (row.status == State.LIVE and (who.keep_certificates or who.by_time)):
            row.holder, row.search_key = "", ""
    db.flush()
    return len(rows)


def guests(db: DbSession, who: Subject) -> int:
    """Guests: only their answers go on."""
    enrolled = {each.cycle_id for each in who.enrolments}
    for row in who.guests:
        if row.photo:
            who.files.add(f"file:{row.photo}")
        if not who.by_time or row.cycle_id in enrolled:
            row.person_id = who.stand_in(db, row.cycle_id).id
        row.biography, row.photo = "", ""
        row.aliases, row.unavailable = [], []
        row.reply_code = new_code(16)
        row.link_generation += 1
        row.feed_generation += 1
    db.flush()
    return len(who.guests)


def invitations(db: DbSession, who: Subject) -> int:
    """The ledger: what was answered stays, where it was sent to does not; nothing more is sent."""
    mine = col(Invitation.guest_id).in_(who.guest_ids)
    values = {"address": "", "comment": "", "digest": "", "method": "", "message_id": None}
    return db.connection().execute(update(Invitation).where(mine).values(values)).rowcount


def aliases(db: DbSession, who: Subject) -> int:
    """What they are called in the cycles' reports."""
    mine = col(ReportAlias.person_id) == who.person.id
    here = true() if who.whole else col(ReportAlias.cycle_id).in_(who.cycles)
    return db.connection().execute(delete(ReportAlias).where(mine, here)).rowcount


def data_links(db: DbSession, who: Subject) -> int:
    """Links to what is held about them."""
    if not who.whole:
        return 0
    mine = col(DataLink.person_id) == who.person.id
    return db.connection().execute(delete(DataLink).where(mine)).rowcount


def person(db: DbSession, who: Subject) -> int:
    """The entry in the directory, if nothing of them is left anywhere."""
    if not who.whole:
        return 0
    db.flush()
    db.delete(who.person)
    db.flush()
    return 1


def initiatives(db: DbSession, who: Subject) -> int:
    """Initiatives for which nobody stands any more: they are called as somebody typed it."""
    used = select(Enrolment.initiative_id).where(col(Enrolment.initiative_id).is_not(None))
    orphans = select(Initiative.id).where(
        col(Initiative.id).in_(who.stood_for), col(Initiative.id).not_in(used)
    )
    ids = db.exec(orphans.order_by(col(Initiative.id)).with_for_update()).all()
    for each in ids:
        db.delete(db.get_one(Initiative, each))
    audit.erase_rows(db, "initiative", ids)
    db.flush()
    return len(ids)


def trail(db: DbSession, who: Subject) -> int:
    """What the trail says of them: the lines stay, and who has done what."""
    return audit.erase(db, who.person.id, None if who.whole else who.cycles)
