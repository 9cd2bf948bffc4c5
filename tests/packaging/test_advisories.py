"""What a report about known holes amounts to, and what happens where there is none."""

import subprocess
from typing import Any

import pytest

from tests.checks import advisories
from tests.checks.advisories import Verdict, audit, judge, main

CLEAN = {"name": "alembic", "version": "1.20.1", "vulns": []}
SKIPPED = {"name": "anyio", "skip_reason": "not found"}
HOLE = {"id": "PYSEC-1", "fix_versions": ["2.1", "3.0"], "aliases": ["CVE-2026-1"]}
HOLED = {"name": "jinja2", "version": "2.0", "vulns": [HOLE]}


def report(*dependencies: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": list(dependencies), "fixes": []}


def test_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judge(report(CLEAN, CLEAN)) == Verdict((), 0, 2)
    assert judge(report(CLEAN, SKIPPED)) == Verdict((), 1, 2, "not found")
    line = "jinja2 2.0: PYSEC-1, mended in 2.1, 3.0"
    assert judge(report(CLEAN, HOLED)) == Verdict((line,), 0, 2)
    monkeypatch.setitem(advisories.IGNORED, "CVE-2026-1", "we call nothing of it")
    assert judge(report(HOLED)) == Verdict((), 0, 1)


def answering(monkeypatch: pytest.MonkeyPatch, verdict: Verdict) -> None:
    monkeypatch.setattr(advisories, "audit", lambda: verdict)


def test_a_hole_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, Verdict(("x 1: PYSEC-1",), 1, 2, "why"))
    with pytest.raises(SystemExit, match="x 1: PYSEC-1"):
        main()


def test_that_nobody_answers_is_loud_and_fails_only_where_they_must(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch, Verdict((), 2, 2, "not found"))
    monkeypatch.delenv("CONVOCA_ADVISORIES_MUST_ANSWER", raising=False)
    main()
    assert capsys.readouterr().err == "NOT AUDITED: 2 of 2 locked libraries (not found)\n"
    monkeypatch.setenv("CONVOCA_ADVISORIES_MUST_ANSWER", "1")
    with pytest.raises(SystemExit):
        main()


@pytest.mark.parametrize(
    ("out", "err", "why"),
    [
        ("", "a\nConnectionError: away", "ConnectionError: away"),
        ("{}", "", "it said nothing"),
    ],
)
def test_no_report(monkeypatch: pytest.MonkeyPatch, out: str, err: str, why: str) -> None:
    done = subprocess.CompletedProcess([], 1, out, err)
    monkeypatch.setattr("tests.checks.advisories.subprocess.run", lambda *_, **__: done)
    assert audit() == Verdict((), 1, 1, why)


def test_no_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("x", 1)

    monkeypatch.setattr("tests.checks.advisories.subprocess.run", late)
    assert audit() == Verdict((), 1, 1, "no answer within 180 seconds")
