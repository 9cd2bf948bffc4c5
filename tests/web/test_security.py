"""What every answer carries, whatever a request makes up."""

import pytest
from starlette.testclient import TestClient


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("/organize/people/", "/organize/people"),
        ("/zone/?back=/c/a&zone=UTC", "/zone?back=/c/a&zone=UTC"),
    ],
)
def test_a_slash_too_many_leads_to_this_site_whatever_host_was_named(
    client: TestClient, asked: str, answered: str
) -> None:
    answer = client.get(asked, headers={"host": "evil.example"})
    assert (answer.status_code, answer.headers["location"]) == (307, answered)


def test_two_slashes_lead_nowhere(client: TestClient) -> None:
    answer = client.get("http://testserver//evil.example/zone/")
    assert (answer.status_code, "location" in answer.headers) == (404, False)
