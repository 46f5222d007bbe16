"""What CONTRIBUTING says about style, where no linter checks it."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
MOST_LETTERS = 60


def named_tests(path):
    for node in ast.walk(ast.parse(path.read_text())):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and node.name.startswith("test_"):
            yield node


@pytest.mark.parametrize("path", sorted(TESTS.rglob("test_*.py")), ids=lambda path: path.stem)
def test_the_name_of_a_test_is_short(path):
    long = [
        f"line {test.lineno}: {test.name}"
        for test in named_tests(path)
        if len(test.name) > MOST_LETTERS
    ]
    assert not long, f"{path.name}: name the behaviour in at most {MOST_LETTERS} letters: {long}"
