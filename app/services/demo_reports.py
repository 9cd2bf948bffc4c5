"""Reports of meetings that never were, to try what becomes of them: for the sessions of the
demonstration that are over, as two providers would write them."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlmodel import col, select

from app.db import DbSession
from app.domain.addresses import search_key
from app.domain.enrolment import EnrolmentStatus
from app.domain.zones import wall_time
from app.models import Cycle, Enrolment, Session
from app.services.places import loads


def write_reports(db: DbSession, folder: Path, now: datetime) -> list[Path]:
    """Writes a file for each of the first two sessions that are over. Whoever stands in it took
    part: some without an address, one misspelt, one under the name of a telephone."""
    cycle = db.exec(select(Cycle).order_by(col(Cycle.created_at))).first()
    if cycle is None:
        return []
    sessions = db.exec(
        select(Session)
        .where(Session.cycle_id == cycle.id, col(Session.ends_at) <= now)
        .order_by(col(Session.number))
        .limit(2)
    ).all()
    people = db.exec(
        select(Enrolment)
        .where(Enrolment.cycle_id == cycle.id, Enrolment.status == EnrolmentStatus.CONFIRMED)
        .order_by(col(Enrolment.search_key))
        .options(*loads())
    ).all()
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for session, (name, make) in zip(
        sessions, (("teams", _teams), ("zoom-webinar", _webinar)), strict=False
    ):
        path = folder / f"session-{session.number}-{name}.csv"
        path.write_bytes(make(session, _stays(session, people)))
        written.append(path)
    return written


_ODD = (5, 9, 23)  # the first under the name of a telephone, the others misspelt
_Stay = tuple[str, str, datetime, datetime]  # name, address or nothing, by the clock of the session


def _stays(session: Session, people: Sequence[Enrolment]) -> list[_Stay]:
    dice = random.Random(session.number)  # noqa: S311 (a demonstration, not a secret)
    found = []
    for place, who in enumerate(people):
        if dice.random() > 0.8 and place not in _ODD:
            continue
        begin = session.starts_at + timedelta(seconds=dice.randint(-600, 1500))
        end = session.ends_at - timedelta(seconds=dice.randint(-600, 1800))
        name = who.name
        if place in _ODD:
            name = "iPhone" if place == _ODD[0] else name[:-2] + name[-1] + name[-2]
        elif place % 7 == 2:
            name = " ".join(reversed(search_key(name).split())).title()
        address = (who.person.email or "") if place % 2 and name == who.name else ""
        middle = begin + (end - begin) / 2
        halves = [(begin, middle), (middle + timedelta(seconds=50), end)]
        for a, b in halves if place % 6 == 0 else [(begin, end)]:
            clock = wall_time(a, session.zone), wall_time(b, session.zone)
            found.append((name, address, *clock))
    return found


def _teams(session: Session, stays: Sequence[_Stay]) -> bytes:
    """The section of those who joined, in Spanish, month first, tabs, UTF-16."""

    def at(moment: datetime) -> str:
        half = "AM" if moment.hour < 12 else "PM"
        date = f"{moment.month}/{moment.day}/{moment:%y}"
        return f"{date}, {moment.hour % 12 or 12}:{moment:%M:%S} {half}"

    starts, ends = (wall_time(each, session.zone) for each in (session.starts_at, session.ends_at))
    lines = [
        "1. Resumen",
        f"Hora de inicio\t{at(starts)}",
        f"Hora de finalización\t{at(ends)}",
        "",
        "3. Actividades en la reunión",
        "Nombre\tHora de unión\tHora de salida\tDuración\tCorreo electrónico\tRol",
    ]
    for name, address, begin, end in stays:
        spent = int((end - begin).total_seconds())
        length = f"{spent // 60} min {spent % 60}s"
        guest = "" if address else " (Invitado)"
        lines.append(f"{name}{guest}\t{at(begin)}\t{at(end)}\t{length}\t{address}\tAsistente")
    return "\n".join(lines).encode("utf-16")


def _webinar(session: Session, stays: Sequence[_Stay]) -> bytes:
    """Those who attended a webinar, in Spanish, day first, UTF-8."""

    def at(moment: datetime) -> str:
        return f"{moment:%d/%m/%Y %I:%M:%S %p}"

    lines = [
        "Informe de asistentes",
        "Tema,ID del seminario web,Hora de inicio real,Duración real (minutos)",
        f"Ciclo,812,{at(wall_time(session.starts_at, session.zone))},{session.minutes}",
        "Detalles de los asistentes",
        "Asistió,Nombre de usuario (nombre original),Correo electrónico,Hora de entrada,"
        "Hora de salida,Tiempo en la sesión (minutos),Es invitado,País o región",
    ]
    for name, address, begin, end in stays:
        minutes = -(-int((end - begin).total_seconds()) // 60)
        lines.append(f"Sí,{name},{address},{at(begin)},{at(end)},{minutes},No,Colombia")
    return "\r\n".join(lines).encode("utf-8-sig")
