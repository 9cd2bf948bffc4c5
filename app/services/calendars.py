"""Calendars for downloads and feeds: which events are in them and what the events say.

The bytes are made by `app.calendar`; here is what goes into them, in the reader's language. No
time of rendering gets in, so the same release gives the same bytes until a cancelled session has
been shown for long enough.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from app.calendar.lines import one_line
from app.calendar.render import render
from app.calendar.values import Calendar, Event
from app.domain import words
from app.domain.errors import N_, NotFound
from app.domain.faces import announced
from app.domain.schedule import (
    InstitutionRole,
    Schedule,
    Segment,
    Session,
    SessionStatus,
)
from app.domain.text import localized, looks_like_link, without_links
from app.languages import date_long, time_of_day, translations, zone_label
from app.mail.values import OwnSegment
from app.services.links import Links
from app.services.public import PublishedCycle

Gettext = Callable[[str], str]

CANCELLED_STAY = timedelta(days=30)
"""How long after its start a cancelled session stays, so that every client hears of it."""

_MOST_DESCRIPTION = 2_000  # characters; the page behind the link has it all

# COLOR takes names only; the nearest of these few stands for a cycle's accent.
_COLORS = {
    "crimson": (220, 20, 60),
    "orangered": (255, 69, 0),
    "goldenrod": (218, 165, 32),
    "olivedrab": (107, 142, 35),
    "seagreen": (46, 139, 87),
    "teal": (0, 128, 128),
    "steelblue": (70, 130, 180),
    "royalblue": (65, 105, 225),
    "navy": (0, 0, 128),
    "slateblue": (106, 90, 205),
    "purple": (128, 0, 128),
    "mediumvioletred": (199, 21, 133),
    "sienna": (160, 82, 45),
    "slategray": (112, 128, 144),
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A calendar as bytes. `modified` is an aware instant taken from stored stamps: when its events
    last changed, not each byte of it. `until` is when it changes by itself, because a cancelled
    session has been shown for long enough."""

    body: bytes
    modified: datetime
    until: datetime | None = None


def event_of(
    schedule: Schedule,
    session: Session,
    language: str,
    *,
    link: str,
    join: str = "",
    contact: str = "",
    withdrawn: bool = False,
    own: Sequence[OwnSegment] = (),
    zone: str = "",
) -> Event:
    """A session as a calendar entry in `language`.

    `link` is where location and URL lead; `join` the personal join link for CONFERENCE, empty in
    public files; `contact` the organizer's bare address. `withdrawn`: for this reader it is off.
    `own`: the reader's own segments (`own_segments_of`), said before all others, in `zone`.
    """
    gettext = translations(language).gettext
    title = localized(session.title, language, schedule.language)
    off = withdrawn or session.status is SessionStatus.CANCELLED
    stamp = session.stamp or session.starts
    return Event(
        uid=session.uid,
        sequence=session.sequence,
        created=session.created or stamp,
        stamp=stamp,
        starts=session.starts,
        ends=session.ends,
        zone=session.zone,
        # Several clients show a cancelled event like any other: the words must say it.
        summary=gettext(N_("Cancelled: %(title)s")) % {"title": title} if off else title,
        description=_description(
            schedule, session, language, gettext, link=link, off=off, own=own, zone=zone
        ),
        location=link,
        url=link,
        cancelled=off,
        conference=join,
        alarm_text=gettext(N_("In 15 minutes: %(title)s")) % {"title": title},
        organizer_name=organizer_name(schedule) if contact else "",
        organizer_address=contact,
    )


def organizer_name(schedule: Schedule) -> str:
    """Who answers for the cycle: the first organizer, else the first institution, else nobody."""
    ours = [i for i in schedule.institutions if i.role is InstitutionRole.ORGANIZER]
    return next((i.name for i in (*ours, *schedule.institutions)), "")


def people_lines(session: Session, language: str) -> tuple[str, ...]:
    """Those who are announced, a line for each: "Ana Ruiz, director, CAF (moderator)"."""
    gettext = translations(language).gettext
    return tuple(
        _person_line((name, position, institution), [gettext(words.ROLES[role]) for role in roles])
        for name, position, institution, roles in announced(session)
    )


def own_segments_of(
    segments: Iterable[Segment],
    person_id: str,
    language: str,
    declined: frozenset[str] = frozenset(),
) -> tuple[OwnSegment, ...]:
    """These segments as they concern somebody who has parts in them, in words. `declined`: the ids
    of their parts that are not to be named."""
    gettext = translations(language).gettext
    return tuple(
        OwnSegment(
            title=one_line(segment.title) or gettext(words.SEGMENTS[segment.kind]),
            roles=", ".join(
                gettext(words.ROLES[p.role])
                for p in segment.parts
                if p.person_id == person_id and p.id not in declined
            ),
            starts=segment.starts,
            ends=segment.ends,
            others=tuple(
                _person_line((p.name, p.position, p.institution), [gettext(words.ROLES[p.role])])
                for p in segment.parts
                if p.person_id != person_id
            ),
        )
        for segment in segments
    )


