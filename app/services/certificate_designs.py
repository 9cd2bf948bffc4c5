"""What a cycle's certificates look like, in versions of which none ever changes."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import col, select

from app.certificates import designs
from app.certificates.picture_checks import checked
from app.certificates.pictures import LARGEST_FILE
from app.certificates.values import MOST_LOGOS, MOST_SIGNATORIES, Design, Picture, Signatory
from app.db import DbSession
from app.domain.errors import N_, Invalid, NotFound, Stale
from app.models import CertificateDesign, Cycle
from app.schemas.certificate import DesignIn
from app.services.actor import Actor
from app.services.files import FileStore
from app.services.rows import hold

LARGEST_PICTURE = LARGEST_FILE


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture that has been looked through and lies in the store of files."""

    file: str
    kind: str
    ratio: float

    def document(self, alt: str) -> dict[str, Any]:
        """As a design's row has it."""
        return {"file": self.file, "kind": self.kind, "ratio": self.ratio, "alt": alt}


def newest(db: DbSession, cycle_id: str) -> CertificateDesign | None:
    """The version for certificates that are issued next; None: the house's own. One query."""
    query = select(CertificateDesign).where(CertificateDesign.cycle_id == cycle_id)
    return db.exec(query.order_by(col(CertificateDesign.version).desc()).limit(1)).first()


def kept(db: DbSession, actor: Actor, cycle: Cycle) -> CertificateDesign:
    """The same, and where nobody has made one the house's own, kept. The cycle is held."""
    found = newest(db, cycle.id)
    if found is not None:
        return found
    row = CertificateDesign(
        cycle_id=cycle.id,
        version=1,
        template=Design().template,
        accent=cycle.accent,
        recorded_by=actor.name,
    )
    db.add(row)
    db.flush()
    return row


def design_of(row: CertificateDesign | None, cycle: Cycle, store: FileStore) -> Design:
    """The design as the typesetter takes it; the house's own where there is none. Raises NotFound
    where a picture is not in the store any more."""
    if row is None:
        return Design(accent=cycle.accent)
    return Design(
        template=row.template,
        title=row.title,
        statement=row.statement,
        accent=row.accent,
        logos=tuple(_picture(each, store) for each in row.logos),
        signatories=tuple(
            Signatory(
                name=each["name"],
                position=each["position"],
                signature=_picture(each["signature"], store) if each["signature"] else None,
            )
            for each in row.signatories
        ),
    )


def _picture(document: dict[str, Any], store: FileStore) -> Picture:
    with store.open(document["file"]) as stream:
        data = stream.read()
    return Picture(document["kind"], data, document["ratio"], document["alt"])


def set_design(
    db: DbSession, actor: Actor, cycle_id: str, command: DesignIn, version: int | None = None
) -> CertificateDesign:
    """What the next certificates look like; those that are issued stay as they are. Pictures are
    put by `add_logo` and `add_signature`: here they are described anew, put in order, or left out.

    Raises:
        NotFound: no such cycle.
        Stale: `version` is given, and is not the newest (0: none).
        Invalid: as `designs.check` and `designs.check_printable`; at ``logos``, ``signatories``: a
            picture that is not there.
    """
    cycle = hold(db, Cycle, cycle_id)
    now = _as_shown(db, cycle, version)
    logos = {each["file"]: each for each in (now.logos if now else [])}
    signatures = {
        each["signature"]["file"]: each["signature"]
        for each in (now.signatories if now else [])
        if each["signature"]
    }
    row = CertificateDesign(
        cycle_id=cycle.id,
        version=(now.version if now else 0) + 1,
        template=command.template,
        title=dict(command.title),
        statement=dict(command.statement),
        accent=command.accent,
        logos=[_known(logos, each.file, "logos") | {"alt": each.alt} for each in command.logos],
        signatories=[
            {
                "name": each.name,
                "position": dict(each.position),
                "signature": _known(signatures, each.signature, "signatories")
                if each.signature
                else None,
            }
            for each in command.signatories
        ],
        recorded_by=actor.name,
    )
    designs.check(_without_pictures(row))
    designs.check_printable(_without_pictures(row))
    return _keep(db, row, now)


