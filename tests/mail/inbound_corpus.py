"""Mails as they come in: one factory for each way in which a calendar program or a server writes
them. Everything was written for these tests after what the programs do; nothing is a real mail.

Each factory takes what a test wants to be in it: `uid`, `to`, `sender`, `message_id`, ….
"""

import base64
import quopri
from collections.abc import Callable

UID = "01k9session000000000000001"
GUEST = "ana@example.org"
OURS = "convoca+abcdefghjkmnpqrs@example.org"

Factory = Callable[..., bytes]


def crlf(text: str) -> bytes:
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode()


def event(
    *,
    uid: str = UID,
    attendee: str = "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ana@example.org",
    organizer: str = f"ORGANIZER:mailto:{OURS}",
    sequence: str = "SEQUENCE:2",
    stamp: str = "DTSTAMP:20261124T150000Z",
    more: str = "",
) -> str:
    lines = [
        "BEGIN:VEVENT",
        f"UID:{uid}",
        stamp,
        organizer,
        attendee,
        sequence,
        "DTSTART:19990101T000000Z",  # a lie: what comes in changes no time
        "DTEND:19990101T010000Z",
        *([more] if more else []),
        "END:VEVENT",
    ]
    return "\n".join(line for line in lines if line)


def calendar(*events: str, method: str = "REPLY", before: str = "") -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN"]
    lines += [f"METHOD:{method}"] if method else []
    lines += [before] if before else []
    return "\n".join([*lines, *(events or [event()]), "END:VCALENDAR", ""])


def head(
    *,
    sender: str = f"Ana Ruiz <{GUEST}>",
    to: str = OURS,
    subject: str = "Accepted: Opening",
    message_id: str = "<1@mail.example.org>",
    more: str = "",
) -> str:
    lines = [
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {subject}",
        "Date: Tue, 24 Nov 2026 15:00:10 +0000",
        f"Message-ID: {message_id}",
        "MIME-Version: 1.0",
        *([more] if more else []),
    ]
    return "\n".join(lines) + "\n"


def alternative(text: str, body: str, **headers: str) -> bytes:
    """A plain part and a text/calendar beside it, in base64."""
    coded = base64.encodebytes(crlf(text)).decode()
    return crlf(
        head(**headers)
        + 'Content-Type: multipart/alternative; boundary="b1"\n\n'
        + f"--b1\nContent-Type: text/plain; charset=utf-8\n\n{body}\n"
        + "--b1\nContent-Type: text/calendar; charset=utf-8; method=REPLY\n"
        + f"Content-Transfer-Encoding: base64\n\n{coded}\n--b1--\n"
    )


def apple_mail(uid: str = UID, **headers: str) -> bytes:
    """iOS and macOS: MAILTO in capitals, an alias as the account that sends, comments beside."""
    attendee = (
        'ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=DECLINED;CN="Ana Ruiz";'
        'X-RESPONSE-COMMENT="On a flight":MAILTO:ana@example.org'
    )
    return alternative(calendar(event(uid=uid, attendee=attendee)), "", **headers)


def ios_proposal(uid: str = UID, **headers: str) -> bytes:
    """iOS: another time as a parameter of the attendee, by METHOD:COUNTER."""
    attendee = (
        'ATTENDEE;CN="Ana Ruiz";PARTSTAT=TENTATIVE;TO-ALL-PROPOSED-NEW-TIME="DTSTART:'
        '20261201T160000Z;STATUS:NEEDS-ACTION":mailto:ana@example.org'
    )
    return alternative(calendar(event(uid=uid, attendee=attendee), method="COUNTER"), "", **headers)


def ios_proposal_unquoted(uid: str = UID, **headers: str) -> bytes:
    """The same by REPLY, without the quotes that the value needs."""
    attendee = (
        "ATTENDEE;TO-ALL-PROPOSED-NEW-TIME=DTSTART:20261201T160000Z;STATUS:NEEDS-ACTION;"
        "PARTSTAT=DECLINED:mailto:ana@example.org"
    )
    return alternative(calendar(event(uid=uid, attendee=attendee)), "", **headers)


