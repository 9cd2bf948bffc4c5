"""What certificates look like: the form, pictures, and one to look at."""

import io
from typing import Any

import pypdfium2
import pytest
from PIL import Image
from sqlmodel import col, select
from starlette.testclient import TestClient

from app.certificates.values import TEMPLATES
from app.db import Database
from app.models import Certificate, CertificateDesign
from app.schemas.certificate import IssueIn
from app.services import certificate_issuing
from tests.certificates.build import GREEN, MAGENTA, share, uploaded
from tests.pages.reading import Page
from tests.services.attendance_world import OVER
from tests.services.certificate_world import OLGA, Certified


@pytest.fixture
def there(database: Database) -> tuple[str, str, str]:
    """The page, the cycle, Ana's enrolment."""
    with database.begin(writes=True) as db:
        world = Certified(db)
        path = f"/organize/c/{world.cycle.slug}/certificates/design"
        return path, world.cycle.id, world.ana.id


def png(color: str = "navy", size: tuple[int, int] = (300, 100)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "PNG")
    return out.getvalue()


def rows(database: Database) -> list[CertificateDesign]:
    with database.begin(writes=False) as db:
        query = select(CertificateDesign).order_by(col(CertificateDesign.version))
        return list(db.exec(query).all())


def fields(client: TestClient, path: str) -> dict[str, str]:
    """What the design's own form would send."""
    html = client.get(path).text
    begins = html.index("data-design")
    return Page("<form " + html[begins : html.index("</form>", begins)] + "</form>").fields


def logo(client: TestClient, path: str, data: bytes, alt: str = "A ministry") -> Any:
    return client.post(
        f"{path}/logo/upload", data={"alt": alt}, files={"file": ("logo.png", data, "image/png")}
    )


def test_a_design_with_pictures(
    organizer_client: TestClient, database: Database, there: tuple[str, str, str]
) -> None:
    path, cycle, ana = there
    form = {
        "version": "0",
        "template": "modern",
        "accent": "#14566b",
        "title-en": "Diploma",
        "statement-en": "has completed {cycle} in {hours}",
        "signatory-0-name": "Rosa Paz",
        "signatory-0-position-en": "Minister",
    }
    assert organizer_client.post(path, data=form).status_code == 303
    assert logo(organizer_client, path, png()).status_code == 303
    signed = {"file": ("s.png", png("black"), "image/png")}
    answer = organizer_client.post(f"{path}/signature/upload", data={"place": "0"}, files=signed)
    assert answer.status_code == 303
    newest = rows(database)[-1]
    assert (newest.version, newest.template, newest.title) == (3, "modern", {"en": "Diploma"})
    assert [(each["alt"], each["kind"], each["ratio"]) for each in newest.logos] == [
        ("A ministry", "png", 3.0)
    ]
    assert newest.signatories[0]["signature"]["kind"] == "png"

    shown = organizer_client.get(f"{path}/picture/{newest.logos[0]['file']}")
    assert (shown.headers["content-type"], shown.content[:4]) == ("image/png", b"\x89PNG")
    assert organizer_client.get(f"{path}/picture/{'0' * 64}").status_code == 404

    # As its own form sends it, it is the same and no new version.
    sent = fields(organizer_client, path)
    assert organizer_client.post(path, data=sent).status_code == 303
    assert len(rows(database)) == 3

    with database.begin(writes=True) as db:
        row, _ = certificate_issuing.issue_to(db, OLGA, cycle, IssueIn(enrolment_id=ana), OVER)
    base = path.removesuffix("/design")
    before = organizer_client.get(f"{base}/{row.code}/certificate.pdf")
    assert (before.status_code, before.content[:5]) == (200, b"%PDF-")
    sent = fields(organizer_client, path) | {"logo-0-remove": "yes", "signatory-0-unsign": "yes"}
    assert organizer_client.post(path, data=sent).status_code == 303
    newest = rows(database)[-1]
    assert (newest.logos, newest.signatories[0]["signature"]) == ([], None)
    after = organizer_client.get(f"{base}/{row.code}/certificate.pdf")
    assert (after.status_code, after.content) == (200, before.content)
    with database.begin(writes=False) as db:
        assert db.exec(select(Certificate.design_id)).one() == rows(database)[2].id


@pytest.mark.parametrize("design", TEMPLATES)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "utf-8", "utf-16"])
def test_what_was_uploaded_is_on_the_page(
    organizer_client: TestClient,
    database: Database,
    there: tuple[str, str, str],
    design: str,
    kind: str,
) -> None:
    path, cycle, ana = there
    form = {"version": "0", "template": design, "signatory-0-name": "Rosa Paz"}
    assert organizer_client.post(path, data=form).status_code == 303
    assert logo(organizer_client, path, uploaded(kind, MAGENTA)).status_code == 303
    signed = {"file": ("s", uploaded(kind, GREEN), "image/png")}
    answer = organizer_client.post(f"{path}/signature/upload", data={"place": "0"}, files=signed)
    assert answer.status_code == 303
    shown = organizer_client.get(f"{path}/preview.png")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    with database.begin(writes=True) as db:
        row, _ = certificate_issuing.issue_to(db, OLGA, cycle, IssueIn(enrolment_id=ana), OVER)
    pdf = organizer_client.get(f"{path.removesuffix('/design')}/{row.code}/certificate.pdf")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    printed = pypdfium2.PdfDocument(pdf.content)[0].render(scale=1).to_pil()
    for page in (Image.open(io.BytesIO(shown.content)), printed):
        assert share(page, MAGENTA) > 8
        assert share(page, GREEN) > 7


