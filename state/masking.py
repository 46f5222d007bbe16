"""Hide credentials in references and log lines, and values whose names say that they are secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

HIDDEN = "***"  # as Airflow shows a secret
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


# what a name contains that Airflow 3.3.2 takes for a secret's
_SENSITIVE = (
    *("access_key", "access_token", "api_key", "apikey", "auth_header", "authorization", "bearer"),
    *("connection_string", "dsn", "keyfile_dict", "passphrase", "passwd", "password"),
    *("private_key", "proxies", "proxy", "secret", "service_account", "service_key", "token"),
    "webhook_url",
)


def is_sensitive(name: str, more: Iterable[str] = ()) -> bool:
    """Whether a name is one of a secret, by Airflow's rule.

    :param more: further words that such names contain (``[core] sensitive_var_conn_names``).
    """
    normalized = re.sub(r"\W+", "_", name.strip().lower())
    return any(word in normalized for word in (*_SENSITIVE, *more))


def masked_variable(key: str, value: str, more: Iterable[str] = ()) -> str:
    """The value of a variable without secrets, as Airflow shows it: all of it is hidden if the key
    is sensitive, else those members of a JSON value that have sensitive names.

    :param more: as for :func:`is_sensitive`.
    """
    if is_sensitive(key, more):
        return HIDDEN
    try:
        document = json.loads(value)
        hidden = _without_secrets(document, tuple(more))
    except ValueError:
        return value
    except RecursionError:  # too deep to be looked through
        return HIDDEN
    if json.dumps(hidden) == json.dumps(document):
        return value
    return json.dumps(hidden)


def _without_secrets(document: Any, more: tuple[str, ...]) -> Any:
    if isinstance(document, list):
        return [_without_secrets(item, more) for item in document]
    if not isinstance(document, dict):
        return document
    members = {}
    for name, item in document.items():
        members[name] = HIDDEN
        if not is_sensitive(name, more):
            members[name] = _without_secrets(item, more)
    return members