def google(uid: str = UID, **headers: str) -> bytes:
    """Google Calendar: says that a machine sent it, repeats the calendar as application/ics."""
    text = calendar(event(uid=uid, more="COMMENT:See you\\, friends\\nAna"))
    coded = base64.encodebytes(crlf(text)).decode()
    more = (
        "Sender: Google Calendar <calendar-notification@google.com>\nAuto-Submitted: auto-generated"
    )
    return crlf(
        head(more=more, **headers)
        + 'Content-Type: multipart/mixed; boundary="m"\n\n'
        + '--m\nContent-Type: multipart/alternative; boundary="a"\n\n'
        + "--a\nContent-Type: text/plain; charset=utf-8; format=flowed\n\nAna has accepted.\n"
        + '--a\nContent-Type: text/calendar; charset="UTF-8"; method=REPLY\n'
        + f"Content-Transfer-Encoding: 7bit\n\n{text}\n--a--\n"
        + '--m\nContent-Type: application/ics; name="invite.ics"\n'
        + 'Content-Disposition: attachment; filename="invite.ics"\n'
        + f"Content-Transfer-Encoding: base64\n\n{coded}\n--m--\n"
    )


def exchange(uid: str = UID, **headers: str) -> bytes:
    """Exchange: no ORGANIZER, Windows zone names, a language at the comment, and the headers of
    automatic mail all the same."""
    zone = (
        "BEGIN:VTIMEZONE\nTZID:SA Pacific Standard Time\nBEGIN:STANDARD\n"
        "DTSTART:16010101T000000\nTZOFFSETFROM:-0500\nTZOFFSETTO:-0500\nEND:STANDARD\n"
        "END:VTIMEZONE"
    )
    text = calendar(
        event(
            uid=uid,
            organizer="",
            attendee="ATTENDEE;PARTSTAT=TENTATIVE;CN=Ana Ruiz:MAILTO:Ana@Example.org",
            stamp='DTSTAMP;TZID="SA Pacific Standard Time":20261124T100000',
            more="COMMENT;LANGUAGE=es-CO:Quizás llegue tarde\nX-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE",
        ),
        before=zone,
    )
    headers.setdefault("subject", "=?utf-8?Q?Provisional:_Sesi=C3=B3n_1?=")
    more = (
        "X-Auto-Response-Suppress: DR, OOF, AutoReply\nX-MS-Has-Attach:\n"
        "Auto-Submitted: auto-generated\nPrecedence: bulk"
    )
    return alternative(text, "", more=more, **headers)


def outlook_com_root(uid: str = UID, **headers: str) -> bytes:
    """text/calendar as the mail itself, METHOD in its header only, quoted-printable."""
    text = calendar(event(uid=uid, organizer=""), method="")
    coded = quopri.encodestring(crlf(text)).decode()
    return crlf(
        head(
            more='Content-Type: text/calendar; method="reply"; charset="us-ascii"\n'
            "Content-Transfer-Encoding: quoted-printable",
            **headers,
        )
        + "\n"
        + coded
    )


def octet_stream(uid: str = UID, **headers: str) -> bytes:
    """A file of no type beside a text (Lotus Notes, gateways)."""
    coded = base64.encodebytes(crlf(calendar(event(uid=uid)))).decode()
    return crlf(
        head(**headers)
        + "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nYes.\n"
        + "--x\nContent-Type: application/octet-stream; name=reply.ics\n"
        + f"Content-Transfer-Encoding: base64\n\n{coded}\n--x--\n"
    )


def bare_line_feeds(uid: str = UID, **headers: str) -> bytes:
    """A script: no CR anywhere, lines folded wherever, in 8 bits, between the two bytes of a
    letter too."""
    more = "COMMENT:Más tarde, quizás: no sé aún si llego a tiempo por el tráfico de la mañana"
    text = head(**headers) + "Content-Type: text/calendar; method=REPLY; charset=utf-8\n\n"
    body = calendar(event(uid=uid, more=more)).encode()
    at = body.index("ás tarde".encode()) + 1
    return text.encode() + body[:at] + b"\n " + body[at:]


def latin_1_that_says_utf_8(uid: str = UID, **headers: str) -> bytes:
    """The charset is a lie."""
    text = head(**headers) + "Content-Type: text/calendar; method=REPLY; charset=utf-8\n\n"
    return (text + calendar(event(uid=uid, more="COMMENT:Mañana no"))).encode("latin-1")


def utf_16(uid: str = UID, **headers: str) -> bytes:
    """In UTF-16, with a mark at its beginning."""
    coded = base64.encodebytes(calendar(event(uid=uid)).encode("utf-16")).decode()
    return crlf(
        head(**headers)
        + "Content-Type: text/calendar; method=REPLY; charset=utf-16\n"
        + f"Content-Transfer-Encoding: base64\n\n{coded}"
    )