def test_what_is_not_right_is_said_at_the_field(
    organizer_client: TestClient, database: Database, there: tuple[str, str, str]
) -> None:
    path = there[0]
    form = {
        "version": "0",
        "template": "modern",
        "statement-es": "hola {nadie}",
        "signatory-0-position-en": "Minister",
    }
    answer = organizer_client.post(path, data=form)
    assert answer.status_code == 422
    for said in (
        'id="statement-es-error"',
        "There is no placeholder {nadie}.",
        'id="signatory-0-name-error"',
        "hola {nadie}",
    ):
        assert said in answer.text
    assert rows(database) == []


def test_what_nobody_can_see_is_refused_and_not_dropped(
    organizer_client: TestClient, database: Database, there: tuple[str, str, str]
) -> None:
    path, said = there[0], "Take out the invisible control characters."
    for field in ("statement-en", "title-es", "signatory-0-name", "signatory-0-position-en"):
        for typed in ("\0", "a\0b", "\x07"):
            form = {"version": "0", "template": "modern", field: typed}
            answer = organizer_client.post(path, data=form)
            assert (answer.status_code, f'id="{field}-error"' in answer.text) == (422, True)
            assert said in answer.text
    for alt in ("\0", "A\0ministry", "A\x07ministry"):
        answer = logo(organizer_client, path, png(), alt)
        assert (answer.status_code, said in answer.text) == (422, True)
    assert rows(database) == []


def test_a_title_that_no_typeface_has(
    organizer_client: TestClient, database: Database, there: tuple[str, str, str]
) -> None:
    form = {"version": "0", "template": "plain", "title-es": "Diploma \U0001f680"}
    answer = organizer_client.post(there[0], data=form)
    assert answer.status_code == 422
    assert 'id="title-es-error"' in answer.text
    assert "has these characters (Español): \U0001f680" in answer.text
    assert "Diploma \U0001f680" in answer.text
    assert rows(database) == []


def test_two_who_save_at_once(
    organizer_client: TestClient, database: Database, there: tuple[str, str, str]
) -> None:
    path = there[0]
    for title, status in (("One", 303), ("Other", 412)):
        form = {"version": "0", "template": "plain", "title-en": title}
        answer = organizer_client.post(path, data=form)
        assert answer.status_code == status
    assert 'value="Other"' in answer.text
    form = Page("<form" + answer.text.split("data-design", 1)[1]).fields
    assert form["version"] == "1"
    assert [row.title for row in rows(database)] == [{"en": "One"}]


@pytest.mark.parametrize(
    ("data", "alt", "said"),
    [
        (b"MZ\x90\x00 no picture", "A ministry", "file-error"),
        (b"", "A ministry", "file-error"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", "M", "file-error"),
        (png(), " ", "alt-error"),
    ],
)
def test_logos_that_are_refused(
    organizer_client: TestClient,
    database: Database,
    there: tuple[str, str, str],
    data: bytes,
    alt: str,
    said: str,
) -> None:
    answer = logo(organizer_client, there[0], data, alt)
    assert answer.status_code == 422
    assert f'id="logo-{said}"' in answer.text
    assert rows(database) == []


def test_no_more_than_have_room(
    organizer_client: TestClient, database: Database, there: tuple[str, str, str]
) -> None:
    for number in range(6):
        assert logo(organizer_client, there[0], png(size=(100 + number, 50))).status_code == 303
    assert logo(organizer_client, there[0], png("red")).status_code == 422
    assert len(rows(database)[-1].logos) == 6


def test_whose_signature(organizer_client: TestClient, there: tuple[str, str, str]) -> None:
    for place in ("0", "-1", "x", "٣"):
        files = {"file": ("s.png", png(), "image/png")}
        answer = organizer_client.post(
            f"{there[0]}/signature/upload", data={"place": place}, files=files
        )
        assert answer.status_code == 404


def test_a_picture_of_it(organizer_client: TestClient, there: tuple[str, str, str]) -> None:
    path = f"{there[0]}/preview.png"
    saved = organizer_client.get(path)
    assert (saved.status_code, saved.headers["content-type"]) == (200, "image/png")
    seen = {saved.content}
    for query in (
        "template=modern",
        "template=plain",
        "accent=%23aa0000",
        "language=pt",
        "language=es&title-es=Diploma",
        "language=en&statement-en=was+there",
    ):
        answer = organizer_client.get(f"{path}?{query}")
        assert answer.status_code == 200
        seen.add(answer.content)
    assert len(seen) == 7
    assert organizer_client.get(f"{path}?template=other").status_code == 422
    assert organizer_client.get(f"{path}?language=en&statement-en={{x}}").status_code == 422


def test_strangers(client: TestClient, there: tuple[str, str, str]) -> None:
    assert logo(client, there[0], png()).status_code in (303, 401)
    assert client.get(f"{there[0]}/preview.png").status_code in (303, 401)
