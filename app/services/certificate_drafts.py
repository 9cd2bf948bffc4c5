"""What would be certified of somebody at this moment, and what was certified when it was frozen."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlmodel import col, select

from app.certificates.badges import hashed_address
from app.certificates.words import asked_in_words
from app.db import DbSession
from app.domain import certificates as domain
from app.domain.attendance import Basis, Record, Status
from app.domain.certificates import Asked, Change, evidence_digest, new_certificate_code
from app.domain.completion import Held, Lack, Outcome, Rule, Standing, from_document
from app.domain.erased import NAMELESS
from app.domain.errors import N_, Clash
from app.domain.schedule import InstitutionRole, Schedule
from app.domain.text import localized
from app.domain.zones import wall_time
from app.models import Certificate, CycleRule, Enrolment
from app.services.completion import Against, Far, far_of
from app.services.schedules import released_schedule

_LACKS = {
    Lack.SESSIONS: N_("The cycle is not completed: %(amount)s more sessions are needed."),
    Lack.MANDATORY: N_("The cycle is not completed: session %(amount)s “%(title)s” is needed."),
    Lack.PERCENT: N_("The cycle is not completed: %(amount)s percent points more are needed."),
}


class NotEligible(Clash):
    """The rule is not met, or there is none; `outcome` says what is missing, None: no rule."""

    code = "not_eligible"
    sentence = N_("This cycle has no completion rule, so nobody can complete it.")

    def __init__(self, outcome: Outcome | None) -> None:
        self.outcome = outcome
        if outcome is not None and outcome.missing:
            first = outcome.missing[0]
            title = localized(first.title, "en", "en")
            super().__init__(_LACKS[first.what], amount=first.amount, title=title)
        else:
            super().__init__()


@dataclass(frozen=True, slots=True)
class Holder:
    """Of an enrolment what a certificate says."""

    name: str
    language: str


Named = Enrolment | Holder


@dataclass(frozen=True, slots=True)
class Drafting:
    """What certificates of a cycle are drawn up from: what records are held against, and the
    newest release, whose title and organizers they name."""

    known: Against
    schedule: Schedule
    rule: Rule
    organizers: tuple[str, ...]  # names of the institutions, in their order
    days: tuple[date, date]  # the first and the last, where the cycle is at home
    _words: dict[str, str] = field(default_factory=dict)  # the rule by language

    def title(self, language: str) -> str:
        """The cycle's, as a certificate in this language has it."""
        return localized(self.schedule.title, language, self.schedule.language)

    def rule_in_words(self, language: str) -> str:
        """What it takes, as a certificate in this language has it."""
        if language not in self._words:
            asked = asked_by(self.rule, self.known.held)
            self._words[language] = asked_in_words(asked, language)
        return self._words[language]

    def certificate(
        self, enrolment: Named, far: Far, now: datetime, code: str = ""
    ) -> domain.Certificate:
        """What a certificate issued at `now` would say."""
        zone, language = self.known.cycle.zone, enrolment.language
        organizers = self.organizers
        return domain.Certificate(
            code=code or new_certificate_code(),
            holder=enrolment.name,
            language=language,
            cycle=self.title(language),
            first_day=self.days[0],
            last_day=self.days[1],
            issued_at=now,
            zone=zone,
            minutes=_minutes(self.known.held, far),
            sessions=far.outcome.counted,
            of=len(self.known.held),
            rule=self.rule_in_words(language),
            organizers=organizers,
            issuer=organizers[0] if organizers else "Convoca",
            evidence=evidence_digest(far.records),
            asked=asked_by(self.rule, self.known.held),
        )


def drafting(db: DbSession, known: Against) -> Drafting | None:
    """What certificates are drawn up from; None without a rule, a release or a session in it. One
    query."""
    schedule = released_schedule(db, known.cycle.id) if known.rule and known.held else None
    if schedule is None or known.rule is None:
        return None
    ours = (i.name for i in schedule.institutions if i.role is InstitutionRole.ORGANIZER)
    starts = [
        wall_time(known.measures[each.id].told.starts, known.cycle.zone) for each in known.held
    ]
    days = min(starts).date(), max(starts).date()
    return Drafting(known, schedule, known.rule, tuple(ours), days)


def by_rule(plan: Drafting, rule: Rule, version: int) -> Drafting:
    """The same by another version of the rule, such as the one that a certificate was given under:
    what makes somebody late or there in part is in it too."""
    measures = {
        key: replace(each, statuses=rule.statuses) for key, each in plan.known.measures.items()
    }
    known = replace(plan.known, rule=rule, version=version, measures=measures)
    return replace(plan, known=known, rule=rule, _words={})