def folded_without_a_space(uid: str = UID, **headers: str) -> bytes:
    """A mailer has broken long lines, and blank lines are everywhere."""
    text = calendar(
        event(
            uid=uid,
            attendee="ATTENDEE;CUTYPE=INDIVIDUAL;PARTSTAT=ACC\nEPTED;CN=\nAna\n Ruiz"
            ":mailto:ana@example.org",
        )
    )
    return crlf(
        head(**headers)
        + "Content-Type: text/calendar; method=REPLY\n\n"
        + text.replace("\n", "\n\n").replace("\n\nEPTED", "\nEPTED")
    )


def no_stamp_no_sequence(uid: str = UID, **headers: str) -> bytes:
    """What the RFC asks for is missing."""
    return alternative(calendar(event(uid=uid, stamp="", sequence="")), "", **headers)


def from_the_future(uid: str = UID, **headers: str) -> bytes:
    """A clock that is wrong, and a SEQUENCE that nobody issued."""
    text = calendar(event(uid=uid, stamp="DTSTAMP:20991231T235959Z", sequence="SEQUENCE:999"))
    return alternative(text, "", **headers)


def empty_zone(uid: str = UID, **headers: str) -> bytes:
    """A VTIMEZONE with nothing in it, an event after an END that was never begun."""
    text = calendar(event(uid=uid), before="BEGIN:VTIMEZONE\nEND:VTIMEZONE\nEND:VALARM")
    return alternative(text, "", **headers)


def two_events(uid: str = UID, other: str = "another", **headers: str) -> bytes:
    """Several VEVENTs, each with an answer of its own."""
    text = calendar(
        event(uid=uid),
        event(uid=other, attendee="ATTENDEE;PARTSTAT=declined:mailto:ana@example.org"),
    )
    return alternative(text, "", **headers)


def outlook_counter(uid: str = UID, partstat: str = "TENTATIVE", **headers: str) -> bytes:
    """Outlook: "propose a new time"."""
    headers.setdefault("subject", "New Time Proposed: Opening")
    attendee = f"ATTENDEE;PARTSTAT={partstat}:MAILTO:ana@example.org"
    text = calendar(
        event(uid=uid, attendee=attendee, more="X-MS-OLK-ORIGINALSTART:20261201T140000Z"),
        method="COUNTER",
    )
    return alternative(text, "", **headers)


def delegated(uid: str = UID, **headers: str) -> bytes:
    """Somebody else shall come."""
    attendee = (
        'ATTENDEE;PARTSTAT=DELEGATED;DELEGATED-TO="mailto:eva@example.org":mailto:ana@example.org'
    )
    other = (
        'ATTENDEE;PARTSTAT=NEEDS-ACTION;DELEGATED-FROM="mailto:ana@example.org":'
        "mailto:eva@example.org"
    )
    return alternative(calendar(event(uid=uid, attendee=f"{attendee}\n{other}")), "", **headers)


def alias(uid: str = UID, **headers: str) -> bytes:
    """The attendee is another address of the one who sends."""
    attendee = "ATTENDEE;PARTSTAT=ACCEPTED;CN=Ana:mailto:ana.ruiz@mail.example.org"
    return alternative(calendar(event(uid=uid, attendee=attendee)), "", **headers)


def no_brackets(uid: str = UID, **headers: str) -> bytes:
    """An attendee that is no URI, with the address in a parameter."""
    attendee = "ATTENDEE;EMAIL=ana@example.org;PARTSTAT=ACCEPTED:invalid:nomail"
    return alternative(calendar(event(uid=uid, attendee=attendee)), "", **headers)


REPLIES: dict[str, Factory] = {
    f.__name__: f
    for f in (
        apple_mail,
        ios_proposal,
        ios_proposal_unquoted,
        google,
        exchange,
        outlook_com_root,
        octet_stream,
        bare_line_feeds,
        latin_1_that_says_utf_8,
        utf_16,
        folded_without_a_space,
        no_stamp_no_sequence,
        from_the_future,
        empty_zone,
        two_events,
        outlook_counter,
        delegated,
        alias,
        no_brackets,
    )
}


# What comes back.


