"""Hide credentials in references and log lines."""

from __future__ import annotations

import re

_CREDENTIALS = re.compile(r"(?<=//)[^/?#\s:]*:[^/?#\s]*@")
_LONGEST = 64 * 1024  # characters
_SIGNATURE = re.compile(
    r"(?i)(?<=[?&;#])((?:x-(?:amz|goog)-[\w-]+|sig|signature|auth|authorization|key-pair-id"
    r"|[\w-]*(?:token|key|keyid|key-id|secret|credentials?|password|passwd|pwd))=)[^&;#\s'\"]+"
)


def masked(text: str) -> str:
    """A reference, or a string with references in it, without credentials, for people and logs.

    ``user:pass@`` goes, and so do the secrets of signed URLs (S3, GCS, Azure, CloudFront) and
    connection strings. A longer text than any reference is cut: searching it would hold the
    interpreter's lock for seconds.
    """
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}… (cut: {len(text)} characters)"
    return _SIGNATURE.sub(r"\1***", _CREDENTIALS.sub("***@", text))