def changes_since(
    db: DbSession, plan: Drafting | None, rows: Sequence[Certificate], now: datetime
) -> dict[str, tuple[Change, ...]]:
    """What the live ones among these certificates of one cycle would say otherwise by now, by their
    ids; those that say the same are left out. Each is held against the rule that it was given
    under. Three queries for each version of the rule and every thousand certificates."""
    live = [row for row in rows if row.status == domain.State.LIVE]
    if plan is None or not live:
        return {}
    rules = _versions(db, plan.known.cycle.id)
    found: dict[str, tuple[Change, ...]] = {}
    for version in sorted({row.rule_version for row in live}):
        here = {row.enrolment_id: row for row in live if row.rule_version == version}
        then = by_rule(plan, rules[version], version) if version in rules else plan
        ids = list(here)
        people = _names(db, ids)
        for far in far_of(db, then.known, ids):
            row = here[far.enrolment_id]
            holder = people[far.enrolment_id]
            if holder.name == NAMELESS:  # erased: that is no correction of what it says
                holder = Holder(row.holder, row.language)
            today = then.certificate(holder, far, now, row.code)
            different = domain.changes(frozen(row), today)
            if different:
                found[row.id] = different
    return found


def rule_of_version(db: DbSession, cycle_id: str, version: int) -> Rule | None:
    """The rule that a certificate was given under. One query."""
    return _versions(db, cycle_id).get(version)


def _versions(db: DbSession, cycle_id: str) -> dict[int, Rule]:
    query = select(CycleRule).where(CycleRule.cycle_id == cycle_id)
    return {each.version: from_document(each.document) for each in db.exec(query) if each.document}


def _names(db: DbSession, ids: Sequence[str]) -> dict[str, Named]:
    found: dict[str, Named] = {}
    for start in range(0, len(ids), 1_000):
        chunk = col(Enrolment.id).in_(ids[start : start + 1_000])
        query = select(Enrolment.id, Enrolment.name, Enrolment.language).where(chunk)
        found |= {row_id: Holder(name, language) for row_id, name, language in db.exec(query)}
    return found


def to_document(certificate: domain.Certificate, address: str | None, salt: str) -> dict[str, Any]:
    """What is frozen beside the columns of a certificate's row, in types that JSON has. The mail
    address is in it as a digest only."""
    known = hashed_address(address, salt)["identityHash"] if address else ""
    return {
        "version": 1,
        "cycle": certificate.cycle,
        "first_day": certificate.first_day.isoformat(),
        "last_day": certificate.last_day.isoformat(),
        "zone": certificate.zone,
        "minutes": certificate.minutes,
        "sessions": certificate.sessions,
        "of": certificate.of,
        "rule": certificate.rule,
        "organizers": list(certificate.organizers),
        "issuer": certificate.issuer,
        "evidence": certificate.evidence,
        "asked": asdict(certificate.asked) if certificate.asked else None,
        "identity": known,
    }


def frozen(row: Certificate) -> domain.Certificate:
    """What a certificate says, from its row."""
    said: Mapping[str, Any] = row.document
    asked = said.get("asked")  # not in those of before it was kept
    return domain.Certificate(
        code=row.code,
        holder=row.holder,
        language=row.language,
        issued_at=row.issued_at,
        cycle=said["cycle"],
        first_day=date.fromisoformat(said["first_day"]),
        last_day=date.fromisoformat(said["last_day"]),
        zone=said["zone"],
        minutes=said["minutes"],
        sessions=said["sessions"],
        of=said["of"],
        rule=said["rule"],
        organizers=tuple(said["organizers"]),
        issuer=said["issuer"],
        evidence=said["evidence"],
        asked=Asked(**{**asked, "mandatory": tuple(asked["mandatory"])}) if asked else None,
    )


def asked_by(rule: Rule, held: Sequence[Held]) -> Asked:
    """What a rule asks for, as it is frozen."""
    return Asked(
        least=rule.min_sessions,
        of=rule.of,
        percent_of_each=rule.min_percent_of_each,
        percent_of_whole=rule.min_percent_of_whole,
        mandatory=tuple(sorted(each.number for each in held if each.id in rule.mandatory)),
    )


def _minutes(held: Sequence[Held], far: Far) -> int | None:
    """Whole minutes attended, None where nobody measured those of a session that counts: an
    organizer's word "present" is for all of the session, a check-in says nothing of how long, and
    an excuse is for none of it."""
    seconds = 0
    for session, standing in zip(held, far.outcome.standings, strict=True):
        record = far.records[session.id]
        found = _seconds(session, record)
        if found is None and standing is Standing.COUNTS:
            return None
        seconds += found or 0
    return seconds // 60


def _seconds(session: Held, record: Record) -> int | None:
    if record.status in (Status.EXCUSED, Status.ABSENT):
        return 0
    if record.seconds is not None:
        return record.seconds
    if record.basis is Basis.MARK and record.status is not Status.PARTIAL:
        return session.seconds
    return None
