"""Who was really there: three hundred made-up people at four sessions, and what providers write
of it. Whatever Convoca says of attendance is held against this."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.domain.addresses import search_key

HOME = ZoneInfo("America/Bogota")
Stay = tuple[int, int]  # seconds after the session's start


@dataclass
class Somebody:
    """A participant, how meetings call them, and where they were."""

    name: str
    email: str
    shown_as: str  # the name that they have in meetings
    gives_address: bool  # whether reports have their address
    stays: dict[int, list[Stay]] = field(default_factory=dict)  # by session

    def seconds(self, number: int, length: int, breaks: Iterable[Stay] = ()) -> int:
        """How long they were at a session of so many seconds, less its breaks: second by second."""
        pauses = [range(*each) for each in breaks]
        there: set[int] = set()
        for begin, end in self.stays.get(number, []):
            there.update(range(max(0, begin), min(end, length)))
        return sum(not any(second in pause for pause in pauses) for second in there)


def everybody(people: list[tuple[str, str]], sessions: int = 4) -> list[Somebody]:
    """What becomes of people, given by name and address: most come, some late, some twice, some
    from two devices, some not at all; half of them without an address, and a few misspelt."""
    dice = random.Random(20240826)
    found = []
    for place, (name, email) in enumerate(people):
        shown = name
        if place % 9 == 4:
            shown = " ".join(reversed(search_key(name).split()))  # surname first, no accents
        if place % 50 == 7:
            shown = name[:-2] + name[-1] + name[-2]  # two letters changed places
        who = Somebody(name, email, shown, gives_address=place % 2 == 0 and place % 50 != 7)
        for number in range(1, sessions + 1):
            if dice.random() < 0.8:
                who.stays[number] = _stays(dice)
        found.append(who)
    return found


def _stays(dice: random.Random) -> list[Stay]:
    begin, end = dice.randint(-600, 1800), dice.randint(3000, 7500)
    match dice.randint(0, 5):
        case 0:  # the line broke
            middle = dice.randint(begin + 60, end - 120)
            return [(begin, middle), (middle + 45, end)]
        case 1:  # a telephone besides
            return [(begin, end), (begin + 300, end - 300)]
        case _:
            return [(begin, end)]


def _rows(people: list[Somebody], number: int) -> list[tuple[Somebody, Stay]]:
    return [(who, stay) for who in people for stay in who.stays.get(number, [])]


def teams(people: list[Somebody], number: int, starts: datetime) -> bytes:
    """Three sections in Spanish, month first, tabs, UTF-16 with a mark."""

    def at(seconds: int) -> str:
        local = (starts + timedelta(seconds=seconds)).astimezone(HOME)
        hour = local.hour % 12 or 12
        half = "AM" if local.hour < 12 else "PM"
        return f"{local.month}/{local.day}/{local:%y}, {hour}:{local:%M:%S} {half}"

    lines = [
        "1. Resumen",
        "Título de la reunión\tCiclo",
        f"Participantes que asistieron\t{len(people)}",
        f"Hora de inicio\t{at(-900)}",
        f"Hora de finalización\t{at(7800)}",
        "",
        "2. Participantes",
        "Nombre\tPrimera entrada\tÚltima salida\tDuración de la reunión\tCorreo electrónico"
        "\tId. de participante (UPN)\tRol",
    ]
    for who in people:
        stays = who.stays.get(number)
        if stays:
            spent = sum(end - begin for begin, end in stays)
            address = who.email if who.gives_address else ""
            lines.append(
                f"{who.shown_as} (Invitado)\t{at(stays[0][0])}\t{at(max(e for _, e in stays))}"
                f"\t{spent // 60} min {spent % 60}s\t{address}\t{address}\tAsistente"
            )
    lines += [
        "",
        "3. Actividades en la reunión",
        "Nombre\tHora de unión\tHora de salida\tDuración\tCorreo electrónico\tRol",
    ]
    for who, (begin, end) in _rows(people, number):
        address = who.email if who.gives_address else ""
        spent = end - begin
        lines.append(
            f"{who.shown_as} (Invitado)\t{at(begin)}\t{at(end)}"
            f"\t{spent // 60} min {spent % 60}s\t{address}\tAsistente"
        )
    lines.append(f"iPhone de la sala\t{at(0)}\t{at(3600)}\t60 min\t\tAsistente")
    return "\n".join(lines).encode("utf-16")


def webinar(people: list[Somebody], number: int, starts: datetime) -> bytes:
    """A Zoom webinar in Spanish, day first, with registration questions, UTF-8 with a mark."""

    def at(seconds: int) -> str:
        local = (starts + timedelta(seconds=seconds)).astimezone(HOME)
        return f"{local:%d/%m/%Y %I:%M:%S %p}"

    head = "Asistió,Nombre de usuario (nombre original),"
    tail = "Hora de entrada,Hora de salida,Tiempo en la sesión (minutos),Es invitado,País o región"
    lines = [
        "Informe de asistentes",
        f"Informe generado,{at(20000)}",
        "Tema,ID del seminario web,Hora de inicio real,Duración real (minutos)",
        f"Ciclo,812,{at(-600)},130",
        "Detalles del anfitrión",
        f"{head}Correo electrónico,{tail}",
        f"Sí,Equipo,equipo@example.org,{at(-600)},{at(7000)},127,No,Chile",
        "Detalles de los asistentes",
        f"{head}Nombre,Apellido,Correo electrónico,Teléfono,¿Qué espera del ciclo?,"
        f"Hora de registro,{tail}",
    ]
    for who in people:
        first, _, last = who.shown_as.partition(" ")
        address = who.email if who.gives_address else ""
        told = f'{who.shown_as},{first},{last},{address},555,"Aprender, y más",{at(-90000)}'
        stays = who.stays.get(number, [])
        lines += [f"Sí,{told},{at(b)},{at(e)},{-(-(e - b) // 60)},No,Chile" for b, e in stays] or [
            f"No,{told},,,0,No,Chile"
        ]
    return "\r\n".join(lines).encode("utf-8-sig")


def unique_users(people: list[Somebody], number: int) -> bytes:
    """Zoom's unique users: so many minutes, rounded up, without times."""
    lines = ["Name (Original Name),User Email,Total Duration (Minutes),Guest"]
    for who in people:
        stays = who.stays.get(number)
        if stays:
            spent = sum(end - begin for begin, end in stays)
            address = who.email if who.gives_address else ""
            lines.append(f"{who.shown_as},{address},{-(-spent // 60)},Yes")
    return "\n".join(lines).encode("utf-8-sig")
