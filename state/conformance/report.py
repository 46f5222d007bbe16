"""The results of checks as text, as JSON and as JUnit XML."""

from __future__ import annotations

import json
import textwrap
from xml.etree import ElementTree

from .runner import Result
from .versions import DEFAULT, VERSIONS, Version

_MARKS = {"passed": "ok", "failed": "FAIL", "not applicable": "n/a"}
_WIDTH = 100


def text(name: str, results: list[Result], version: Version = VERSIONS[DEFAULT]) -> str:
    """A table with a line per check, and details below each failed one.

    :param version: the version of Airflow by which it was judged.
    """
    widest = max(len(result.check.name) for result in results)
    lines = [f"{name}, for {version}: {summary(results)}", ""]
    for result in results:
        line = f"  {_MARKS[result.outcome]:<5} {result.check.name:<{widest}}"
        if result.outcome == "not applicable":
            line += f"  {result.detail}"
        lines.append(line.rstrip())
        if result.outcome == "failed":
            lines += _explained(result)
    return "\n".join(lines)


def _explained(result: Result) -> list[str]:
    parts = (("trap", result.check.trap), ("seen", result.detail), ("do", result.check.advice))
    return [
        line
        for label, words in parts
        for line in textwrap.wrap(
            f"{label + ':':<6}{words}", _WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 14
        )
    ]


def summary(results: list[Result]) -> str:
    """The number of checks of each outcome."""
    counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in _MARKS}
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)


def as_json(name: str, results: list[Result], version: Version = VERSIONS[DEFAULT]) -> str:
    """The results as JSON."""
    rows = [
        {
            "check": result.check.name,
            "outcome": result.outcome,
            "detail": result.detail,
            "trap": result.check.trap,
            "advice": result.check.advice,
            "seconds": round(result.seconds, 3),
        }
        for result in results
    ]
    return json.dumps({"backend": name, "airflow": version.name, "checks": rows}, indent=1)


def junit(name: str, results: list[Result], version: Version = VERSIONS[DEFAULT]) -> str:
    """The results as JUnit XML, with a test case per check; the property ``airflow`` is the
    version.
    """
    suite = ElementTree.Element(
        "testsuite",
        name=name,
        tests=str(len(results)),
        failures=str(sum(result.outcome == "failed" for result in results)),
        skipped=str(sum(result.outcome == "not applicable" for result in results)),
        time=f"{sum(result.seconds for result in results):.3f}",
    )
    properties = ElementTree.SubElement(suite, "properties")
    ElementTree.SubElement(properties, "property", name="airflow", value=version.name)
    for result in results:
        case = ElementTree.SubElement(
            suite, "testcase", classname=name, name=result.check.name, time=f"{result.seconds:.3f}"
        )
        if result.outcome == "failed":
            failure = ElementTree.SubElement(case, "failure", message=_xml(result.check.trap))
            failure.text = _xml(f"{result.detail}\n{result.check.advice}")
        elif result.outcome == "not applicable":
            ElementTree.SubElement(case, "skipped", message=_xml(result.detail))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, "unicode", xml_declaration=True)


def _xml(words: str) -> str:
    """A text with its control characters escaped, which XML does not allow."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1]
        for letter in words
    )
