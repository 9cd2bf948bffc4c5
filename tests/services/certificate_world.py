"""A cycle that is over, with those who have completed it and one who has not."""

from app.db import DbSession
from app.models import Certificate, Enrolment
from app.schemas.certificate import IssueIn
from app.schemas.completion import CompletionRule
from app.services import certificate_issuing as issuing
from app.services.actor import AccountStanding, Actor
from app.services.completion_rules import set_rule
from tests.services.attendance_world import OVER, RULE, Attended

OLGA = Actor(id="o", name="Olga", standing=AccountStanding.ADMINISTRATOR)


class Certified(Attended):
    """Ana was at all four sessions and Eva at three of them for long enough, Leo at one. The rule
    is in its first version, as it is where it was saved on its page."""

    def __init__(self, db: DbSession) -> None:
        super().__init__(db, rule={})
        set_rule(db, OLGA, self.cycle.id, CompletionRule(**RULE), OVER)
        self.ana, self.eva, self.leo = (self.participant(name) for name in ("Ana", "Eva", "Leo"))
        for who, numbers in ((self.ana, (1, 2, 3, 4)), (self.eva, (1, 2, 3)), (self.leo, (1,))):
            for number in numbers:
                self.there(who, number)

    def issue(self, who: Enrolment) -> Certificate:
        command = IssueIn(enrolment_id=who.id)
        return issuing.issue_to(self.db, OLGA, self.cycle.id, command, OVER)[0]
