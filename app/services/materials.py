"""Materials of sessions: what organizers do with them, and who may see which of them when.

Who sees what, and from when on, follows what is published: a session that is moved or cancelled in
the draft keeps its end until that is published.

Files are in the store (`services.files`), by their content: rows that say the same file share it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import col, func, or_, select

from app.db import DbSession
from app.domain.enrolment import EnrolmentStatus
from app.domain.errors import N_, Invalid, NotFound
from app.domain.materials import (
    NEVER,
    Audience,
    MaterialKind,
    is_held_back,
    is_visible,
    next_opening,
    opens_at,
)
from app.domain.schedule import PartStatus, SessionStatus
from app.domain.schedule import Session as PublishedSession
from app.models import Enrolment, Guest, Material, Part, Person, Segment, Session
from app.schemas.material import MaterialIn, MaterialLinkIn
from app.services.actor import Actor
from app.services.files import Stored, download_name
from app.services.meeting_links import check_material
from app.services.rows import find, hold
from app.services.wall_times import settle

MOST = 100
"""Of one session."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A material as organizers see it. `opens` is an aware instant, None: at once, `NEVER`: it
    waits for a session that is cancelled; `segment` is the title of its segment, `given_by` the
    name of whoever with a part uploaded it; both may be empty. `held_back`: nobody else sees it,
    see `domain.materials`."""

    material: Material
    opens: datetime | None
    segment: str
    given_by: str
    held_back: bool

    @property
    def never(self) -> bool:
        """Whether it does not open by itself."""
        return self.opens == NEVER


@dataclass(frozen=True, slots=True)
class Given:
    """A file as whoever gave it sees it, and its session."""

    material: Material
    session: Session
    held_back: bool


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
        Invalid: at ``url`` as `meeting_links.check_material` says; at ``segment_id``,
            ``visible_wall``, ``after_session``; too many (``full``).
    """
    session = hold(db, Session, session_id)
    check_material(db, session.cycle_id, new.url)
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
    session = hold(db, Session, session_id)
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
        check_material(db, session.cycle_id, new.url)
        row.url = new.url
    _fill(db, session, row, new)
    db.flush()
    return row


def remove_material(db: DbSession, actor: Actor, material_id: str) -> None:
    """Takes a material away. Its file goes with the next tidying up, if no other row has it.
    Raises NotFound."""
    db.delete(find(db, Material, material_id))
    db.flush()


def show_all_the_same(db: DbSession, actor: Actor, material_id: str, now: datetime) -> Material:
    """What is held back is seen all the same: by participants, from the end of the session on as
    that is planned at `now` (aware). Twice is once. Raises NotFound."""
    row = find(db, Material, material_id)
    session = hold(db, Session, row.session_id)
    if row.after_session:
        row.after_session = False
        row.visible_from = session.ends_at if now < session.ends_at else None
        db.flush()
    return row


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


def list_materials(
    db: DbSession, actor: Actor, session: Session, published: PublishedSession | None
) -> list[Listed]:
    """All of a session, those that nobody else sees yet included. `published` is the session as it
    stands in the newest release; None: it is in none. One query."""
    columns: Any = (Material, Segment.title, Person.name, _takes_part())
    statement = _in_order(select(*columns), [session.id])
    statement = (
        statement.outerjoin(Segment, col(Segment.id) == col(Material.segment_id))
        .outerjoin(Guest, col(Guest.id) == col(Material.given_by))
        .outerjoin(Person, col(Person.id) == col(Guest.person_id))
    )
    return [
        Listed(
            row,
            opening(row, session, published),
            segment or "",
            name or "",
            _is_held_back(row, there),
        )
        for row, segment, name, there in db.exec(statement)
    ]


def count_after_session(db: DbSession, actor: Actor, session_id: str) -> int:
    """How many of a session wait for its end. One query."""
    query = select(func.count()).select_from(Material)
    return db.exec(
        query.where(Material.session_id == session_id, col(Material.after_session))
    ).one()


def opening(row: Material, session: Session, published: PublishedSession | None) -> datetime | None:
    """From when on others see a material of this session: an aware instant, None: at once,
    `NEVER`. The draft counts only for a session that was never published."""
    if published is not None:
        return _opens(row, published)
    cancelled = session.status == SessionStatus.CANCELLED
    return opens_at(row.visible_from, row.after_session, session.ends_at, cancelled)


def _opens(row: Material, session: PublishedSession) -> datetime | None:
    cancelled = session.status is SessionStatus.CANCELLED
    return opens_at(row.visible_from, row.after_session, session.ends, cancelled)


