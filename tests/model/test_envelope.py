"""The envelope: exactly one member, in the library and in the schema."""

from __future__ import annotations

import pytest
from marshmallow import ValidationError

from schemas.envelope import Envelope
from state.model import envelope
from state.model.envelope import MARKER

VALUES = [1, None, "", [], {}, {"a": 1}, [{MARKER: "ref"}], {MARKER.upper(): "ref"}, MARKER]
MALFORMED = [
    ({MARKER: "ref", "other": 1}, "it has 1 more members"),
    ({MARKER: ""}, "its reference is empty"),
    ({MARKER: None}, "its reference is not a string"),
    ({MARKER: 1}, "its reference is not a string"),
    ({MARKER: ["ref"]}, "its reference is not a string"),
    ({MARKER: {MARKER: "ref"}}, "its reference is not a string"),
]


@pytest.mark.parametrize("ref", ["s3://bucket/key", " ", "{}", "é"])
def test_a_reference_comes_out_as_it_went_in(ref):
    assert envelope.unwrap(envelope.wrap(ref)) == ref
    assert Envelope().load(envelope.wrap(ref)) == {MARKER: ref}


@pytest.mark.parametrize("ref", ["", None, 1, b"ref"])
def test_only_a_non_empty_string_is_wrapped(ref):
    with pytest.raises(ValueError, match="non-empty string"):
        envelope.wrap(ref)


@pytest.mark.parametrize("ref", ['{"a": 1}', "[]", '"text"', '""', "true", "false"])
def test_a_reference_may_be_the_json_text_of_a_value(ref):
    assert envelope.is_text(ref)


@pytest.mark.parametrize(
    "ref", ["17", "-1.5", "null", "NaN", "{", '"', "s3://a", "/a", "[1", "trues"]
)
def test_a_reference_that_may_name_an_object_is_no_text(ref):
    assert not envelope.is_text(ref)


@pytest.mark.parametrize("stored", VALUES, ids=repr)
def test_a_value_is_not_an_envelope(stored):
    assert envelope.kind(stored) == "value"
    assert envelope.unwrap(stored) is None
    assert envelope.complaint(stored, resolvable=False) is None
    assert "not written through the backend" in envelope.complaint(stored, resolvable=True)


@pytest.mark.parametrize(("stored", "complaint"), MALFORMED)
def test_a_value_that_only_looks_like_an_envelope_is_malformed(stored, complaint):
    assert envelope.kind(stored) == "malformed"
    assert envelope.unwrap(stored) is None
    assert complaint in envelope.complaint(stored, resolvable=True)
    with pytest.raises(ValidationError):
        Envelope().load(stored)
