"""JSON: what was answered after a session."""

from fastapi import APIRouter
from starlette.responses import Response

from app.domain.feedback import Question, QuestionKind
from app.models import now
from app.schemas.feedback import CountOut, FeedbackOut, QuestionOut, WordsOut
from app.services import feedback_results
from app.services.feedback_results import Answered, Results
from app.web.access.programs import MayReadReport
from app.web.api import JsonRoute, answer
from app.web.dependencies import Db

router = APIRouter(route_class=JsonRoute, tags=["feedback"])


@router.get("/sessions/{session_id}/feedback", response_model=FeedbackOut)
def get_feedback(db: Db, actor: MayReadReport, session_id: str) -> Response:
    """Read what was answered after a session, question by question.

    404 also where nothing is asked. Of an anonymous form nobody is named, and while fewer than
    three have answered it is `withheld`: the questions have no answers then.
    """
    return answer(_out(feedback_results.results(db, actor, session_id)))


def _out(found: Results) -> FeedbackOut:
    return FeedbackOut(
        session_id=found.session.row.id,
        anonymous=found.form.anonymous,
        opens_at=found.opens,
        closes_at=found.closes,
        state=found.state(now()).value,
        could=found.could,
        answered=found.answered,
        withheld=found.withheld,
        questions=[_question(each) for each in found.questions],
    )


def _question(each: Answered) -> QuestionOut:
    question, summary = each.question, each.summary
    return QuestionOut(
        id=question.id,
        kind=question.kind,
        text=dict(question.text),
        required=question.required,
        retired=question.retired,
        reworded_after=each.reworded_after,
        answered=summary.answered,
        mean=summary.mean,
        counts=[
            CountOut(value=value, text=_words(question, value), count=times)
            for value, times in summary.counts
        ],
        texts=[
            WordsOut(text=one.text, name=one.name, enrolment_id=one.enrolment_id)
            for one in each.texts
        ],
    )


def _words(question: Question, value: str) -> dict[str, str]:
    if question.kind is QuestionKind.RATING:
        return dict({"1": question.low, "5": question.high}.get(value, {}))
    return next(dict(o.text) for o in question.options if o.id == value)
