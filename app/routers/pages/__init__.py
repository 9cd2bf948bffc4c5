"""HTML for people. The pages that most people open stand first: routes are tried in order."""

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Route

from app.routers.pages import (
    account,
    account_address,
    account_security,
    accounts,
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
    history,
    institutions,
    invitations,
    join_team,
    live,
    mail,
    mail_texts,
    materials,
    my,
    my_feedback,
    my_privacy,
    own_data,
    own_link,
    part,
    part_calendar,
    participants,
    parts,
    people,
    privacy,
    public,
    publish_people,
    publishing,
    releases,
    reminders,
    replies,
    report,
    report_preview,
    report_use,
    reports,
    room,
    sending,
    session_editor,
    sessions,
    sign_in,
    sign_in_code,
    sign_in_outside,
    team,
    verify,
    webhook_deliveries,
    webhooks,
)

_ROUTERS = (
    calendars,
    public,
    enrol,
    own_link,
    my,
    my_feedback,
    my_privacy,
    own_data,
    answer,
    part,
    part_calendar,
    downloads,
    verify,
    room,
    live,
    sign_in_code,  # before sign_in, which takes any last piece for a link's token
    sign_in_outside,
    sign_in,
    join_team,
    account_address,
    account_security,
    account,
    accounts,
    cycles,
    team,
    history,
    privacy,
    publishing,
    publish_people,
    releases,
    invitations,
    sessions,
    session_editor,  # after sessions, whose addresses go on where its own ends
    materials,
    people,
    institutions,
    participants,
    parts,
    closing,  # before attendance, which takes any last piece for an id
    report_preview,
    report_use,
    reports,
    attendance,
    completion,
    report,
    feedback,
    certificate_design,  # before certificates, which take any last piece for a code
    certificates,
    mail,
    sending,
    mail_texts,
    reminders,
    webhooks,  # before what takes any last piece for an id
    webhook_deliveries,
    replies,
    components,
)


def install_pages(app: FastAPI) -> None:
    """Puts them on the application, each as a route of its own: a router that is included is gone
    through twice for a request, once to find out whether it has the route and once to take it."""
    for each in _ROUTERS:
        for route in each.router.routes:
            assert isinstance(route, Route)  # no router within one
            route.include_in_schema = False
            # Programs that look at links without opening them ask by HEAD; the server leaves the
            # body out.
            if isinstance(route, APIRoute) and route.methods and "GET" in route.methods:
                route.methods.add("HEAD")
        app.router.routes.extend(each.router.routes)
