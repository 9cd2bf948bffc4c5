"""Requests without end that schemathesis makes up from the OpenAPI document: none may be answered
with 500 or more.

    python -m tests.api.many_requests 50000
    python -m tests.api.many_requests 50000 postgresql

Half of what it makes up is allowed by the document, half is not; ids are of rows that are there.
Each operation has an installation of its own in each round, and no limit holds anybody up. It
prints how many requests there were and how they were answered, and shows each that failed; a third
argument is where the rounds begin, so that another run asks other things.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any
from unittest import SkipTest

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from app.db import Database, make_engine
from app.schema_version import upgrade
from tests.api.test_schemathesis import on_stage, schema, with_real_ids
from tests.clock import set_clock
from tests.databases import (
    fresh_postgres,
    fresh_sqlite,
    postgres_database,
    postgres_server,
    sqlite_template,
)

EXAMPLES = 25
"""Of each operation in each round, allowed and not allowed each."""
_PLAN = settings(
    max_examples=EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)


class _Answers:
    """What came back. `failed` tells of requests that should be looked at."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.failed = 0

    @property
    def requests(self) -> int:
        return self.statuses.total()

    def note(self, case: "Case[Any]", status: int, said: str) -> None:
        self.statuses[status] += 1
        if self.requests % 1_000 == 0:
            print(f"{self.requests} requests: {dict(sorted(self.statuses.items()))}", flush=True)
        if status >= 500:
            self.failed += 1
            print(f"{status} {case.method} {case.formatted_path} {case.query!r} {case.headers!r}")
            print(f"    {case.body!r:.2000}\n    {said:.500}", flush=True)


@contextmanager
def _databases(name: str, folder: Path) -> Iterator[Callable[[], AbstractContextManager[Database]]]:
    """Where fresh ones come from."""
    if name == "sqlite":
        template = sqlite_template(folder)
        yield lambda: fresh_sqlite(template)
        return
    with postgres_server() as server, postgres_database(server) as url, ExitStack() as kept:
        engine = make_engine(url)
        upgrade(engine)
        engine.dispose()
        yield lambda: fresh_postgres(server, url, kept)


def _ask(
    operation: Any,
    mode: GenerationMode,
    number: int,
    ids: dict[str, str],
    secret: str,
    answers: _Answers,
) -> None:
    """Some requests of an operation; of those that are not allowed every other round is to rows
    that are there."""

    @seed(number)
    @_PLAN
    @given(case=operation.as_strategy(mode))
    def one(case: "Case[Any]") -> None:
        if mode.is_positive or number % 2:
            case.path_parameters = with_real_ids(case.path_parameters, ids)
        if mode.is_positive:
            case.body = with_real_ids(case.body, ids)
            case.headers.pop("Idempotency-Key", None)  # made-up keys come twice
        case.headers["Authorization"] = f"Bearer {secret}"  # made-up ones get no further
        response = case.call()
        answers.note(case, response.status_code, response.text)

    # Of an operation without parameters nothing can be wrong.
    with suppress(Unsatisfiable, SkipTest):
        one()


def main(most: int, name: str, first: int) -> None:
    """Asks until `most` have been asked; exits with 1 where one failed."""
    set_clock()
    answers = _Answers()
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    with (
        suppress(KeyboardInterrupt),  # what was asked until then is told all the same
        tempfile.TemporaryDirectory(prefix="convoca-requests-") as folder,
        _databases(name, Path(folder)) as fresh,
    ):
        for number in count(first):
            for operation in operations:
                if answers.requests >= most:
                    break
                with fresh() as database, on_stage(database, Path(folder)) as (ids, secret):
                    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                        _ask(operation, mode, number, vars(ids), secret, answers)
            if answers.requests >= most:
                break
    for status, times in sorted(answers.statuses.items()):
        print(f"{status}: {times}")
    print(f"{answers.requests} requests on {name}, {answers.failed} of them answered with 5xx")
    sys.exit(bool(answers.failed))


if __name__ == "__main__":
    asked = sys.argv[1:] + ["50000", "sqlite", "1"][len(sys.argv) - 1 :]
    main(int(asked[0]), asked[1], int(asked[2]))
