"""What changed in one session's agenda: its segments and the people in them."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.domain.change_values import NOTHING, Change, Code
from app.domain.schedule import Part, PartRole, Segment, Session
from app.domain.sentences import Country, Moment, Value


def visible_segments(session: Session) -> tuple[object, ...]:
    """What of an agenda can be seen: times from the session's start, no ids."""
    return tuple(
        (s.kind, s.title, s.starts - session.starts, s.ends - s.starts, _visible_parts(s))
        for s in session.segments
    )


def _visible_parts(segment: Segment) -> tuple[object, ...]:
    return tuple((part.person_id, part.role, *_details(part)) for part in segment.parts)


def _details(part: Part) -> tuple[str, str, str, str]:
    return (part.name, part.position, part.institution, part.country)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A segment before and after, each in its session."""

    was_in: Session
    now_in: Session
    was: Segment
    now: Segment

    @property
    def offsets(self) -> tuple[timedelta, timedelta]:
        return self.was.starts - self.was_in.starts, self.now.starts - self.now_in.starts

    def change(self, code: Code, person_id: str = "", **params: Value) -> Change:
        return _change(code, self.now_in, self.now, person_id, **params)


def agenda_changes(was: Session, now: Session) -> Iterator[Change]:
    """Segments new, gone, moved, longer, and so on; then the people in each.

    Times are taken from the session's start: when a whole session moves, its segments do not.
    """
    if visible_segments(was) == visible_segments(now):
        return  # whatever the ids say
    matched = _match(was.segments, now.segments)
    pairs = [
        _Pair(was, now, was.segments[matched[j]], segment) if j in matched else segment
        for j, segment in enumerate(now.segments)
    ]
    moved = False
    for each in pairs:
        if isinstance(each, Segment):
            when = Moment(each.starts, each.ends, now.zone)
            yield _change(Code.SEGMENT_ADDED, now, each, when=when)
            continue
        moved = moved or each.offsets[0] != each.offsets[1]
        yield from _segment_changes(each)
        yield from _part_changes(each)
    kept = set(matched.values())
    for i, segment in enumerate(was.segments):
        if i not in kept:
            yield _change(Code.SEGMENT_REMOVED, now, segment)
    order = [matched[j] for j in sorted(matched)]
    if order != sorted(order) and not moved:  # with other times, the times tell it
        yield Change(Code.AGENDA_REORDERED, now.id, now.number, params={"number": now.number})


def _match(was: Sequence[Segment], now: Sequence[Segment]) -> dict[int, int]:
    """For places in `now` the place in `was` of the same segment: by id, else by kind and title.

    An agenda that was sent as one document may have new ids for what stayed the same.
    """
    by_id = {segment.id: i for i, segment in enumerate(was)}
    matched = {j: by_id.pop(s.id) for j, s in enumerate(now) if s.id in by_id}
    alike: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i in sorted(by_id.values()):
        alike[was[i].kind, was[i].title].append(i)
    for j, segment in enumerate(now):
        if j not in matched and (places := alike[segment.kind, segment.title]):
            matched[j] = places.pop(0)
    return matched


def _segment_changes(pair: _Pair) -> Iterator[Change]:
    was, now = pair.was, pair.now
    if was.title != now.title:
        names = {"was": was.title or was.kind, "now": now.title or now.kind}
        yield pair.change(Code.SEGMENT_RETITLED, **names)
    if was.kind is not now.kind:
        yield pair.change(Code.SEGMENT_KIND, was=was.kind, now=now.kind)
    if pair.offsets[0] != pair.offsets[1]:
        yield pair.change(
            Code.SEGMENT_MOVED,
            was=Moment(was.starts, was.ends, pair.was_in.zone),
            now=Moment(now.starts, now.ends, pair.now_in.zone),
        )
    before, after = was.ends - was.starts, now.ends - now.starts
    if before != after:
        code = Code.SEGMENT_LENGTHENED if after > before else Code.SEGMENT_SHORTENED
        yield pair.change(code, was=before, now=after)


def _part_changes(pair: _Pair) -> Iterator[Change]:
    old, new = _numbered(pair.was.parts), _numbered(pair.now.parts)
    gone = [key for key in old if key not in new]
    come = [key for key in new if key not in old]
    went = Counter(person_id for person_id, _, _ in gone)
    came = Counter(person_id for person_id, _, _ in come)
    before = {person_id: role for person_id, role, _ in gone}
    for key in come:
        person_id, role, _ = key
        name = new[key].name
        if went[person_id] == came[person_id] == 1:
            roles: dict[str, Value] = {"was": before[person_id], "now": role}
            yield pair.change(Code.PART_ROLE, person_id, person=name, **roles)
        else:
            yield pair.change(Code.PART_ADDED, person_id, person=name, role=role)
    for key in gone:
        person_id, role, _ = key
        if not went[person_id] == came[person_id] == 1:
            name = old[key].name
            yield pair.change(Code.PART_REMOVED, person_id, person=name, role=role)
    for key in new:
        if key in old:
            yield from _detail_changes(pair, old[key], new[key])
    if [key for key in old if key in new] != [key for key in new if key in old]:
        yield pair.change(Code.PARTS_REORDERED)


def _detail_changes(pair: _Pair, was: Part, now: Part) -> Iterator[Change]:
    if was.name != now.name:
        yield pair.change(Code.PART_NAME, now.person_id, was=was.name, now=now.name)
    for code, before, after in (
        (Code.PART_POSITION, was.position, now.position),
        (Code.PART_INSTITUTION, was.institution, now.institution),
    ):
        if before != after:
            texts: dict[str, Value] = {"was": before or NOTHING, "now": after or NOTHING}
            yield pair.change(code, now.person_id, person=now.name, **texts)
    if was.country != now.country:
        countries: dict[str, Value] = {"was": Country(was.country), "now": Country(now.country)}
        yield pair.change(Code.PART_COUNTRY, now.person_id, person=now.name, **countries)


def _numbered(parts: Sequence[Part]) -> dict[tuple[str, PartRole, int], Part]:
    """Parts by person and role; the third member tells those apart that have both in common."""
    seen: Counter[tuple[str, PartRole]] = Counter()
    numbered = {}
    for part in parts:
        key = part.person_id, part.role
        numbered[(*key, seen[key])] = part
        seen[key] += 1
    return numbered


def _change(
    code: Code, session: Session, segment: Segment, person_id: str = "", **params: Value
) -> Change:
    always: dict[str, Value] = {"number": session.number, "segment": segment.title or segment.kind}
    return Change(code, session.id, session.number, segment.id, person_id, always | params)