def notification(
    *,
    recipient: str = GUEST,
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 <ana@example.org>: user unknown",
    original: str = "<m1@example.org>",
    returned: str = "message/rfc822",
    coded: bool = False,
    message_id: str = "<bounce1@mx.example.org>",
    reply_to: str = OURS,
    more: str = "",
) -> bytes:
    """RFC 3464, as Postfix writes it."""
    fields = (
        "Reporting-MTA: dns; mx.example.org\n\n"
        f"Final-Recipient: rfc822; {recipient}\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: {diagnostic}\n"
    )
    encoding = ""
    if coded:
        fields = base64.encodebytes(crlf(fields)).decode()
        encoding = "Content-Transfer-Encoding: base64\n"
    return crlf(
        head(
            sender="MAILER-DAEMON@mx.example.org (Mail Delivery System)",
            to="convoca@example.org",
            subject="Undelivered Mail Returned to Sender",
            message_id=message_id,
            more=more or "Auto-Submitted: auto-replied",
        )
        + 'Content-Type: multipart/report; report-type=delivery-status; boundary="r"\n\n'
        + "--r\nContent-Type: text/plain\n\nThis is the mail system at host mx.example.org.\n"
        + f"--r\nContent-Type: message/delivery-status\n{encoding}\n{fields}\n"
        + f"--r\nContent-Type: {returned}\n\n"
        + f"From: convoca@example.org\nReply-To: {reply_to}\nTo: {recipient}\n"
        + f"Message-ID: {original}\nSubject: Opening\n\n"
        + ("Come!\n" if returned == "message/rfc822" else "")
        + "--r--\n"
    )


def qmail(original: str = "<m1@example.org>", recipient: str = GUEST) -> bytes:
    """qmail: text only, the mail below a line."""
    return crlf(
        head(
            sender="MAILER-DAEMON@qmail.example.org",
            to="convoca@example.org",
            subject="failure notice",
            message_id="<qmail@q.example.org>",
            more="Return-Path: <>",
        )
        + "\nHi. This is the qmail-send program at qmail.example.org.\n"
        + "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
        + "This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        + f"<{recipient}>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
        + "--- Below this line is a copy of the message.\n\n"
        + f"Return-Path: <convoca@example.org>\nMessage-ID: {original}\nTo: other@example.org\n"
    )


def exim(original: str = "<m1@example.org>", recipient: str = GUEST) -> bytes:
    """Exim: names the recipients in a header."""
    return crlf(
        head(
            sender="Mail Delivery System <Mailer-Daemon@exim.example.org>",
            to="convoca@example.org",
            subject="Mail delivery failed: returning message to sender",
            message_id="<exim@e.example.org>",
            more=f"X-Failed-Recipients: {recipient}\nAuto-Submitted: auto-replied",
        )
        + "\nThis message was created automatically by mail delivery software.\n\n"
        + "A message that you sent could not be delivered to one or more of its recipients.\n\n"
        + f"  {recipient}\n    host mx.example.org: 550 No such user here\n\n"
        + "------ This is a copy of the message's headers. ------\n\n"
        + f"Message-Id: {original}\nTo: {recipient}\n"
    )


def exim_warning() -> bytes:
    """Exim: still trying."""
    return crlf(
        head(
            sender="Mail Delivery System <Mailer-Daemon@exim.example.org>",
            to="convoca@example.org",
            subject="Warning: message 1abc delayed 24 hours",
            message_id="<eximw@e.example.org>",
            more=f"X-Failed-Recipients: {GUEST}\nAuto-Submitted: auto-replied",
        )
        + "\nA message that you sent has not yet been delivered to one or more of its recipients.\n"
        + f"  {GUEST}\n    Delay reason: connection timed out\n"
    )


def out_of_office(message_id: str = "<ooo@mail.example.org>", to: str = OURS) -> bytes:
    """Exchange, in Portuguese."""
    return crlf(
        head(
            to=to,
            subject="=?utf-8?Q?Resposta_autom=C3=A1tica:_Opening?=",
            message_id=message_id,
            more="X-Auto-Response-Suppress: All\nAuto-Submitted: auto-generated",
        )
        + "Content-Type: text/plain\n\nEstou de férias.\n"
    )


def letter(
    *, sender: str = f"Ana Ruiz <{GUEST}>", to: str = OURS, message_id: str = "<l@mail.example.org>"
) -> bytes:
    """Somebody writes."""
    return crlf(
        head(sender=sender, to=to, subject="Re: Opening", message_id=message_id)
        + "Content-Type: text/plain; charset=utf-8\n\nMay I bring <b>a colleague</b>?\n"
    )