def _person_line(who: tuple[str, str, str], roles: Iterable[str]) -> str:
    """A name without its links, and what of position and institution looks like none: people with
    parts type them, and everybody in the cycle gets to read them."""
    name, *rest = map(one_line, who)
    said = [without_links(name), *(text for text in rest if not looks_like_link(text))]
    return f"{', '.join(filter(None, said))} ({', '.join(roles)})".strip()


def _description(
    schedule: Schedule,
    session: Session,
    language: str,
    gettext: Gettext,
    *,
    link: str,
    off: bool,
    own: Sequence[OwnSegment],
    zone: str,
) -> str:
    words = localized(session.description, language, schedule.language).strip()
    if len(words) > _MOST_DESCRIPTION:
        words = words[:_MOST_DESCRIPTION].rsplit(None, 1)[0] + " …"
    people = [f"– {line}" for line in people_lines(session, language)]
    blocks = [
        gettext(N_("This session will not take place.")) if off else "",
        localized(schedule.title, language, schedule.language),
        "\n".join(_own_lines(own, session, zone or session.zone, language, gettext)),
        words,
        "\n".join([gettext(N_("With:")), *people]) if people else "",
        link,
    ]
    return "\n\n".join(block for block in blocks if block)


def _own_lines(
    own: Sequence[OwnSegment], session: Session, zone: str, language: str, gettext: Gettext
) -> Iterable[str]:
    """The reader's own segments in their zone, with the date of those that begin on another day
    there than the session does."""
    if not own:
        return
    begins = date_long(session.starts, language, zone)
    yield gettext(N_("Your part (%(zone)s):")) % {"zone": zone_label(zone, language)}
    for segment in own:
        hours = f"{time_of_day(segment.starts, zone)}–{time_of_day(segment.ends, zone)}"
        if (date := date_long(segment.starts, language, zone)) != begins:
            hours = f"{date}, {hours}"
        yield f"– {hours} {segment.title} ({segment.roles})"
        if segment.others:
            yield f"   {gettext(N_('With:'))} {'; '.join(segment.others)}"


def session_calendar(cycle: PublishedCycle, number: int, language: str, links: Links) -> Rendered:
    """One public session as a file to import. An empty `language` is the cycle's.

    Raises:
        NotFound: no session of the newest release has this number.
    """
    session = cycle.schedule.session(number)
    if session is None:
        raise NotFound
    language = language or cycle.schedule.language
    return Rendered(
        render(Calendar((_public_event(cycle, session, language, links),))),
        cycle.published_at,
    )


def cycle_calendar(
    cycle: PublishedCycle,
    language: str,
    links: Links,
    now: datetime,
    *,
    copy: bool = False,
) -> Rendered:
    """All public sessions as a feed; as a `copy`, a file to import. An empty `language` is the
    cycle's."""
    schedule, said = cycle.schedule, language or cycle.schedule.language
    shown, dropped, until = _still_shown(schedule.sessions, now)
    calendar = Calendar(tuple(_public_event(cycle, s, said, links) for s in shown))
    if not copy:
        calendar = replace(
            calendar,
            name=localized(schedule.title, said, schedule.language),
            source=links.url(feed_path(schedule.slug, language)),
            color=color_name(schedule.accent),
        )
    modified = max([cycle.published_at, *dropped])
    return Rendered(render(calendar), modified, until)


def feed_path(slug: str, language: str = "") -> str:
    """Where a cycle's feed is; an empty `language` is the cycle's."""
    return f"/c/{slug}.ics" + (f"?lang={language}" if language else "")


def _public_event(cycle: PublishedCycle, session: Session, language: str, links: Links) -> Event:
    return event_of(
        cycle.schedule,
        session,
        language,
        link=links.url(f"/c/{cycle.schedule.slug}/{session.number}"),
        contact=cycle.cycle.contact_email,
    )


def _still_shown(
    sessions: Iterable[Session], now: datetime
) -> tuple[list[Session], list[datetime], datetime | None]:
    """The sessions that are shown, when others dropped out, and when the next one will."""
    shown, dropped, ahead = [], [], []
    for session in sessions:
        leaves = session.starts + CANCELLED_STAY
        if session.status is not SessionStatus.CANCELLED:
            shown.append(session)
        elif leaves > now:
            shown.append(session)
            ahead.append(leaves)
        else:
            dropped.append(leaves)
    return shown, dropped, min(ahead, default=None)


def color_name(accent: str) -> str:
    """The name nearest to "#rrggbb"; empty for none."""
    if not accent:
        return ""
    wanted = tuple(int(accent[i:j], 16) for i, j in pairwise((1, 3, 5, 7)))
    return min(
        _COLORS,
        key=lambda name: sum((a - b) ** 2 for a, b in zip(_COLORS[name], wanted, strict=True)),
    )
