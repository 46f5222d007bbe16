"""What CONTRIBUTING says about style, where no linter checks it."""

import ast
from pathlib import Path

from tests.support.each import in_each

TESTS = Path(__file__).parent.parent
MOST_LETTERS = 60
of_each_file = in_each(sorted(TESTS.rglob("test_*.py")))


def states_several_facts(node):
    """Return whether an assert says that three things are equal, which are two facts."""
    if not isinstance(node, ast.Assert) or not isinstance(node.test, ast.Compare):
        return False
    operators = node.test.ops
    return len(operators) > 1 and any(isinstance(op, ast.Eq | ast.NotEq) for op in operators)


def named_tests(path):
    for node in ast.walk(ast.parse(path.read_text())):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and node.name.startswith("test_"):
            yield node


@of_each_file
def test_the_name_of_a_test_is_short(path):
    long = [
        f"line {test.lineno}: {test.name}"
        for test in named_tests(path)
        if len(test.name) > MOST_LETTERS
    ]
    assert not long, f"{path.name}: name the behaviour in at most {MOST_LETTERS} letters: {long}"


@of_each_file
def test_an_assert_states_one_fact(path):
    nodes = ast.walk(ast.parse(path.read_text()))
    lines = [node.lineno for node in nodes if states_several_facts(node)]
    assert not lines, f"{path.name}, lines {lines}: an assert for each fact"
