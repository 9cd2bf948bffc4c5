"""Four sessions, three hundred people, every way in which attendance becomes known: check-ins in
one burst, a report with times, one of a webinar in Spanish, one without times, marks by hand. What
Convoca says in the end is held against where people really were, and traced back to its evidence.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi import FastAPI
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.models import Cycle, Enrolment, Person, Session, now
from app.services import accounts, demo
from app.services.links import Links
from app.services.tokens import create_token
from app.settings import Settings
from app.worker.chores import Chores
from tests.acceptance.attended import Somebody, everybody, teams, unique_users, webinar
from tests.factories import Make

BEFORE = datetime.fromisoformat("2026-10-20T15:00:00+00:00")
"""When the demonstration is loaded: all four sessions are over by the tests' present."""
SEEN = "Seen on camera."
PAUSE = (40 * 60, 50 * 60)  # in session 2
FIRST = ("Alma", "Boris", "Clara", "Dante", "Edith", "Félix", "Greta", "Horacio", "Irma", "Jaime")
LAST = ("Acosta", "Bravo", "Cordero", "Duarte", "Espejo", "Fuentes", "Girón", "Heredia")
MIDDLE = ("Luz", "Sol", "Mar")


@dataclass
class Cast:
    """The installation, a program with a token, and who was really there."""

    app: FastAPI
    api: TestClient
    database: Database
    links: Links
    cycle_id: str
    sessions: dict[int, Session]
    people: list[Somebody]
    ids: dict[str, str]  # of enrolments, by address

    def post(self, path: str, wanted: int = 200, **body: Any) -> dict[str, Any]:
        answer = self.api.post(f"/api/v1{path}", json=body or None)
        assert answer.status_code == wanted, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def listed(self, path: str) -> list[dict[str, Any]]:
        """All of a list, stretch by stretch."""
        found, after = [], None
        while True:
            query = {"limit": 200} | ({"after": after} if after else {})
            page = self.api.get(f"/api/v1{path}", params=query).json()
            found += page["items"]
            after = page["next"]
            if after is None:
                return found

    def length(self, number: int) -> int:
        """Seconds."""
        session = self.sessions[number]
        return int((session.ends_at - session.starts_at).total_seconds())

    def truth(self, who: Somebody, number: int) -> int | None:
        """The seconds that can be known of somebody at a session; None: of nobody's knowledge."""
        if number == 4 or number not in who.stays:
            return None
        if number == 3:  # minutes rounded up, two devices added up, at most the session
            spent = sum(end - begin for begin, end in who.stays[3])
            return min(-(-spent // 60) * 60, self.length(3))
        return who.seconds(number, self.length(number), [PAUSE] if number == 2 else [])

    def met(self, who: Somebody) -> bool:
        """Three of four, at least 70 percent of each."""
        counted = 0
        for number in (1, 2, 3):
            seconds = self.truth(who, number)
            asked = self.length(number) - (PAUSE[1] - PAUSE[0] if number == 2 else 0)
            counted += seconds is not None and seconds * 100 >= 70 * asked
        return counted + (4 in who.stays) >= 3


@pytest.fixture
def cast(real_database: Database, settings: Settings, links: Links) -> Iterator[Cast]:
    """The demonstration with two hundred and forty people more, and what becomes of them."""
    with real_database.begin(writes=True) as db:
        demo.load(db, BEFORE, organizer_email="organizer@example.org")
        cycle = db.exec(select(Cycle)).one()
        make = Make(db)
        for place in range(240):
            first, rest = FIRST[place % 10], place // 10
            name = f"{first} {MIDDLE[rest // 8]} {LAST[rest % 8]}"
            if place == 239:  # her name is another's too
                name = f"{FIRST[0]} {MIDDLE[0]} {LAST[0]}"
            make.enrolment(cycle, make.person(name=name), country=("CL", "CO", "PE")[place % 3])
        everyone = db.exec(
            select(Enrolment.id, Enrolment.name, Person.email)
            .join(Person, col(Person.id) == col(Enrolment.person_id))
            .order_by(col(Enrolment.search_key), col(Enrolment.id))
        ).all()
        user = accounts.first_user(db)
        assert user is not None
        actor = accounts.actor_of_user(db, user)
        secret = create_token(db, actor, "A test", ["read", "write", "attendance"])[1]
        sessions = {row.number: row for row in db.exec(select(Session))}
        cycle_id = cycle.id
    app = create_app(settings, database=real_database)
    with TestClient(app, base_url=settings.base_url, follow_redirects=False) as api:
        api.headers["authorization"] = f"Bearer {secret}"
        people = everybody([(name, email or "") for _, name, email in everyone])
        namesakes = [who for who in people if who.name == f"{FIRST[0]} {MIDDLE[0]} {LAST[0]}"]
        for who in namesakes:  # one gives an address to meetings, the other does not
            who.shown_as, who.gives_address = who.name, who is namesakes[1]
        ids = {email or "": row_id for row_id, _, email in everyone}
        yield Cast(app, api, real_database, links, cycle_id, sessions, people, ids)


def check_in_at_once(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Everybody who is at the first session presses the button, and five more who then leave."""
    session = cast.sessions[1]
    there = [who for who in cast.people if 1 in who.stays]
    there += [who for who in cast.people if 1 not in who.stays][:5]
    moment = session.starts_at + timedelta(minutes=1)
    monkeypatch.setattr("app.routers.pages.my.now", lambda: moment)

    async def burst() -> list[int]:
        transport = httpx2.ASGITransport(app=cast.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
            paths = [
                urlsplit(cast.links.my(cast.ids[who.email], 1, "/sessions/1/check-in")).path
                for who in there
            ]
            answers = await asyncio.gather(*(client.post(path) for path in paths))
            return [answer.status_code for answer in answers]

    assert Counter(asyncio.run(burst())) == {303: len(there)}
    return {cast.ids[who.email] for who in there}


def read_report(cast: Cast, number: int, name: str, data: bytes) -> str:
    """Uploads a report, answers what it asks, says whose each row is, and applies it."""
    base = f"/sessions/{cast.sessions[number].id}/attendance"
    sent = cast.api.post(
        f"/api/v1{base}/upload",
        content=data,
        params={"filename": name},
        headers={"content-type": "text/csv"},
    )
    assert sent.status_code == 201, sent.text
    report = sent.json()
    one = f"{base}/imports/{report['id']}"
    if report["found"]["questions"]:  # whose clock it shows
        answered = cast.api.patch(f"/api/v1{one}", json={"zone": "America/Bogota"})
        assert answered.json()["found"]["questions"] == []
    rows = cast.listed(f"{one}/rows")
    by_name: dict[str, list[str]] = {}
    for who in cast.people:
        by_name.setdefault(who.shown_as, []).append(cast.ids[who.email])
    decisions = []
    for row in rows:
        if row["state"] in ("ambiguous", "suggested", "unmatched"):
            # The person at the screen knows who is who; of two with one name they take the first.
            whose = by_name.get(row["name"], [None])[0]
            decisions.append({"row_id": row["id"], "enrolment_id": whose, "remember": False})
    if decisions:
        cast.post(f"{one}/decisions", decisions=decisions)
    applied = cast.post(f"{one}/apply")
    assert cast.post(f"{one}/apply") == applied  # twice is once
    assert applied["status"] == "applied"
    assert (applied["counts"]["ambiguous"], applied["counts"]["unmatched"]) == (0, 0)
    return str(report["id"])


def mark_by_hand(cast: Cast, number: int) -> None:
    """The organizer knows who was there."""
    path = f"/sessions/{cast.sessions[number].id}/attendance/marks"
    for who in cast.people:
        if number in who.stays:
            enrolment = cast.ids[who.email]
            cast.post(path, enrolment_id=enrolment, status="present", reason=SEEN)


def check_records(
    cast: Cast, checked_in: dict[int, set[str]]
) -> dict[int, dict[str, dict[str, Any]]]:
    """Each session's records are what was really so; by session and enrolment."""
    found = {}
    for number, session in cast.sessions.items():
        rows = {
            row["enrolment_id"]: row for row in cast.listed(f"/sessions/{session.id}/attendance")
        }
        assert len(rows) == 300
        for who in cast.people:
            row, seconds = rows[cast.ids[who.email]], cast.truth(who, number)
            minutes = None if seconds is None else seconds // 60
            basis = {1: "intervals", 2: "intervals", 3: "totals", 4: "mark"}[number]
            if number not in who.stays:
                here = cast.ids[who.email] in checked_in[number]
                basis = "check_in" if here else "closing"
                assert row["status"] == ("present" if here else "absent")
            assert (row["basis"], row["minutes"]) == (basis, minutes), (number, who)
        found[number] = rows
    return found


def check_trace(cast: Cast, records: dict[int, dict[str, dict[str, Any]]]) -> None:
    """Every record rests on evidence that says where it comes from: rows of a report that is there,
    a mark with a name and a reason, a check-in."""
    for number, session in cast.sessions.items():
        pieces: dict[str, list[dict[str, Any]]] = {}
        for piece in cast.listed(f"/sessions/{session.id}/evidence"):
            pieces.setdefault(piece["enrolment_id"], []).append(piece)
        reports = {r["id"]: r for r in cast.listed(f"/sessions/{session.id}/attendance/imports")}
        rows = {
            (report, row["number"])
            for report in reports
            for row in cast.listed(f"/sessions/{session.id}/attendance/imports/{report}/rows")
        }
        for enrolment_id, record in records[number].items():
            kinds = {piece["kind"] for piece in pieces.get(enrolment_id, [])}
            wanted = {
                "intervals": "interval",
                "totals": "total",
                "mark": "mark",
                "check_in": "check_in",
            }.get(record["basis"])
            assert (wanted in kinds) if wanted else not kinds
            for piece in pieces.get(enrolment_id, []):
                if piece["report_id"]:
                    assert (piece["report_id"], piece["row"]) in rows
                    assert piece["matched_by"] in ("email", "name", "hand")
                if piece["kind"] == "mark":
                    assert (piece["reason"], bool(piece["recorded_by"])) == (
                        "Seen on camera.",
                        True,
                    )


def check_report(cast: Cast, records: dict[int, dict[str, dict[str, Any]]], met: int) -> None:
    """Every number of the cycle's report is that of its records."""
    report = cast.api.get(f"/api/v1/cycles/{cast.cycle_id}/report").json()
    assert report["state"] == "final"
    assert (report["whole"]["enrolled"], report["whole"]["completed"]) == (300, met)
    for session in report["sessions"]:
        rows = records[session["number"]].values()
        tally = session["tally"]
        assert {k: n for k, n in tally["statuses"].items() if n} == Counter(
            row["status"] for row in rows
        )
        there = [row for row in rows if row["status"] in ("present", "late", "partial")]
        assert tally["attended"] == len(there)
        measured = [row["minutes"] for row in there if row["minutes"] is not None]
        assert (tally["minutes"], tally["measured"]) == (sum(measured), len(measured))
    for table in ("countries", "institutions", "initiatives"):
        assert sum(group["tally"]["enrolled"] for group in report[table]) == 300
        assert sum(g["tally"]["attended"] for g in report[table]) == report["whole"]["attended"]
        assert sum(g["tally"]["completed"] for g in report[table]) == met


@pytest.mark.one_database
def test_from_the_burst_to_the_stranger(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    early = check_in_at_once(cast, monkeypatch)
    again = check_in_at_once(cast, monkeypatch)  # everybody presses it once more
    assert early == again
    checked_in = {}  # the demonstration's own besides
    for number, session in cast.sessions.items():
        seen = cast.listed(f"/sessions/{session.id}/check-ins")
        checked_in[number] = {row["enrolment_id"] for row in seen}
        assert len(checked_in[number]) == len(seen)
    assert early <= checked_in[1]

    starts = {number: session.starts_at for number, session in cast.sessions.items()}
    read_report(cast, 1, "teams.csv", teams(cast.people, 1, starts[1]))
    read_report(cast, 2, "webinar.csv", webinar(cast.people, 2, starts[2]))
    read_report(cast, 3, "unique.csv", unique_users(cast.people, 3))
    mark_by_hand(cast, 4)
    for session in cast.sessions.values():
        cast.post(f"/sessions/{session.id}/closings", note="All is read.")

    records = check_records(cast, checked_in)
    check_trace(cast, records)
    outcomes = cast.listed(f"/cycles/{cast.cycle_id}/completion")
    met = {cast.ids[who.email] for who in cast.people if cast.met(who)}
    assert {o["enrolment_id"] for o in outcomes if o["state"] == "completed"} == met
    assert 100 < len(met) < 250
    check_report(cast, records, len(met))

    certify(cast, met)


def certify(cast: Cast, met: set[str]) -> None:
    """Issued to all who have met the rule, one revoked, and looked at by a stranger."""
    run = cast.post(f"/cycles/{cast.cycle_id}/certificates/runs", wanted=201)
    chores = Chores(cast.database)
    for passed in range(100):  # in pieces, a second apart
        chores.look(now() + timedelta(seconds=passed))
        run = cast.api.get(f"/api/v1/certificate-runs/{run['id']}").json()
        if run["finished_at"]:
            break
    assert run["finished_at"]
    issued = cast.listed(f"/cycles/{cast.cycle_id}/certificates")
    assert {each["enrolment_id"] for each in issued} == met
    assert {each["state"] for each in issued} == {"live"}
    first, second = issued[:2]
    cast.post(f"/certificates/{first['code']}/revoke", reason="Issued by mistake.")
    stranger = TestClient(cast.app, base_url="http://testserver")
    page = stranger.get(f"/verify/{second['code']}?lang=en").text
    assert second["holder"] in page
    assert "@" not in page.split("<main")[1].split("</main>")[0]
    gone = stranger.get(f"/verify/{first['code']}?lang=en").text
    assert "revoked" in gone.lower()
    assert "Issued by mistake." not in gone
    assert stranger.get("/verify/0000-0000-0000-0000-0000-0000-0000").status_code == 404