def _known(pictures: dict[str, dict[str, Any]], file: str, field: str) -> dict[str, Any]:
    if file not in pictures:
        raise Invalid.one(field, N_("This picture is not there any more."), code="unknown")
    return pictures[file]


def add_logo(
    db: DbSession, actor: Actor, cycle_id: str, picture: Kept, alt: str
) -> CertificateDesign:
    """A logo more, at the end. Raises NotFound; Invalid at ``logos``, ``logos.N.alt``."""
    cycle = hold(db, Cycle, cycle_id)
    now = kept(db, actor, cycle)
    if len(now.logos) >= MOST_LOGOS:
        raise _too_many("file", MOST_LOGOS)
    if not alt.strip():
        raise Invalid.one("alt", N_("Say whose logo it is."), code="missing")
    logos = [*now.logos, picture.document(alt.strip()[:200])]
    return _keep(db, _next(now, actor, logos=logos), now)


def add_signature(
    db: DbSession, actor: Actor, cycle_id: str, picture: Kept, place: int
) -> CertificateDesign:
    """The signature of the one who signs at this place, from 0, in place of the one that was there.

    Raises:
        NotFound: no such cycle, or nobody signs there.
    """
    cycle = hold(db, Cycle, cycle_id)
    now = kept(db, actor, cycle)
    if not 0 <= place < min(len(now.signatories), MOST_SIGNATORIES):
        raise NotFound
    signatories = [dict(each) for each in now.signatories]
    signatories[place]["signature"] = picture.document("")
    return _keep(db, _next(now, actor, signatories=signatories), now)


def picture_of(db: DbSession, cycle_id: str, file: str) -> str:
    """The kind of a picture of a cycle's newest design: png, jpg or svg. Raises NotFound."""
    row = newest(db, cycle_id)
    for each in (*row.logos, *(s["signature"] for s in row.signatories)) if row else ():
        if each and each["file"] == file:
            return str(each["kind"])
    raise NotFound


def looked_through(data: bytes) -> Picture:
    """A picture that may stand on certificates. Raises like `picture_checks.checked`."""
    return checked(data)


def _as_shown(db: DbSession, cycle: Cycle, version: int | None) -> CertificateDesign | None:
    now = newest(db, cycle.id)
    if version is not None and version != (now.version if now else 0):
        raise Stale
    return now


def _next(now: CertificateDesign, actor: Actor, **changed: Any) -> CertificateDesign:
    values = now.model_dump(exclude={"id", "created_at", "version", "recorded_by"})
    return CertificateDesign(
        **{**values, **changed}, version=now.version + 1, recorded_by=actor.name
    )


_LOOKS = {"template", "title", "statement", "accent", "logos", "signatories"}


def _keep(
    db: DbSession, row: CertificateDesign, now: CertificateDesign | None
) -> CertificateDesign:
    """Keeps a version; the same again is no new one."""
    designs.check(_without_pictures(row))
    if now is not None and row.model_dump(include=_LOOKS) == now.model_dump(include=_LOOKS):
        return now
    db.add(row)
    db.flush()
    return row


def _without_pictures(row: CertificateDesign) -> Design:
    """For checking: what the pictures show does not matter."""
    return Design(
        template=row.template,
        title=row.title,
        statement=row.statement,
        accent=row.accent,
        logos=tuple(Picture(e["kind"], b"", e["ratio"], e["alt"]) for e in row.logos),
        signatories=tuple(Signatory(e["name"], e["position"]) for e in row.signatories),
    )


def _too_many(field: str, most: int) -> Invalid:
    return Invalid.one(
        field, N_("These are too many: at most %(max_length)s."), code="too_many", max_length=most
    )
