"""What goes wrong, as RFC 9457 has it."""

from pydantic import Field

from app.schemas.types import Out


class FieldProblem(Out):
    """One field that was not right."""

    field: str = Field(description="The way to it, such as `title.es` or `segments.2.minutes`.")
    code: str = Field(description="Stable; for programs.")
    message: str = Field(description="For people, in the language of Accept-Language.")


class Problem(Out):
    """RFC 9457 problem details. `code` is stable, the sentences are for people."""

    type: str = Field(examples=["urn:convoca:problem:not_found"])
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None = Field(
        default=None, description="To be quoted, where something went wrong on our side."
    )
    errors: list[FieldProblem] | None = Field(
        default=None, description="Each field that was not right, with status 422."
    )
