"""Badges on their way out: media types, who may fetch them, and where the keys are."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import Response

from app.services.badge_keys import Keys
from app.services.badges import Addresses

JWK = "application/jwk+json"
JWK_SET = "application/jwk-set+json"
CREDENTIAL = "application/vc+jwt"
_FROM_ANYWHERE = {
    # Wallets and verifiers are pages of other sites.
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "x-robots-tag": "noindex",
}


def _addresses(request: Request) -> Addresses:
    return Addresses(request.app.state.links)


def _keys(request: Request) -> Keys:
    keys: Keys = request.app.state.badge_keys
    return keys


AddressesDep = Annotated[Addresses, Depends(_addresses)]
KeysDep = Annotated[Keys, Depends(_keys)]


def served(
    content: Mapping[str, Any] | str,
    media_type: str = "application/json",
    *,
    seconds: int = 300,
    file_name: str = "",
) -> Response:
    """An answer for programs of any site, which may be kept for so many seconds."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    headers = {**_FROM_ANYWHERE, "cache-control": f"public, max-age={seconds}"}
    if file_name:
        headers["content-disposition"] = f'attachment; filename="{file_name}"'
    # Without a charset, which none of these types has.
    return Response(text.encode(), headers=headers | {"content-type": media_type})
