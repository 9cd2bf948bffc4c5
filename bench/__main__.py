"""``python -m bench``: how fast what people ask for most is, relative to the smallest endpoint;
the same of check-ins that come all at once;
how fast ten thousand invitations go, relative to a loop that sends mails that are there already;
what it costs to show whom a release concerns, relative to reading their rows.
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench import check_in, invitations, preview
from bench.application import prepare
from bench.servers import need_wrk, rate, serving
from tests.databases import postgres_database, postgres_server


@dataclass(frozen=True)
class Case:
    """One figure: what is asked for, and the ratio that it should reach."""

    name: str
    path: str
    headers: dict[str, str]
    goal: float
    expect: int = 200


def main() -> None:
    """Measures each case between two runs of the reference and prints the ratios."""
    options = argparse.ArgumentParser(prog="bench", description=__doc__)
    options.add_argument("--rounds", type=int, default=5, help="rounds of each (default 5)")
    options.add_argument("--seconds", type=int, default=3, help="seconds of each run (default 3)")
    options.add_argument(
        "--only", choices=["pages", "check-in", "invitations", "preview"], help="one of them"
    )
    options.add_argument(
        "--postgres",
        action="store_true",
        help="on a PostgreSQL that is started for it (default: SQLite, or CONVOCA_DATABASE_URL)",
    )
    chosen = options.parse_args()
    with _postgres() if chosen.postgres else contextlib.nullcontext():
        _measure_all(chosen)


def _measure_all(chosen: argparse.Namespace) -> None:
    if chosen.only in (None, "pages"):
        _pages(chosen.rounds, chosen.seconds)
    if chosen.only in (None, "check-in"):
        check_in.measure(chosen.rounds, chosen.seconds)
    if chosen.only in (None, "invitations"):
        invitations.measure()
    if chosen.only in (None, "preview"):
        preview.measure()


@contextlib.contextmanager
def _postgres() -> Iterator[None]:
    """One that waits for the disk, as it comes."""
    with postgres_server(durable=True) as server, postgres_database(server) as url:
        os.environ["CONVOCA_DATABASE_URL"] = url
        yield


def _pages(rounds: int, seconds: int) -> None:
    need_wrk()
    with tempfile.TemporaryDirectory(prefix="convoca-bench-") as folder:
        env = prepare(Path(folder))
        found = json.loads(env.pop("BENCH"))
        with (
            serving("bench.reference:app") as reference,
            serving("bench.application:make", env) as convoca,
        ):
            cases = _cases(convoca, found)
            print(
                f"Python {platform.python_version()}, {os.cpu_count()} cores; 32 connections, "
                f"{rounds} rounds of {seconds} s; median (lowest to highest)"
            )
            for case in cases:
                _measure(case, reference, convoca, rounds, seconds)


def _cases(convoca: str, found: dict[str, str]) -> list[Case]:
    etag = httpx.get(convoca + found["feed"], timeout=10).headers["etag"]
    bearer = {"Authorization": f"Bearer {found['token']}"}
    return [
        Case("session .ics, warm", found["ics"], {}, 0.7),
        Case("feed, unchanged (304)", found["feed"], {"If-None-Match": etag}, 0.7, 304),
        Case("session JSON", found["session"], bearer, 0.5),
        Case("public session page", found["page"], {}, 0.5),
    ]


def _measure(case: Case, reference: str, convoca: str, rounds: int, seconds: int) -> None:
    ratios, rates = [], []
    for _ in range(rounds):
        before = rate(reference + "/", {}, seconds=seconds, expect=200)
        ours = rate(convoca + case.path, case.headers, seconds=seconds, expect=case.expect)
        after = rate(reference + "/", {}, seconds=seconds, expect=200)
        ratios.append(ours / ((before + after) / 2))
        rates.append(ours)
    middle = statistics.median(ratios)
    verdict = "reached" if middle >= case.goal else "MISSED"
    print(
        f"{case.name:24} {middle:5.2f} ({min(ratios):.2f} to {max(ratios):.2f})  "
        f"goal {case.goal:.2f} {verdict};  {statistics.median(rates):6.0f} requests/s"
    )


if __name__ == "__main__":
    main()
