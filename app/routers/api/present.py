"""From rows, and from what rules found, to what programs are answered."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from app.domain.answers import Answer, AnswerSource
from app.domain.invitations import Method
from app.domain.materials import NEVER, Audience, MaterialKind
from app.domain.permissions import Permission
from app.domain.schedule import PartRole
from app.meetings.values import Remark
from app.models import (
    Cycle,
    Enrolment,
    Evidence,
    Material,
    Part,
    ReportImport,
    ReportRow,
    Segment,
    Session,
    SessionClosing,
)
from app.schemas.completion import ClosingOut, StillOpenOut
from app.schemas.cycle import (
    CycleInstitutionOut,
    CycleOut,
    MessageCountOut,
    MovesOut,
    ReleaseOut,
    ReleasePreviewOut,
    ReopensOut,
)
from app.schemas.enrolment import AttendanceOut, CheckInOut, EnrolmentOut, EvidenceOut
from app.schemas.invitation import InvitationOut, PartStandingOut
from app.schemas.material import MaterialOut
from app.schemas.page import Page
from app.schemas.report import ReportOut, ReportRowOut, RowCounts
from app.schemas.session import PartOut, SegmentOut, SessionOut
from app.schemas.types import Out
from app.services.actor import Actor
from app.services.attendance import AttendanceRow
from app.services.check_in_lists import CheckInRow
from app.services.closing import StillOpen
from app.services.concerned import concerned_by, untold
from app.services.invitations import tally
from app.services.ledger import Plan
from app.services.ledger_lists import Listed
from app.services.parts import Placed
from app.services.publishing import Preview, ToldRelease
from app.services.release_effects import Moves, asked_for_no_more
from app.services.reopening import Reopens
from app.services.schedules import segments_of
from app.web.sentences import Presenter

ItemT = TypeVar("ItemT", bound=Out)


def page_of(items: Sequence[ItemT], after: str | None = None) -> Page[ItemT]:
    """A stretch of a list."""
    return Page[ItemT].model_construct(items=list(items), next=after)


def cycle_out(row: Cycle) -> CycleOut:
    """A cycle."""
    return CycleOut.model_validate(row)


def institutions_out(row: Cycle) -> Page[CycleInstitutionOut]:
    """The institutions of a cycle, which are loaded."""
    return page_of(
        [
            CycleInstitutionOut(
                institution_id=entry.institution_id,
                name=entry.institution.name,
                acronym=entry.institution.acronym,
                country=entry.institution.country,
                role=entry.role,
            )
            for entry in row.institutions
        ]
    )


def session_out(row: Session) -> SessionOut:
    """A session, loaded with its agenda."""
    times = [(s.starts, s.ends) for s in segments_of(row)]
    own = {name: getattr(row, name) for name in SessionOut.model_fields if name != "segments"}
    segments = [_segment(s, *t) for s, t in zip(row.segments, times, strict=True)]
    return SessionOut(**own, segments=segments)


def _segment(row: Segment, starts: datetime, ends: datetime) -> SegmentOut:
    return SegmentOut(
        id=row.id,
        kind=row.kind,
        title=row.title,
        minutes=row.minutes,
        offset=row.offset,
        starts_at=starts,
        ends_at=ends,
        parts=[_part(part) for part in row.parts],
    )


def _part(row: Part) -> PartOut:
    return PartOut(
        id=row.id,
        person_id=row.person_id,
        name=row.person.name,
        role=row.role,
        position=row.position,
        institution=row.institution,
    )


def enrolment_out(row: Enrolment) -> EnrolmentOut:
    """An enrolment, loaded with person and initiative."""
    own = {
        name: getattr(row, name)
        for name in EnrolmentOut.model_fields
        if name not in ("email", "initiative")
    }
    return EnrolmentOut(
        **own,
        email=row.person.email or "",
        initiative=row.initiative.name if row.initiative else "",
    )


def attendance_out(row: AttendanceRow, actor: Actor) -> AttendanceOut:
    """What is known of somebody's attendance at a session; with the address for whoever may read
    people."""
    enrolment, record = row.enrolment, row.record
    sees_addresses = actor.may(Permission.PEOPLE_READ, enrolment.cycle_id)
    return AttendanceOut(
        enrolment_id=enrolment.id,
        name=enrolment.name,
        email=(enrolment.person.email or "") if sees_addresses else "",
        country=enrolment.country,
        institution=enrolment.institution,
        initiative=enrolment.initiative.name if enrolment.initiative else "",
        status=record.status,
        basis=record.basis,
        minutes=record.minutes,
        checked_in_at=record.checked_in,
        reason=record.reason,
    )


def evidence_out(row: Evidence) -> EvidenceOut:
    """A piece of evidence."""
    return EvidenceOut(
        id=row.id,
        enrolment_id=row.enrolment_id,
        kind=row.kind,
        at=row.at,
        source=row.source,
        recorded_by=row.recorded_by,
        status=row.status or None,
        reason=row.reason,
        retracts=row.retracts_id,
        joined_at=row.joined_at,
        left_at=row.left_at,
        seconds=row.seconds,
        report_id=row.import_id,
        row=row.row_number,
        shown_as=row.shown_as,
        matched_by=row.matched_by,
    )


def closing_out(row: SessionClosing) -> ClosingOut:
    """A session was closed, or opened again."""
    return ClosingOut.model_validate(row)


def still_open_out(found: StillOpen) -> StillOpenOut:
    """What is not settled at a session."""
    return StillOpenOut(
        reports=found.reports,
        rows=found.rows,
        nobody=[row.enrolment.id for row in found.nobody],
        outside=[row.enrolment.id for row in found.outside],
        contradicted=[row.enrolment.id for row in found.contradicted],
        unverified=[row.enrolment.id for row in found.unverified],
    )


def report_out(row: ReportImport, counts: Mapping[str, int]) -> ReportOut:
    """A provider's report."""
    return ReportOut(
        **row.model_dump(exclude={"reading", "digest"}),
        counts=RowCounts(**counts),
        found={name: value for name, value in row.reading.items() if name != "basis"},
    )


