"""The paths of the built-in backends' objects.

An object is at ``<base>/<database id>/<namespace>/<scope>/<key>/<sha256>-<nonce>``; the random part
makes it the object of one write. Objects that earlier versions wrote have no random part.
A scope is ``tasks/<dag>/<run>/<task>/<map index>`` or ``assets/<name>``. Each part is one
:func:`segment`, so that any text is a safe name: two texts never share one, also where a file
system folds capitals or Unicode forms together.
"""

from __future__ import annotations

import hashlib
import re
import secrets

from ..errors import BadBackend
from ..model.scopes import StoreScope, TaskScope

# characters of a name; S3 allows 1024 for a whole path, file systems 255 for one name
_LONGEST = 100
_READABLE = 40  # characters that are kept of a string that is not a safe name
_PLAIN = rf"[a-z0-9_-](?:[a-z0-9_.-]{{0,{_LONGEST - 2}}}[a-z0-9_-])?"
_NAME = rf"(?:{_PLAIN}|[a-z0-9_-]{{0,{_READABLE}}}~[0-9a-f]{{32}})"
_IS_PLAIN = re.compile(_PLAIN, re.ASCII)
_UNSAFE = re.compile(r"[^a-z0-9_-]", re.ASCII)
_SCOPES = rf"(?:tasks(?:/{_NAME}){{4}}|assets(?:-by-uri|-by-id)?/{_NAME})"
_FILE = r"(?P<sha256>[0-9a-f]{64})(?:-[0-9a-f]{16})?(?:\.(?P<codec>[a-z0-9]+))?"
_OBJECT = rf"(?:{_NAME}/){{2}}{_SCOPES}/{_NAME}/{_FILE}"
_IS_OBJECT = re.compile(_OBJECT, re.ASCII)
_IS_UNFINISHED = re.compile(rf"(?:{_NAME}/){{2}}{_FILE}~[0-9a-f]{{16}}", re.ASCII)
_IS_CLAIM = re.compile(rf"{_NAME}/~owner/claim(?:\.(?P<codec>[a-z0-9]+))?", re.ASCII)
_WITH_BASE = re.compile(rf"(?P<base>.*?)/{_OBJECT}", re.ASCII | re.DOTALL)


def segment(text: str) -> str:
    """A text as one part of a path: unchanged if it is safe, else a readable part and a digest."""
    if _IS_PLAIN.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{_UNSAFE.sub('_', text.lower())[:_READABLE]}~{digest}"


def realm(text: str) -> str:
    """The path of ``<database id>/<namespace>``.

    :raises BadBackend: if one of the two parts is missing.
    """
    database, slash, namespace = text.partition("/")
    if not slash:
        raise BadBackend(f"a realm is <database id>/<namespace>, got {text!r}")
    return f"{segment(database)}/{segment(namespace)}"


def scope_path(scope: StoreScope, all_map_indices: bool = False) -> str:
    """The path of a scope's folder below the realm.

    :param all_map_indices: the folder of the task at any map index.
    """
    if isinstance(scope, TaskScope):
        parts = [scope.dag_id, scope.run_id, scope.task_id]
        if not all_map_indices:
            parts.append(str(scope.map_index))
        return "/".join(["tasks", *(segment(part) for part in parts)])
    if scope.name is not None:
        return f"assets/{segment(scope.name)}"
    if scope.uri is not None:
        return f"assets-by-uri/{segment(scope.uri)}"
    return f"assets-by-id/{scope.asset_id}"


def key_path(scope: StoreScope, key: str) -> str:
    """The path of a key's folder below the realm."""
    return f"{scope_path(scope)}/{segment(key)}"


def object_path(scope: StoreScope, key: str, sha256: str) -> str:
    """A new path for an object below the realm, another one each time.

    A path by the value alone would be shared by two writes of it, and a delete that saw the first
    one's row would remove the object of the second.
    """
    return f"{key_path(scope, key)}/{sha256}-{secrets.token_hex(8)}"


def folders_of(path: str) -> list[str]:
    """The folders above a path, nearest first, without the realm's own, which is never removed."""
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(len(parts) - 1, 2, -1)]


def parse(path: str) -> re.Match[str] | None:
    """Match an object's path below the base (groups ``sha256`` and ``codec``), else None."""
    return _IS_OBJECT.fullmatch(path)


def unfinished(path: str) -> str:
    """A new temporary path for an object.

    It lies directly in the realm's folder, where no delete of a key or a scope removes it.
    """
    parts = path.split("/")
    return f"{parts[0]}/{parts[1]}/{parts[-1]}~{secrets.token_hex(8)}"


def claim_path(realm: str, suffix: str = "") -> str:
    """The path of the object that says who uses the part of the base of a realm's database id.

    No namespace has this folder's name.
    """
    return f"{realm.partition('/')[0]}/~owner/claim{suffix}"


def is_claim(path: str) -> bool:
    """Whether a path below the base is that of such an object."""
    return _IS_CLAIM.fullmatch(path) is not None


def codec_of_claim(path: str) -> str | None:
    """The codec of such an object."""
    match = _IS_CLAIM.fullmatch(path)
    return match["codec"] if match else None


def is_unfinished(path: str) -> bool:
    """Whether a path below the base is that of an unfinished object, left by a killed writer."""
    return _IS_UNFINISHED.fullmatch(path) is not None


def is_unfinished_ref(ref: str) -> bool:
    """Whether a reference, of whatever base, is that of an unfinished object."""
    return is_unfinished("/".join(ref.split("/")[-3:]))


def base_of(ref: str) -> str | None:
    """The base of a reference that a built-in backend wrote; None if it does not look like one."""
    match = _WITH_BASE.fullmatch(ref)
    return match["base"] if match else None
