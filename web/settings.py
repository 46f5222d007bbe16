"""Every setting is a row: its name, environment variable, default, parser and help.

The command line's options and help, the environment and a test of the docs are made from the rows.
Library code takes arguments; it never reads a setting itself.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from state import jwt_secret
from state.errors import SettingError
from state.model.compat import RULES

_HOST = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
_UNITS = {"": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30}


@dataclass(frozen=True)
class Setting:
    """One row.

    :param read: parses the text of a variable or an option; raises ValueError for an invalid one.
    :param expected: describes the valid values, for the message about an invalid one.
    :param option: whether ``python app.py`` has an option for it.
    :param former_variable: a former name of ``variable``, used if that is not set.
    :param metavar: the placeholder of the value in the command line's help.
    """

    name: str
    variable: str
    default: Any
    read: Callable[[str], Any]
    expected: str
    help: str
    option: bool = True
    former_variable: str = ""
    metavar: str = "TEXT"

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def default_text(self) -> str:
        """The default as one writes it, or ``none``."""
        if self.read is size:
            return f"{self.default // _UNITS['mib']}MiB"
        if isinstance(self.default, bool):
            return str(self.default).lower()
        if isinstance(self.default, tuple):
            return ",".join(":".join(pair) for pair in self.default) or "none"
        if isinstance(self.default, float):
            return f"{self.default:g}"
        if self.default is None:
            return "none"
        return str(self.default)

    def parse(self, text: str, source: str) -> Any:
        """Read the value of an option or a variable.

        :param source: the option's or variable's name, for the message.
        :raises SettingError: with the name, the value and what was expected.
        """
        try:
            return self.read(text)
        except ValueError:
            raise SettingError(source, text, self.expected) from None


def boolean(text: str) -> bool:
    """A boolean as Airflow's configuration spells it."""
    word = text.strip().lower()
    if word in ("t", "true", "1"):
        return True
    if word in ("f", "false", "0"):
        return False
    raise ValueError(text)


def integer(minimum: int, maximum: int = 2**31 - 1) -> Callable[[str], int]:
    """A parser of whole numbers within bounds."""

    def read(text: str) -> int:
        number = int(text)
        if not minimum <= number <= maximum:
            raise ValueError(text)
        return number

    return read


def seconds(text: str) -> float:
    """A duration of more than 0 seconds, a day at most."""
    number = float(text)
    if not 0 < number <= 86_400:
        raise ValueError(text)
    return number


def size(text: str) -> int:
    """A number of bytes: ``1048576``, ``512KiB``, ``16MiB``."""
    digits = text.strip().lower().rstrip("kmgib")
    number = int(digits) * _UNITS[_unit(text.strip().lower()[len(digits) :])]
    if number < 1:
        raise ValueError(text)
    return number


def mebibytes(text: str) -> float:
    """A number of MiB, or 0."""
    number = float(text)
    if not 0 <= number < 2**20:
        raise ValueError(text)
    return number


def _unit(text: str) -> str:
    if text not in _UNITS:
        raise ValueError(text)
    return text


def one_of(*words: str) -> Callable[[str], str]:
    """A parser that takes one of these words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return read


def non_empty(text: str) -> str:
    """A non-empty string."""
    if not text.strip():
        raise ValueError(text)
    return text


def comma_separated(text: str) -> tuple[str, ...]:
    """Words separated by commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def words(text: str) -> tuple[str, ...]:
    """Words separated by commas, in lower case."""
    return comma_separated(text.lower())


def hosts(text: str) -> tuple[str, ...]:
    """Host names separated by commas, in lower case; ports are refused."""
    names = tuple(word.lower().rstrip(".") for word in comma_separated(text))
    if not all(_HOST.fullmatch(name) for name in names):
        raise ValueError(text)
    return names


def origin(text: str) -> str:
    """The address of a server: scheme, host and port, without a path."""
    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError(text)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(text)
    return f"{parts.scheme}://{parts.netloc}"


def users(text: str) -> tuple[tuple[str, str], ...]:
    """``name:role`` separated by commas, as in ``[core] simple_auth_manager_users``."""
    pairs = tuple(tuple(user.split(":")[:2]) for user in comma_separated(text))
    if any(
        len(pair) != 2 or pair[1].lower() not in ("viewer", "user", "op", "admin") for pair in pairs
    ):
        raise ValueError(text)
    return pairs  # type: ignore[return-value]  # every pair has two members by now


