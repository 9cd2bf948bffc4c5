"""Materials of sessions: what organizers do with them, and who may see which of them when.

Files are in the store (`services.files`), by their content: rows that say the same file share it.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import col, func, select

from app.db import DbSession
from app.domain.conflict_sessions import same_room
from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import N_, Invalid, NotFound
from app.domain.materials import Audience, MaterialKind, is_visible, next_opening, opens_at
from app.models import Enrolment, Guest, Material, Person, Segment, Session
from app.schemas.material import MaterialIn, MaterialLinkIn
from app.services.actor import Actor
from app.services.files import Stored, download_name
from app.services.rows import find, hold
from app.services.wall_times import settle

MOST = 100
"""Of one session."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A material as organizers see it. `opens` is an aware instant, None: at once; `segment` is the
    title of its segment, `given_by` the name of whoever with a part uploaded it; both may be
    empty."""

    material: Material
    opens: datetime | None
    segment: str
    given_by: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What may be seen at an instant, by session and in order. `until` is when more of it may be
    seen, if that time comes by itself."""

    by_session: dict[str, list[Material]] = field(default_factory=dict)
    until: datetime | None = None


def add_link(db: DbSession, actor: Actor, session_id: str, new: MaterialLinkIn) -> Material:
    """A material that is somewhere else, as the last of its session.

    Raises:
        NotFound: there is no such session.
        Invalid: at ``url`` if it is a meeting link of the cycle, which would be shown to the
            public; at ``segment_id``, ``visible_wall``, ``after_session``; too many (``full``).
    """
    session = find(db, Session, session_id)
    _check_link(db, session, new.url)
    return _add(db, session, new, Material(session_id=session.id, url=new.url, kind="", title=""))


def add_file(
    db: DbSession,
    actor: Actor,
    session_id: str,
    new: MaterialIn,
    stored: Stored,
    file_name: str,
    given_by: str | None = None,
) -> Material:
    """A material that has been put into the store, as the last of its session. `file_name` is what
    its giver calls it; `given_by` the guest who uploaded it, where one did.

    Raises like `add_link`, and Invalid at ``kind`` for a file that is said to be a link.
    """
    session = find(db, Session, session_id)
    _check_kind(new)
    row = Material(
        session_id=session.id,
        file=stored.name,
        file_name=download_name(file_name, stored.media_type),
        media_type=stored.media_type,
        size=stored.size,
        given_by=given_by,
        kind="",
        title="",
    )
    return _add(db, session, new, row)


def change_material(db: DbSession, actor: Actor, material_id: str, new: MaterialIn) -> Material:
    """Says anew what a material is and who sees it; of a link also where it is, of a file the file
    stays. Raises like `add_link` and `add_file`."""
    row = find(db, Material, material_id)
    session = find(db, Session, row.session_id)
    if row.file:
        _check_kind(new)
    elif isinstance(new, MaterialLinkIn):
        _check_link(db, session, new.url)
        row.url = new.url
    _fill(db, session, row, new)
    db.flush()
    return row


def remove_material(db: DbSession, actor: Actor, material_id: str) -> None:
    """Takes a material away. Its file goes with the next tidying up, if no other row has it.
    Raises NotFound."""
    db.delete(find(db, Material, material_id))
    db.flush()


def move_material(db: DbSession, actor: Actor, material_id: str, step: int) -> Material:
    """Moves a material among those of its session, -1 up, 1 down; beyond the end it stays. Raises
    NotFound."""
    session_id = find(db, Material, material_id).session_id
    hold(db, Session, session_id)
    rows: list[Material] = list(db.exec(_in_order(select(Material), [session_id])))
    place = next(i for i, row in enumerate(rows) if row.id == material_id)
    row = rows.pop(place)
    rows.insert(max(place + step, 0), row)
    for position, other in enumerate(rows):
        other.position = position
    db.flush()
    return row


def get_material(db: DbSession, actor: Actor, session_id: str, material_id: str) -> Material:
    """A material of this session. Raises NotFound."""
    row = find(db, Material, material_id)
    if row.session_id != session_id:
        raise NotFound
    return row


def list_materials(db: DbSession, actor: Actor, session_id: str) -> list[Listed]:
    """All of a session, those that nobody else sees yet included. One query."""
    statement = _in_order(
        select(Material, Session.ends_at, Segment.title, Person.name), [session_id]
    )
    statement = (
        statement.outerjoin(Segment, col(Segment.id) == col(Material.segment_id))
        .outerjoin(Guest, col(Guest.id) == col(Material.given_by))
        .outerjoin(Person, col(Person.id) == col(Guest.person_id))
    )
    return [
        Listed(row, opens_at(row.visible_from, row.after_session, ends), segment or "", name or "")
        for row, ends, segment, name in db.exec(statement)
    ]


def opening(row: Material, session: Session) -> datetime | None:
    """From when on others see a material of this session: an aware instant, None: at once."""
    return opens_at(row.visible_from, row.after_session, session.ends_at)


