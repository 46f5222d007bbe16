"""FIXME: say what this is."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from state.model import tokens
from state.model.clock import Clock
from state.store.namespace import Namespace

_REMEMBERED = 4096


@dataclass
class Keys:
    """The secrets in force, and the tokens that were found good.

    :param start: the secret given at start, or None.
    :param own: the random signing key of this process, used where no secret is given.
    """

    start: str | None
    open_control: bool
    own: str = field(default_factory=lambda: secrets.token_hex(32))
    _good: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)

    def takes_secrets(self) -> bool:
        """Whether a fixture may set a namespace's secret."""
        return self.start is None or self.open_control

    def checking(self, namespace: Namespace) -> str | None:
        """The secret that Airflow's paths check in a namespace, or None if they are open."""
        return (namespace.jwt_secret if self.takes_secrets() else None) or self.start

    def signing(self, namespace: Namespace) -> str:
        return self.checking(namespace) or self.own

    def claims(self, token: str, secret: str, audience: str, clock: Clock) -> dict[str, Any]:
        """The claims of a good token, remembered until it expires; raises as :func:`state.tokens.verified`."""
        if clock.tokens:
            return tokens.verified(token, secret, audience, clock.now())
        known = self._good.get((token, secret, audience))
        if known is not None and int(known["exp"]) + tokens.LEEWAY > time.time():
            return known
        claims = tokens.verified(token, secret, audience)
        if len(self._good) >= _REMEMBERED:
            self._good.clear()
        self._good[token, secret, audience] = claims
        return claims
