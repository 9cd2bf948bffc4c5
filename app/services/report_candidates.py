"""Who may be meant by a row of a report: participants, those with a part, the directory."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA
from sqlalchemy import or_
from sqlmodel import col, select

from app.db import DbSession
from app.domain.matching import Candidate, Directory, Named, directory, name_key
from app.domain.permissions import AccountStanding
from app.models import (
    Enrolment,
    Part,
    Person,
    PersonSight,
    ReportAlias,
    Session,
    TeamMember,
    User,
)
from app.services.access import kin_of

MOST_SUGGESTED = 3
_LOOKED_UP = 1_000
"""For so many names of a report suggestions are looked for: each takes up to some milliseconds."""
_ALIKE = 75
"""Percent; below it nothing is suggested, whatever single words are."""
_LONG = 6
"""Letters of a word in which two slips may be, rather than one."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A participant whose name is like that of a row. `score`: percent."""

    enrolment_id: str
    score: int


def candidates(db: DbSession, cycle_id: str) -> Directory:
    """All who may be meant in a session of this cycle. Participants go by their enrolment's id,
    whatever its status; others by ``person:…`` and ``account:…``, as far as they are known to the
    cycle's team whoever reads the report, and by what its team calls them. Seven queries."""
    kin = kin_of(db, cycle_id, mutual=True)
    aliases = defaultdict[str, list[str]](list)
    said = select(ReportAlias.person_id, ReportAlias.key).where(col(ReportAlias.cycle_id).in_(kin))
    for person_id, key in db.exec(said.distinct()):
        aliases[person_id].append(key)
    enrolments = db.exec(
        select(Enrolment.id, Enrolment.person_id, Enrolment.name).where(
            Enrolment.cycle_id == cycle_id
        )
    ).all()
    enrolled = {person_id: (row_id, name) for row_id, person_id, name in enrolments}
    in_cycle = select(Session.id).where(Session.cycle_id == cycle_id)
    with_part = set(
        db.exec(select(Part.person_id).where(col(Part.session_id).in_(in_cycle)).distinct())
    )
    found: list[Candidate] = []
    addresses: set[str] = set()
    for person_id, name, email in db.exec(_people(cycle_id, kin)):
        known_as = tuple(aliases.get(person_id, ()))
        if person_id in enrolled:
            row_id, own = enrolled[person_id]
            found.append(Candidate(row_id, (own, name), email or "", aliases=known_as))
        else:
            beside = person_id in with_part
            row_id = f"person:{person_id}"
            found.append(Candidate(row_id, (name,), email or "", False, known_as, beside))
        addresses.add(email or "")
    # Who is in the directory by the same address is the same.
    found.extend(
        Candidate(f"account:{row_id}", (name,), email, False, (), True)
        for row_id, name, email in db.exec(_accounts(cycle_id))
        if email not in addresses
    )
    return directory(found)


def _people(cycle_id: str, kin: Collection[str]) -> Any:
    """Those in the cycles `kin`, and of those in none whom the team wrote down, or nobody who is
    in teams."""
    team = select(TeamMember.user_id).where(TeamMember.cycle_id == cycle_id)
    seen = select(PersonSight.person_id)
    ours = seen.where(col(PersonSight.user_id).in_(team))
    theirs, others = col(Enrolment.cycle_id).in_(kin), col(Session.cycle_id).in_(kin)
    enrolled, on_programme = select(Enrolment.person_id), select(Part.person_id)
    of_session = on_programme.join(Session, col(Session.id) == col(Part.session_id))
    known = or_(
        col(Person.id).in_(enrolled.where(theirs)),
        col(Person.id).in_(of_session.where(others)),
        ~or_(col(Person.id).in_(enrolled), col(Person.id).in_(on_programme))
        & or_(col(Person.id).in_(ours), col(Person.id).not_in(seen)),
    )
    return select(Person.id, Person.name, Person.email_key).where(
        known, col(Person.erased_at).is_(None)
    )


