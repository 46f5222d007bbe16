"""Fixture documents as text, as files and as tables."""

import json
import os
from pathlib import Path

import pytest

from state.cli.shared.keys_table import table
from state.errors import BadDocument
from state.model import fixture_files
from state.terminal import width

ENTRY = {"asset": "orders", "key": "k", "value": 1, "updated_at": "2026-01-01T00:00:00Z"}


def lines_of(**entry):
    return table([{**ENTRY, **entry}]).splitlines()


def test_a_written_document_can_be_read_again(tmp_path):
    document = {"task_state_store": [{"value": ["é", "注文", "\ud800", "\x00", "\u2028"]}]}
    fixture_files.write(tmp_path / "f.json", fixture_files.canonical(document))
    assert fixture_files.read(tmp_path / "f.json") == document


@pytest.mark.parametrize("content", [b"\xff", b"{", b"[]", b"[" * 100_000])
def test_an_invalid_document_is_reported_with_its_file(tmp_path, content):
    path = tmp_path / "f.json"
    path.write_bytes(content)
    with pytest.raises(BadDocument, match="f.json is not"):
        fixture_files.read(path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "f.json"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", lambda *_: os.stat(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError):
        fixture_files.write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_keeps_a_link_and_the_mode(tmp_path):
    path = tmp_path / "f.json"
    link = tmp_path / "link.json"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    fixture_files.write(link, "new")
    assert path.read_text() == "new"
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_pipe_can_be_written_to(tmp_path):
    reader, writer = os.pipe()
    fixture_files.write(Path(f"/dev/fd/{writer}"), "new")
    os.close(writer)
    assert os.read(reader, 10) == b"new"
    os.close(reader)


def test_columns_are_aligned_for_wide_letters_too():
    head, *lines = table([{**ENTRY, "key": key} for key in ("k", "注文", "e\u0301")]).splitlines()
    at = [width(line[: line.index("1  ")]) for line in lines]
    assert at == [head.index("VALUE")] * 3


@pytest.mark.parametrize("letter", ["\n", "\x1b", "\u202e", "\x9b"])
def test_control_characters_are_escaped(letter):
    assert letter not in "".join(lines_of(key=f"k{letter}", value=f"v{letter}", asset=f"a{letter}"))


def test_wide_cells_are_cut(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    line = lines_of(key="k" * 500, value="v" * 500)[1]
    assert "kkkk…" in line
    assert len(line) <= 120


def test_credentials_in_a_reference_are_masked():
    value = {"__airflow_state_ref__": "s3://key:secret@bucket/x"}
    assert "secret" not in json.dumps(lines_of(value=value))
