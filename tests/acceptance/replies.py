"""What a calendar program sends when its owner has pressed a button, made by vobject and the
standard library alone."""

from datetime import datetime
from email.message import EmailMessage

import vobject


def reply(invitation: bytes, partstat: str, at: datetime) -> bytes:
    """The mail with METHOD:REPLY to an invitation as it arrived, answered at `at`."""
    calendar = vobject.readOne(invitation.decode())
    event = calendar.vevent
    event.attendee.partstat_param = partstat
    event.attendee.params.pop("RSVP", None)
    event.dtstamp.value = at.astimezone(event.dtstamp.value.tzinfo)  # vobject knows its own UTC
    calendar.method.value = "REPLY"
    for name in ("valarm", "description", "conference"):
        for child in event.contents.get(name, [])[:]:
            event.remove(child)
    text = calendar.serialize()

    sender = event.attendee.value.removeprefix("mailto:")
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = event.organizer.value.removeprefix("mailto:")
    mail["Subject"] = f"{partstat.title()}: {event.summary.value}"
    mail["Date"] = at
    mail["Message-ID"] = f"<{at.timestamp()}.{partstat}.{sender}>"
    mail.set_content(f"{sender}: {partstat}")
    mail.add_alternative(text, subtype="calendar", params={"method": "REPLY"})
    return mail.as_bytes()
