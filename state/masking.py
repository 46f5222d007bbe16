"""Hide credentials in references and log lines."""

from __future__ import annotations

import re

_CREDENTIALS = re.compile(r"(?<=//)[^/?#\s:]*:[^/?#\s]*@")
_SIGNATURE = re.compile(
    r"(?i)(?<=[?&;#])((?:x-(?:amz|goog)-[\w-]+|sig|signature|auth|authorization|key-pair-id"
    r"|[\w-]*(?:token|key|keyid|key-id|secret|credentials?|password|passwd|pwd))=)[^&;#\s'\"]+"
)


def masked(text: str) -> str:
    """A reference, or a text with references in it, without credentials, for people and logs.

    ``user:pass@`` goes, and so do the secrets of signed URLs (S3, GCS, Azure, CloudFront) and
    connection strings.
    """
    return _SIGNATURE.sub(r"\1***", _CREDENTIALS.sub("***@", text))
