"""The secrets of the service, and the tokens that they have verified."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from state.model import tokens
from state.model.clock import Clock

_MOST = 4096  # tokens in the cache


@dataclass
class Keys:
    """The secrets of the service, and a cache of verified tokens.

    :param start: the secret given at start, or None.
    :param open_control: whether the Control API needs no token although there is a secret.
    :param own: the random signing key of this process, used where no secret is given.
    :ivar guards_control: whether the Control API and the pages need an admin's token.
    """

    start: str | None
    open_control: bool
    own: str = field(default_factory=lambda: secrets.token_hex(32))
    _verified: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.guards_control = self.start is not None and not self.open_control

    def claims(self, token: str, secret: str, audience: str, clock: Clock) -> dict[str, Any]:
        """The claims of a valid token, cached until it expires.

        Raises what :func:`state.model.tokens.verified` raises.
        """
        if clock.tokens:
            return tokens.verified(token, secret, audience, clock.now())
        known = self._verified.get((token, secret, audience))
        if known is not None and int(known["exp"]) + tokens.LEEWAY > time.time():
            return known
        claims = tokens.verified(token, secret, audience)
        if len(self._verified) >= _MOST:
            self._verified.clear()
        self._verified[token, secret, audience] = claims
        return claims
