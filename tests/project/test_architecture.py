"""The architecture document and its picture match the code."""

import re
import runpy

import pytest

from .test_layers import ROOT

DOCUMENT = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PATHS = sorted(set(re.findall(r"`((?:web|state|schemas)/[\w/]+\.(?:py|html))`", DOCUMENT)))


def test_the_picture_is_drawn_from_the_imports():
    draw = runpy.run_path(str(ROOT / "docs" / "draw_architecture.py"))["draw"]
    picture = (ROOT / "docs" / "architecture.svg").read_text("utf-8")
    assert picture == draw(), "run: python docs/draw_architecture.py"


@pytest.mark.parametrize("path", PATHS)
def test_a_file_that_the_document_names_is_there(path):
    assert (ROOT / path).is_file()