def audience_of(enrolment: Enrolment) -> Audience | None:
    """As whom somebody sees the materials of their cycle; None: who has left it sees none."""
    if enrolment.status == EnrolmentStatus.WITHDRAWN:
        return None
    confirmed = enrolment.status == EnrolmentStatus.CONFIRMED
    return Audience.PARTICIPANTS if confirmed else Audience.PUBLIC


def visible(
    db: DbSession, session_ids: Collection[str], now: datetime, audience: Audience
) -> Shown:
    """What `audience` may see of these sessions at `now` (aware). One query."""
    if not session_ids:
        return Shown()
    shown = Shown(by_session={})
    openings = []
    for row, ends in db.exec(_in_order(select(Material, Session.ends_at), session_ids)):
        opens = opens_at(row.visible_from, row.after_session, ends)
        if is_visible(Audience(row.audience), opens, audience, now):
            shown.by_session.setdefault(row.session_id, []).append(row)
        elif audience is Audience.PARTICIPANTS or row.audience == Audience.PUBLIC:
            openings.append(opens)
    return Shown(shown.by_session, next_opening(openings, now))


def visible_material(
    db: DbSession,
    session_ids: Collection[str],
    material_id: str,
    now: datetime,
    audience: Audience,
) -> Material:
    """One of them. Raises NotFound where these sessions have none that `audience` may see at `now`
    (aware): the answer does not tell whether there will be one. One query."""
    if not material_id.isascii() or "\0" in material_id:
        raise NotFound
    statement = _in_order(select(Material, Session.ends_at), session_ids)
    found = db.exec(statement.where(Material.id == material_id)).one_or_none()
    if found is None:
        raise NotFound
    row: Material = found[0]
    opens = opens_at(row.visible_from, row.after_session, found[1])
    if not is_visible(Audience(row.audience), opens, audience, now):
        raise NotFound
    return row


def for_mail(
    db: DbSession, session_id: str, now: datetime
) -> list[tuple[Material, datetime | None]]:
    """What a mail to participants may tell of at `now` (aware), in order, each with the instant
    from which on they see it; None: they see it now. One query."""
    found = []
    for row, ends in db.exec(_in_order(select(Material, Session.ends_at), [session_id])):
        opens = opens_at(row.visible_from, row.after_session, ends)
        found.append((row, opens if opens is not None and opens > now else None))
    return found


def _in_order(statement: Any, session_ids: Collection[str]) -> Any:
    return (
        statement.join(Session, col(Session.id) == col(Material.session_id))
        .where(col(Material.session_id).in_(session_ids))
        .order_by(col(Material.session_id), col(Material.position), col(Material.id))
    )


def _add(db: DbSession, session: Session, new: MaterialIn, row: Material) -> Material:
    count, last = db.exec(
        select(func.count(), func.max(Material.position)).where(Material.session_id == session.id)
    ).one()
    if count >= MOST:
        raise Invalid.one(
            "", N_("A session has at most %(most)s materials."), code="full", most=MOST
        )
    row.position = 0 if last is None else last + 1
    _fill(db, session, row, new)
    db.add(row)
    db.flush()
    return row


def _fill(db: DbSession, session: Session, row: Material, new: MaterialIn) -> None:
    if new.segment_id is not None and new.segment_id != row.segment_id:
        _check_segment(db, session, new.segment_id)
    if new.after_session and new.visible_wall is not None:
        raise Invalid.one(
            "after_session",
            N_("Choose one: after the session, or from a time on."),
            code="two_times",
        )
    row.visible_from = None
    if new.visible_wall is not None:
        settled = settle(new.visible_wall, session.zone, new.fold, field="visible_wall")
        row.visible_from = settled.instant
    row.after_session = new.after_session
    row.kind, row.title = str(new.kind), new.title
    row.audience, row.segment_id = str(new.audience), new.segment_id


def _check_segment(db: DbSession, session: Session, segment_id: str) -> None:
    wrong = Invalid.one(
        "segment_id",
        N_("This segment is not in the session any more. Choose another."),
        code="unknown_segment",
    )
    try:
        segment = find(db, Segment, segment_id)
    except NotFound:
        raise wrong from None
    if segment.session_id != session.id:
        raise wrong


def _check_link(db: DbSession, session: Session, url: str) -> None:
    rooms = select(Session.meeting_url, Session.backstage_url)
    for links in db.exec(rooms.where(Session.cycle_id == session.cycle_id)):
        if same_room(url) in {same_room(link) for link in links if link}:
            raise Invalid.one(
                "url",
                N_("This is the link of a meeting. Participants get it by themselves in time."),
                code="meeting_link",
            )


def _check_kind(new: MaterialIn) -> None:
    if new.kind is MaterialKind.LINK:
        raise Invalid.one("kind", N_("A file is no link. Choose what it is."), code="not_a_link")
