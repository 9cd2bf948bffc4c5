"""What somebody is told whose role does not reach."""

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.domain.permissions import AccountStanding, Role
from app.models import TeamMember, User, now
from app.services.accounts import start_sign_in
from app.web.security import COOKIE
from tests.factories import Make


@pytest.mark.parametrize(
    ("owners", "said"),
    [
        ((), []),
        (("Olga Ruiz",), ["The owner of this cycle is Olga Ruiz."]),
        (("Olga Ruiz", "Aníbal Paz"), ["The owners of this cycle are Aníbal Paz, Olga Ruiz."]),
    ],
)
def test_the_refusal_names_the_role_and_the_owners(
    database: Database, client: TestClient, owners: tuple[str, ...], said: list[str]
) -> None:
    with database.begin(writes=True) as db:
        cycle = Make(db).cycle()
        for place, name in enumerate(("Vera", *owners)):
            address = f"a{place}@example.org"
            user = User(
                name=name, email=address, email_key=address, standing=AccountStanding.MEMBER
            )
            db.add(user)
            db.flush()
            role = Role.OWNER if place else Role.VIEWER
            db.add(TeamMember(cycle_id=cycle.id, user_id=user.id, role=role))
            if not place:
                cookie = start_sign_in(db, user.id, now())
        slug = cycle.slug
    client.cookies.set(COOKIE, cookie)
    answer = client.get(f"/organize/c/{slug}/settings")
    assert answer.status_code == 403
    lines = [
        line.strip() for line in answer.text.replace("<p>", "\n").replace("</p>", "\n").splitlines()
    ]
    assert "Your role: Viewer." in lines
    assert [line for line in lines if line.startswith("The owner")] == said
