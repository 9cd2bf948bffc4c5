"""Whether an address on a page is for whoever reads it: so that nobody is led where they may not
come. What is asked at the door (`gate`) is asked again there."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urljoin, urlsplit

from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts
from starlette.routing import Match

from app.domain.permissions import OF_CYCLE, OPEN, AccountStanding, Permission
from app.services.actor import Actor
from app.web.access.gate import declared

_SIDE = "/organize"
_NEEDS_TOO: Mapping[str, Permission] = dict.fromkeys(
    ("clone_form", "clone"), Permission.CYCLE_CREATE
)
"""What the use case asks besides, by the name of the endpoint."""

Leads = Callable[..., bool]
"""``leads(href, method="get")``."""


class Ahead:
    """The permissions of an application's pages, found by their addresses."""

    def __init__(self, app: FastAPI) -> None:
        self._routes = [
            route
            for route in iter_route_contexts(app.routes)
            if str(getattr(route, "path", "")).startswith(_SIDE)
        ]
        self.needs = lru_cache(4_096)(self._needs)

    def _needs(self, method: str, path: str) -> tuple[tuple[Permission, ...], str]:
        """What it takes, and the cycle's slug; nothing where no page is there."""
        scope = {"type": "http", "method": method, "path": path}
        for route in self._routes:
            match, found = route.matches(scope)
            if match is not Match.FULL:
                continue
            needs = [*declared(getattr(route, "dependant", None))]
            if (too := _NEEDS_TOO.get(getattr(route.endpoint, "__name__", ""))) is not None:
                needs.append(too)
            params: Mapping[str, Any] = found.get("path_params", {})
            return tuple(needs), str(params.get("slug", ""))
        return (), ""

    def lets(self, actor: Actor, method: str, href: str) -> bool:
        """Whether somebody may go there. Whatever is no page of the organizers' side is for all."""
        path = urlsplit(href).path
        if not path.startswith(_SIDE):
            return True
        needs, slug = self.needs(method.upper(), path)
        return all(each in OPEN or may_there(actor, each, slug) for each in needs)


def may_there(actor: Actor, permission: Permission, slug: str) -> bool:
    """Whether they may do it in the cycle at this slug; where there is none, at all."""
    if permission in OF_CYCLE and slug and actor.standing is not AccountStanding.ADMINISTRATOR:
        return actor.may_at(permission, slug)
    return actor.may_anywhere(permission)


def _anywhere(_href: str, _method: str = "get") -> bool:
    return True


def leads_of(request: Request) -> Leads:
    """For the templates of this request's page: whether its reader may go to an address."""
    actor: Actor | None = getattr(request.state, "actor", None)
    if actor is None:
        return _anywhere
    state = request.app.state
    if not hasattr(state, "ahead"):
        state.ahead = Ahead(request.app)  # two at once make the same
    ahead: Ahead = state.ahead
    here = request.url.path
    return lambda href, method="get": ahead.lets(actor, method, urljoin(here, href))