_BOOL = "true or false"
_AIRFLOW = "AIRFLOW__STATE_STORE__"
SETTINGS: tuple[Setting, ...] = (
    Setting(
        "host",
        "STATEROOM_HOST",
        "127.0.0.1",
        non_empty,
        "an address",
        "Address to listen on.",
        metavar="ADDRESS",
    ),
    Setting(
        "port",
        "STATEROOM_PORT",
        8103,
        integer(0, 65535),
        "a number from 0 to 65535",
        "Port to listen on; 0 takes a free one and prints it.",
        metavar="NUMBER",
    ),
    Setting(
        "db",
        "STATEROOM_DB",
        "stateroom.db",
        non_empty,
        "a file's path or :memory:",
        "Database file, or :memory: to keep nothing.",
        metavar="PATH",
    ),
    Setting(
        "fixture",
        "STATEROOM_FIXTURE",
        None,
        str,
        "a JSON file's path",
        "Fixture document to load at start into an empty database; reset returns to it.",
        metavar="PATH",
    ),
    Setting(
        "load_fixture",
        "STATEROOM_LOAD_FIXTURE",
        False,
        boolean,
        _BOOL,
        "Load the fixture also into a database that holds something.",
    ),
    Setting(
        "compat",
        "STATEROOM_COMPAT",
        "3.3",
        one_of(*RULES),
        " or ".join(RULES),
        "Airflow version to emulate: 3.3, or 3.4 as of 3.4.0b2.",
        metavar="VERSION",
    ),
    Setting(
        "jwt_secret",
        jwt_secret.VARIABLE,
        None,
        non_empty,
        "a non-empty string",
        "Secret that signs tokens; with it every request needs one. Others can read it in the "
        "process list: prefer the variable or the file.",
    ),
    Setting(
        "jwt_secret_file",
        jwt_secret.FILE_VARIABLE,
        None,
        non_empty,
        "a file's path",
        "File with that secret.",
        metavar="PATH",
    ),
    Setting(
        "open_control",
        "STATEROOM_OPEN_CONTROL",
        False,
        boolean,
        _BOOL,
        "Leave /_stateroom open although there is a secret (loopback only).",
    ),
    Setting(
        "allow_host",
        "STATEROOM_ALLOW_HOSTS",
        (),
        hosts,
        "host names between commas, without ports",
        "Host names that requests may use beside IP addresses and localhost.",
        metavar="NAMES",
    ),
    Setting(
        "insecure",
        "STATEROOM_INSECURE",
        False,
        boolean,
        _BOOL,
        "Listen beyond this machine without a secret.",
    ),
    Setting(
        "backend",
        "AIRFLOW__WORKERS__STATE_STORE_BACKEND",
        "metastore",
        str,
        "a name or a dotted path",
        "Where the gateway keeps values: metastore (the database), file, object, memory, "
        "or a class's dotted path.",
        former_variable="AIRFLOW__WORKERS__STATE_BACKEND",
        metavar="NAME",
    ),
    Setting(
        "backend_timeout",
        "STATEROOM_BACKEND_TIMEOUT",
        30.0,
        seconds,
        "a number of seconds",
        "Seconds after which a call of the backend times out; a list of all its objects, after ten "
        "times as many.",
        metavar="SECONDS",
    ),
    Setting(
        "durable",
        "STATEROOM_DURABLE",
        False,
        boolean,
        _BOOL,
        "Wait for the disk on each write: survives a power cut.",
    ),
    Setting(
        "journal_limit",
        "STATEROOM_JOURNAL_LIMIT",
        16.0,
        mebibytes,
        "a number of MiB, or 0",
        "MiB of the journal that each namespace keeps; the oldest events go first, 0 keeps none.",
        metavar="MIB",
    ),
    Setting(
        "max_body",
        "STATEROOM_MAX_BODY",
        16 * 2**20,
        size,
        "a size such as 16MiB",
        "Largest request body; a larger one gets 413. The backend may return no larger value.",
        metavar="SIZE",
    ),
    Setting(
        "log_level",
        "STATEROOM_LOG_LEVEL",
        "info",
        one_of("debug", "info", "warning", "error"),
        "debug, info, warning or error",
        "What is logged to standard error: debug, info, warning or error.",
        metavar="LEVEL",
    ),
    Setting(
        "upstream",
        "STATEROOM_UPSTREAM",
        None,
        origin,
        "an address such as http://airflow:8080, without a path",
        "Airflow that gets every call which is not one on state; see docs/whole-airflow.md.",
        metavar="URL",
    ),
    Setting(
        "upstream_user",
        "STATEROOM_UPSTREAM_USER",
        None,
        non_empty,
        "a user's name",
        "User as whom to ask that Airflow; by default a token is signed with the secret.",
        metavar="NAME",
    ),
    Setting(
        "upstream_timeout",
        "STATEROOM_UPSTREAM_TIMEOUT",
        60.0,
        seconds,
        "a number of seconds",
        "Seconds that it may take to answer, and between two parts of an answer.",
        metavar="SECONDS",
    ),
    Setting(
        "upstream_password",
        "STATEROOM_UPSTREAM_PASSWORD",
        None,
        non_empty,
        "a password",
        "Password of that user.",
        option=False,
    ),
    Setting(
        "default_retention_days",
        _AIRFLOW + "DEFAULT_RETENTION_DAYS",
        30,
        integer(-(2**31)),
        "a number of days",
        'Days until a task\'s entry expires where a write says "default"; 0 for never.',
        option=False,
    ),
    Setting(
        "clear_on_success",
        _AIRFLOW + "CLEAR_ON_SUCCESS",
        False,
        boolean,
        _BOOL,
        "Drop a task instance's entries when it reports success.",
        option=False,
    ),
    Setting(
        "max_value_storage_bytes",
        _AIRFLOW + "MAX_VALUE_STORAGE_BYTES",
        65535,
        integer(0),
        "a number of bytes",
        "Largest value that the Core API takes; 0 for any.",
        option=False,
    ),
    Setting(
        "state_cleanup_batch_size",
        _AIRFLOW + "STATE_CLEANUP_BATCH_SIZE",
        0,
        integer(0),
        "a number of rows",
        "Rows that clean removes per transaction; 0 for all at once.",
        option=False,
    ),
    Setting(
        "maximum_page_limit",
        "AIRFLOW__API__MAXIMUM_PAGE_LIMIT",
        100,
        integer(1),
        "a number of rows",
        "Most rows in one page of a Core API list.",
        option=False,
    ),
    Setting(
        "sensitive_var_conn_names",
        "AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES",
        (),
        words,
        "words between commas",
        "Words in the names of further variables whose values are hidden.",
        option=False,
    ),
    Setting(
        "users",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS",
        (("admin", "admin"), ("op", "op"), ("user", "user"), ("viewer", "viewer")),
        users,
        "name:role between commas",
        "Users that may log in, with their roles.",
        option=False,
    ),
    Setting(
        "passwords_file",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
        None,
        str,
        "a JSON file's path",
        "Their passwords, as a JSON object; without it they are generated at start and printed.",
        option=False,
    ),
    Setting(
        "all_admins",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS",
        False,
        boolean,
        _BOOL,
        "Log every user in as admin.",
        option=False,
    ),
)


def load(environ: Mapping[str, str], config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All settings: from ``config``, else from the environment, else the default.

    ``jwt_secret_from`` is the option or variable that the secret came from, or None.

    :param config: values by name; a string is parsed like an option's, None counts as missing.
    :raises SettingError: for an invalid value, with its name and what was expected.
    """
    config = config or {}
    values = {row.name: _value(row, environ, config.get(row.name)) for row in SETTINGS}
    values["jwt_secret_from"] = config.get("jwt_secret_from")
    if values["jwt_secret_from"] is None:
        secret = jwt_secret.find(environ, config.get("jwt_secret"), config.get("jwt_secret_file"))
        values["jwt_secret"], values["jwt_secret_from"] = secret
    return values


def _value(row: Setting, environ: Mapping[str, str], value: Any) -> Any:
    if isinstance(value, str):
        return row.parse(value, row.flag)
    if value is not None:
        return value
    for variable in (row.variable, row.former_variable):
        if text := environ.get(variable, ""):
            return row.parse(text, variable)
    return row.default


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach this address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
