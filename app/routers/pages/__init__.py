"""HTML for people. The pages that most people open stand first: routes are tried in order."""

from fastapi import APIRouter
from fastapi.routing import APIRoute

from app.routers.pages import (
    account,
    answer,
    attendance,
    calendars,
    certificate_design,
    certificates,
    closing,
    completion,
    components,
    cycles,
    downloads,
    enrol,
    feedback,
    institutions,
    invitations,
    live,
    mail,
    mail_texts,
    materials,
    my,
    my_feedback,
    part,
    part_calendar,
    participants,
    parts,
    people,
    public,
    publish_people,
    publishing,
    releases,
    reminders,
    replies,
    report,
    reports,
    room,
    sessions,
    sign_in,
    verify,
)

router = APIRouter(include_in_schema=False)
for each in (
    calendars,
    public,
    enrol,
    my,
    my_feedback,
    answer,
    part,
    part_calendar,
    downloads,
    verify,
    room,
    live,
    sign_in,
    account,
    cycles,
    publishing,
    publish_people,
    releases,
    invitations,
    sessions,
    materials,
    people,
    institutions,
    participants,
    parts,
    closing,  # before attendance, which takes any last piece for an id
    reports,
    attendance,
    completion,
    report,
    feedback,
    certificate_design,  # before certificates, which take any last piece for a code
    certificates,
    mail,
    mail_texts,
    reminders,
    replies,
    components,
):
    # Programs that look at links without opening them ask by HEAD; the server leaves the body out.
    for route in each.router.routes:
        if isinstance(route, APIRoute) and route.methods and "GET" in route.methods:
            route.methods.add("HEAD")
    router.include_router(each.router)