def report_row_out(row: ReportRow) -> ReportRowOut:
    """A row of a provider's report."""
    details = row.details
    reasons = [Remark(each["sentence"], each["params"]) for each in details.get("remarks", ())]
    return ReportRowOut(
        **row.model_dump(exclude={"details", "left_out", "who", "credits", "note"}),
        candidates=[each for each in details.get("candidates", ()) if ":" not in each],
        why=" ".join(filter(None, (details.get("why", ""), *map(str, reasons)))),
    )


def check_in_out(row: CheckInRow) -> CheckInOut:
    """A check-in."""
    return CheckInOut(
        enrolment_id=row.enrolment.id,
        session_id=row.session_id,
        name=row.enrolment.name,
        checked_in_at=row.at,
        source=row.source,
        retracted=row.retracted,
        of_another_date=row.of_another_date,
    )


def material_out(row: Material, opens: datetime | None) -> MaterialOut:
    """A material, seen by others from `opens` on."""
    return MaterialOut(
        id=row.id,
        session_id=row.session_id,
        segment_id=row.segment_id,
        kind=MaterialKind(row.kind),
        title=row.title,
        url=row.url,
        file_name=row.file_name,
        media_type=row.media_type,
        size=row.size,
        audience=Audience(row.audience),
        visible_from=None if opens == NEVER else opens,
        kept_back=opens == NEVER,
        after_session=row.after_session,
        created_at=row.created_at,
    )


def invitation_out(row: Listed) -> InvitationOut:
    """A row of the ledger."""
    held = row.invitation
    return InvitationOut(
        id=held.id,
        person_id=row.person_id,
        name=row.name,
        session_id=held.session_id,
        session_number=row.session_number,
        method=Method(held.method) if held.method else None,
        sequence=held.sequence,
        delivery=row.delivery,
        answer=Answer(held.answer) if held.answer else None,
        answer_source=AnswerSource(held.answer_source) if held.answer_source else None,
        answered_at=held.answered_at,
        again=row.again,
        stale=row.stale.value if row.stale else None,
    )


def part_standing_out(placed: Placed) -> PartStandingOut:
    """Where a part stands."""
    part = placed.part
    return PartStandingOut(
        part_id=part.id,
        session_id=part.session_id,
        session_number=placed.session.number,
        segment_title=placed.segment.title,
        person_id=part.person_id,
        name=part.person.name,
        role=PartRole(part.role),
        status=placed.standing,
        answered_at=part.answered_at,
        comment=part.comment,
    )


def release_out(told: ToldRelease, say: Presenter, mails: int) -> ReleaseOut:
    """A release with what was different, in sentences."""
    return ReleaseOut(
        number=told.release.number,
        published_at=told.release.published_at,
        published_by=told.release.published_by,
        note=told.release.note,
        mails=mails,
        changes=[say.say(change) for change in told.changes],
    )


def preview_out(
    cycle: Cycle,
    found: Preview,
    planned: Plan,
    effects: tuple[Iterable[Reopens], Iterable[Moves]],
    say: Presenter,
    now: datetime,
) -> ReleasePreviewOut:
    """What publishing would do, in sentences, and the mails that it takes. `effects`: on closed
    sessions, and on others where people have attendance."""
    concerned = concerned_by(planned)
    return ReleasePreviewOut(
        revision=cycle.revision,
        changes=[say.say(change) for change in found.changes],
        errors=len(found.errors),
        warnings=len(found.warnings),
        conflicts=[say.conflict_out(conflict) for conflict in found.conflicts],
        nothing_new=found.nothing_new,
        reopens=[ReopensOut.model_validate(each, from_attributes=True) for each in effects[0]],
        moves=[MovesOut.model_validate(each, from_attributes=True) for each in effects[1]],
        asked_for_no_more=asked_for_no_more(cycle, found.before, found.next_schedule),
        invites=cycle.invites,
        messages=[
            MessageCountOut(kind=kind, language=language, count=count)
            for (kind, language), count in sorted(tally(planned).items())
        ],
        people=len(concerned),
        concerned=[who.reader.guest.person_id for who in concerned],
        wrong=sum(who.wrong for who in concerned),
        without_address=[
            reader.guest.person_id for reader in untold(planned, found.next_schedule, now)
        ],
    )
