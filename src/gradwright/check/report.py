"""What a check found: findings with their evidence, in the order in which the questions were asked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gradwright.frozen import frozen

HELD, WRONG, NOTE = "held", "wrong", "note"
_SIGNS = {HELD: "✓", WRONG: "✗", NOTE: "·"}


@frozen
class Finding:
    """One answer.

    Attributes:
        question: what was asked, such as `backward of X`.
        verdict: `held`, `wrong`, or `note` for what is worth knowing and makes nothing wrong.
        words: the answer in one or two sentences.
        evidence: the numbers that it rests on.
        labels: the kinds of defect that it names.
        right_formula: the formula as it should be, in matrix notation.
        written_formula: the formula that the code computes, where it is known.
        code: the user's own computation, with the wrong part between « and ».
    """

    question: str
    verdict: str
    words: str
    evidence: str = ""
    labels: tuple[str, ...] = ()
    right_formula: str = ""
    written_formula: str = ""
    code: str = ""

    def __str__(self) -> str:
        named = f" [{', '.join(self.labels)}]" if self.labels else ""
        lines = [f"{_SIGNS[self.verdict]} {self.question}: {self.words}{named}"]
        lines += [f"    right:    {self.right_formula}"] if self.right_formula else []
        lines += [f"    written:  {self.written_formula}"] if self.written_formula else []
        lines += [f"    code:     {self.code}"] if self.code else []
        lines += [f"    evidence: {self.evidence}"] if self.evidence else []
        return "\n".join(lines)


@frozen
class Report:
    """The answers of a check.

    Attributes:
        subject: what was checked, in words.
        findings: the answers, in the order in which the questions were asked.
    """

    subject: str
    findings: tuple[Finding, ...] = ()

    @property
    def right(self) -> bool:
        """Whether everything that was tried held."""
        return not any(finding.verdict == WRONG for finding in self.findings)

    @property
    def labels(self) -> set[str]:
        """The kinds of defect found; empty when there are none."""
        return {label for finding in self.findings for label in finding.labels}

    def __str__(self) -> str:
        verdict = "right" if self.right else "WRONG"
        return "\n".join([f"{self.subject}: {verdict}", *map(str, self.findings)])

    def to_json(self) -> str:
        """The report as JSON."""
        content: dict[str, Any] = {
            "subject": self.subject,
            "right": self.right,
            "labels": sorted(self.labels),
            "findings": [_record(finding) for finding in self.findings],
        }
        return json.dumps(content, indent=2, ensure_ascii=False)


def _record(finding: Finding) -> dict[str, Any]:
    return {
        "question": finding.question,
        "verdict": finding.verdict,
        "words": finding.words,
        "evidence": finding.evidence,
        "labels": list(finding.labels),
        "right_formula": finding.right_formula,
        "written_formula": finding.written_formula,
        "code": finding.code,
    }


def held(question: str, words: str, evidence: str = "", **more: Any) -> Finding:
    """An answer that is as it should be."""
    return Finding(question, HELD, words, evidence, **more)


def wrong(question: str, words: str, evidence: str = "", **more: Any) -> Finding:
    """An answer that is not as it should be."""
    return Finding(question, WRONG, words, evidence, **more)


def note(question: str, words: str, evidence: str = "", **more: Any) -> Finding:
    """Something worth knowing, which makes nothing wrong."""
    return Finding(question, NOTE, words, evidence, **more)


def worst(findings: Iterable[Finding]) -> bool:
    """Whether any finding is a wrong one."""
    return any(finding.verdict == WRONG for finding in findings)


def first_line(error: Exception) -> str:
    """The first line of an error's message, shortened."""
    text = next(iter(str(error).strip().splitlines()), "") or "no message"
    return text if len(text) <= 200 else text[:197] + "…"
