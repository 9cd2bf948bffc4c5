"""text/calendar for mails: METHOD:REQUEST and METHOD:CANCEL (RFC 5546, 3.2.2 and 3.2.5).

One event for one reader: they are the only ATTENDEE, for the others' addresses are nobody's
business. What a client does with it depends on UID, SEQUENCE and DTSTAMP, which are in the event.
"""

from dataclasses import replace

from app.calendar.lines import mailto, quoted, serialize
from app.calendar.render import PRODID
from app.calendar.values import Invite
from app.calendar.vevents import place, vevent
from app.domain.invitations import Method

_ANSWERS = frozenset({"NEEDS-ACTION", "ACCEPTED", "TENTATIVE", "DECLINED"})


def message(method: Method, invite: Invite) -> bytes:
    """The object in UTF-8 with CRLF. The same values give the same bytes.

    A CANCEL has no alarm, and nothing in it asks for an answer.

    Raises ValueError (UnknownZone among them) for what cannot be written truthfully: naive
    instants, an end that is not after the start, an unknown zone, a UID that is not ours, an
    organizer or an attendee without a usable address, a PARTSTAT that is none.
    """
    cancel = method is Method.CANCEL
    event = replace(invite.event, cancelled=cancel)
    if not mailto(event.organizer_address):
        raise ValueError(f"event {event.uid}: no address for answers")
    zones, (span,) = place((event,))
    head = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{PRODID}",
        "CALSCALE:GREGORIAN",
        f"METHOD:{method.value}",
    ]
    body = vevent(event, span, (_attendee(invite, asks=not cancel),))
    return b"".join((serialize(head), *zones, serialize(body), b"END:VCALENDAR\r\n"))


def _attendee(invite: Invite, *, asks: bool) -> str:
    address = mailto(invite.address)
    if not address:
        raise ValueError(f"event {invite.event.uid}: the attendee has no usable address")
    if invite.partstat not in _ANSWERS:
        raise ValueError(f"event {invite.event.uid}: no such PARTSTAT: {invite.partstat!r}")
    parameters = ["ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT"]
    if asks:
        parameters.append(f"PARTSTAT={invite.partstat};RSVP=TRUE")
    if name := quoted(invite.name):
        parameters.append(f"CN={name}")
    return f"{';'.join(parameters)}:{address}"
