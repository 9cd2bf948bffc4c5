"""JSON: certificates of a cycle, issuing, revoking, superseding."""

from fastapi import APIRouter
from starlette.responses import Response

from app.db import DbSession
from app.models import IssueRun, now
from app.routers.api.present import page_of
from app.schemas.certificate import (
    CertificateOut,
    IssueIn,
    IssueRunOut,
    RevokeIn,
    SupersedeIn,
)
from app.schemas.page import Page
from app.services import (
    certificate_issuing,
    certificate_life,
    certificate_lists,
    certificate_runs,
)
from app.services.badges import Addresses
from app.services.certificate_drafts import frozen
from app.services.certificate_lists import Standing
from app.web.access.programs import MayEditCertificates, MayReadCertificates
from app.web.api import After, JsonRoute, Limit, OnceDep, answer, clash
from app.web.badges import AddressesDep
from app.web.dependencies import Db

router = APIRouter(route_class=JsonRoute, tags=["certificates"])


@router.get("/cycles/{cycle_id}/certificates", response_model=Page[CertificateOut])
def list_certificates(
    db: Db,
    actor: MayReadCertificates,
    at: AddressesDep,
    cycle_id: str,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """List a cycle's certificates, in the order of their issue.

    Those that were revoked or superseded stay in it.
    """
    rows, cursor = certificate_lists.certificates_after(db, actor, cycle_id, now(), after, limit)
    return answer(page_of(_outs(db, at, rows), cursor))


@router.post(
    "/cycles/{cycle_id}/certificates",
    response_model=CertificateOut,
    status_code=201,
    responses=clash("`not_eligible`, `unprintable`."),
)
def issue_certificate(
    db: Db,
    actor: MayEditCertificates,
    at: AddressesDep,
    once: OnceDep,
    cycle_id: str,
    command: IssueIn,
) -> Response:
    """Issue a certificate to one participant, with the mail.

    Who has a live one keeps it, and that is the answer. `unprintable`: no typeface on the server
    has the characters of the name, or of another text of the certificate.
    """

    def make() -> Response:
        row, _ = certificate_issuing.issue_to(db, actor, cycle_id, command, now())
        (found,) = _outs(db, at, [Standing(row)])
        return answer(found, status=201, location=f"/certificates/{row.code}")

    return once(make)


@router.post(
    "/cycles/{cycle_id}/certificates/runs",
    response_model=IssueRunOut,
    status_code=201,
    responses=clash("`not_eligible`, `nobody`."),
)
def issue_certificates(
    db: Db, actor: MayEditCertificates, once: OnceDep, cycle_id: str
) -> Response:
    """Begin to issue certificates to all who have completed a cycle.

    The worker does it; the answer's Location tells how far it has got. While one run is under way
    there is no other, and that one is the answer.
    """

    def make() -> Response:
        run = certificate_runs.begin(db, actor, cycle_id, now())
        return answer(_run(run), status=201, location=f"/certificate-runs/{run.id}")

    return once(make)


@router.get("/certificate-runs/{run_id}", response_model=IssueRunOut)
def get_certificate_run(db: Db, actor: MayReadCertificates, run_id: str) -> Response:
    """Tell how far issuing to everybody has got."""
    return answer(_run(certificate_runs.get_run(db, actor, run_id)))


@router.get("/certificates/{code}", response_model=CertificateOut)
def get_certificate(db: Db, actor: MayReadCertificates, at: AddressesDep, code: str) -> Response:
    """Get a certificate by its code."""
    (found,) = _outs(db, at, [certificate_lists.standing_of(db, actor, code, now())])
    return answer(found)


@router.post(
    "/certificates/{code}/revoke",
    response_model=CertificateOut,
    responses=clash("`superseded`."),
)
def revoke_certificate(
    db: Db,
    actor: MayEditCertificates,
    at: AddressesDep,
    once: OnceDep,
    code: str,
    command: RevokeIn,
) -> Response:
    """Revoke a certificate, with the reason.

    Its page stays up and says so; its badge does not hold any more. Twice is once.
    """

    def make() -> Response:
        row = certificate_life.revoke(db, actor, code, command, now())
        (found,) = _outs(db, at, [Standing(row)])
        return answer(found)

    return once(make)


@router.post(
    "/certificates/{code}/supersede",
    response_model=CertificateOut,
    status_code=201,
    responses=clash("`revoked`, `superseded`, `not_eligible`, `unprintable`."),
)
def supersede_certificate(
    db: Db,
    actor: MayEditCertificates,
    at: AddressesDep,
    once: OnceDep,
    code: str,
    command: SupersedeIn,
) -> Response:
    """Issue another certificate in place of one, by the records of today.

    The rule is the one that the first was given under. The answer is the new one.
    """

    def make() -> Response:
        row = certificate_life.supersede(db, actor, code, command, now())
        (found,) = _outs(db, at, [Standing(row)])
        return answer(found, status=201, location=f"/certificates/{row.code}")

    return once(make)


def _run(run: IssueRun) -> IssueRunOut:
    return IssueRunOut.model_validate(run)


def _outs(db: DbSession, at: Addresses, rows: list[Standing]) -> list[CertificateOut]:
    codes = certificate_lists.codes_of(db, [each.row for each in rows])
    return [_out(each, at, codes.get(each.row.superseded_by_id or "")) for each in rows]


def _out(standing: Standing, at: Addresses, superseded_by: str | None) -> CertificateOut:
    row, said = standing.row, frozen(standing.row)
    return CertificateOut(
        code=row.code,
        state=standing.state,
        changed=list(standing.changed),
        cycle_id=row.cycle_id,
        enrolment_id=row.enrolment_id,
        holder=said.holder,
        language=said.language,
        cycle=said.cycle,
        organizers=list(said.organizers),
        first_day=said.first_day,
        last_day=said.last_day,
        minutes=said.minutes,
        sessions=said.sessions,
        of=said.of,
        rule=said.rule,
        rule_version=row.rule_version,
        evidence_digest=said.evidence,
        issued_at=row.issued_at,
        issued_by=row.issued_by,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
        reason=row.reason,
        superseded_by=superseded_by,
        verify_url=at.verify(row.code),
        badge_url=at.badge(row.code),
    )
