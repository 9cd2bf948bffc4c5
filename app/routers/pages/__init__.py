"""HTML for people. The pages that most people open stand first: routes are tried in order."""

from fastapi import APIRouter

from app.routers.pages import (
    account,
    attendance,
    calendars,
    components,
    cycles,
    downloads,
    enrol,
    institutions,
    mail,
    mail_texts,
    materials,
    my,
    part,
    part_calendar,
    participants,
    parts,
    people,
    public,
    publishing,
    reminders,
    replies,
    room,
    sessions,
    sign_in,
)

router = APIRouter(include_in_schema=False)
for each in (
    calendars,
    public,
    enrol,
    my,
    part,
    part_calendar,
    downloads,
    room,
    sign_in,
    account,
    cycles,
    publishing,
    sessions,
    materials,
    people,
    institutions,
    participants,
    parts,
    attendance,
    mail,
    mail_texts,
    reminders,
    replies,
    components,
):
    router.include_router(each.router)