def _accounts(cycle_id: str) -> Any:
    """The accounts of the cycle's team, and those that may do everything."""
    team = select(TeamMember.user_id).where(TeamMember.cycle_id == cycle_id)
    return select(User.id, User.name, User.email_key).where(
        or_(col(User.standing) == AccountStanding.ADMINISTRATOR, col(User.id).in_(team))
    )


@dataclass(slots=True)
class Suggestions:
    """Participants whose names are like others, for a person to decide.

    Suggested is only who shares a whole word and of whose other words each is the same as one of
    the row's, an initial of it, or a slip away from it: half of a name that is alike (María López,
    María Gómez) is another person.
    """

    among: Directory
    _by_word: dict[str, list[str]] = field(init=False, default_factory=dict)
    _keys: dict[str, tuple[str, ...]] = field(init=False, default_factory=dict)
    _left: int = field(init=False, default=_LOOKED_UP)
    _known: dict[tuple[str, str, str], tuple[Suggestion, ...]] = field(
        init=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        by_word = defaultdict[str, list[str]](list)
        for each in self.among.candidates.values():
            if not each.enrolled:
                continue
            keys = tuple(dict.fromkeys(filter(None, map(name_key, each.names))))
            self._keys[each.id] = keys
            for word in {word for key in keys for word in key.split()}:
                by_word[word].append(each.id)
        self._by_word = dict(by_word)

    def of(self, row: Named) -> tuple[Suggestion, ...]:
        """At most `MOST_SUGGESTED`, the best first."""
        texts = [row.name, row.other_name]
        if not name_key(row.name):
            texts.append(row.email.partition("@")[0])  # ana.ruiz@… says who it is
        keys = tuple(dict.fromkeys(filter(None, map(name_key, texts))))
        known = (*keys, "", "", "")[:3]
        place = known[0], known[1], known[2]
        if place not in self._known:
            if not self._left:
                return ()
            self._left -= 1
            self._known[place] = self._look_up(keys)
        return self._known[place]

    def _look_up(self, keys: Iterable[str]) -> tuple[Suggestion, ...]:
        best: dict[str, int] = {}
        for key in keys:
            shared = Counter(
                each for word in set(key.split()) for each in self._by_word.get(word, ())
            )
            if not shared:
                continue
            several = [each for each, words in shared.items() if words > 1]
            once = {
                (each, own): own
                for each, words in shared.items()
                if words == 1
                for own in self._keys[each]
            }
            alike = process.extract(key, once, scorer=fuzz.ratio, score_cutoff=_ALIKE, limit=50)
            for row_id in (*several, *(place[0] for _, _, place in alike)):
                for own in self._keys[row_id]:
                    if _may_be_one(key.split(), own.split()):
                        score = round(
                            fuzz.token_set_ratio(key, own) * 0.5 + fuzz.ratio(key, own) / 2
                        )
                        best[row_id] = max(best.get(row_id, 0), min(score, 99))
        ranked = sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))
        return tuple(Suggestion(*pair) for pair in ranked[:MOST_SUGGESTED])


def _may_be_one(words: list[str], others: list[str]) -> bool:
    """Whether every word of the shorter name has a partner of its own in the other one, and there
    are two of them at least."""
    few, many = sorted((words, others), key=len)
    if len(few) < 2:
        return False
    left = list(many)
    unsure = []
    for word in few:
        if word in left:
            left.remove(word)
        else:
            unsure.append(word)
    for word in unsure:
        partner = next((each for each in left if _like(word, each)), None)
        if partner is None:
            return False
        left.remove(partner)
    return len(unsure) < len(few)


def _like(one: str, other: str) -> bool:
    if len(one) == 1 or len(other) == 1:
        return one[0] == other[0]
    slips = 2 if min(len(one), len(other)) >= _LONG else 1
    return OSA.distance(one, other, score_cutoff=slips) <= slips