def given_by(db: DbSession, guest: Guest) -> list[Given]:
    """The files that somebody has given, by session and in order. One query."""
    columns: Any = (Material, Session, _takes_part())
    statement = (
        select(*columns)
        .join(Session, col(Session.id) == col(Material.session_id))
        .where(Material.given_by == guest.id)
        .order_by(col(Session.number), col(Session.id), col(Material.position))
    )
    return [Given(row, at, _is_held_back(row, there)) for row, at, there in db.exec(statement)]


def audience_of(enrolment: Enrolment) -> Audience | None:
    """As whom somebody sees the materials of their cycle; None: who has left it sees none."""
    if enrolment.status == EnrolmentStatus.WITHDRAWN:
        return None
    confirmed = enrolment.status == EnrolmentStatus.CONFIRMED
    return Audience.PARTICIPANTS if confirmed else Audience.PUBLIC


def visible(
    db: DbSession, sessions: Collection[PublishedSession], now: datetime, audience: Audience
) -> Shown:
    """What `audience` may see of these sessions, given as they are published, at `now` (aware). One
    query."""
    if not sessions:
        return Shown()
    shown = Shown(by_session={})
    openings = []
    by_id = _by_id(sessions)
    for row, there in db.exec(_in_order(select(Material, _takes_part()), by_id)):
        if _is_held_back(row, there):
            continue
        opens = _opens(row, by_id[row.session_id])
        if is_visible(Audience(row.audience), opens, audience, now):
            shown.by_session.setdefault(row.session_id, []).append(row)
        elif audience is Audience.PARTICIPANTS or row.audience == Audience.PUBLIC:
            openings.append(opens)
    return Shown(shown.by_session, next_opening(openings, now))


def visible_material(
    db: DbSession,
    sessions: Collection[PublishedSession],
    material_id: str,
    now: datetime,
    audience: Audience,
) -> Material:
    """One of them. Raises NotFound where these sessions have none that `audience` may see at `now`
    (aware): the answer does not tell whether there will be one. One query."""
    if not material_id.isascii() or "\0" in material_id:
        raise NotFound
    by_id = _by_id(sessions)
    statement = _in_order(select(Material, _takes_part()), by_id)
    found = db.exec(statement.where(Material.id == material_id)).one_or_none()
    if found is None:
        raise NotFound
    row: Material = found[0]
    opens = _opens(row, by_id[row.session_id])
    seen = is_visible(Audience(row.audience), opens, audience, now)
    if not seen or _is_held_back(row, found[1]):
        raise NotFound
    return row


def for_mail(
    db: DbSession, session: PublishedSession, now: datetime
) -> list[tuple[Material, datetime | None]]:
    """What a mail to participants may tell of at `now` (aware), in order, each with the instant
    from which on they see it; None: they see it now. One query."""
    found = []
    for row, there in db.exec(_in_order(select(Material, _takes_part()), [session.id])):
        opens = _opens(row, session)
        if not _is_held_back(row, there) and opens != NEVER:
            found.append((row, opens if opens is not None and opens > now else None))
    return found


def _by_id(sessions: Collection[PublishedSession]) -> Mapping[str, PublishedSession]:
    return {session.id: session for session in sessions}


def _takes_part() -> Any:
    """A column beside materials: whether whoever gave one has a part there that they did not
    decline; of one that belongs to the whole session, any part in it."""
    query = (
        select(Part.id)
        .join(Guest, col(Guest.person_id) == col(Part.person_id))
        .where(
            Guest.id == Material.given_by,
            Part.session_id == Material.session_id,
            or_(col(Material.segment_id).is_(None), Part.segment_id == Material.segment_id),
            Part.status != PartStatus.DECLINED,
        )
    )
    return query.correlate(Material).exists()


def _is_held_back(row: Material, there: bool) -> bool:
    return is_held_back(
        Audience(row.audience),
        given=row.given_by is not None,
        after_session=row.after_session,
        takes_part=there,
    )


def _in_order(statement: Any, session_ids: Collection[str]) -> Any:
    return statement.where(col(Material.session_id).in_(session_ids)).order_by(
        col(Material.session_id), col(Material.position), col(Material.id)
    )


def check_room(db: DbSession, session_id: str) -> int | None:
    """The position of a session's last material, None where it has none. One query.

    Raises Invalid (``full``): one more would be too many.
    """
    count, last = db.exec(
        select(func.count(), func.max(Material.position)).where(Material.session_id == session_id)
    ).one()
    if count >= MOST:
        raise Invalid.one(
            "", N_("A session has at most %(most)s materials."), code="full", most=MOST
        )
    return last


def _add(db: DbSession, session: Session, new: MaterialIn, row: Material) -> Material:
    last = check_room(db, session.id)
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


def _check_kind(new: MaterialIn) -> None:
    if new.kind is MaterialKind.LINK:
        raise Invalid.one("kind", N_("A file is no link. Choose what it is."), code="not_a_link")
