"""``stateroom pull`` and ``stateroom push``: carry state from and to an Airflow, or a Stateroom."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from .shared.connection import connected
from .shared.exchange import connected_peer, exchanges, progress_bar, selection_of, tell

if TYPE_CHECKING:
    from ..transfer.report import Progress, Report
    from ..transfer.target import Caller


@click.command()
@exchanges("from")
def pull(peer_url: str, **options: Any) -> None:
    """Copy state from an Airflow or another Stateroom into this namespace.

    What is here already is not copied again: after an interruption, the same command goes on where
    it was. Nothing is deleted, and references are copied as they are, without their objects.
    """
    from ..transfer.pull import Pull
    from ..transfer.report import Report
    from ..transfer.target import Target

    report = Report(options["dry_run"])
    create = not options["dry_run"]
    with (
        connected_peer(peer_url, options) as peer,
        connected(create) as client,
        progress_bar("pull") as progress,
    ):
        if peer.has_control_api:
            _copy(peer, client, peer.what, report, progress, options)
        else:
            target = Target(client, report)
            Pull(peer, target, selection_of(options), options["refresh"], progress).run()
    tell(report)


@click.command()
@exchanges("to")
def push(peer_url: str, **options: Any) -> None:
    """Copy the state of this namespace into an Airflow or another Stateroom.

    An Airflow takes keys of task instances and assets that it has. What is there already is not
    sent again, and nothing is deleted.
    """
    from ..transfer.push import Push
    from ..transfer.report import Report
    from ..transfer.target import contents_of

    report = Report(options["dry_run"])
    with (
        connected_peer(peer_url, options) as peer,
        connected() as client,
        progress_bar("push") as progress,
    ):
        if peer.has_control_api:
            _copy(client, peer, "this namespace", report, progress, options)
        else:
            Push(peer, contents_of(client), selection_of(options), report, progress).run()
    tell(report)


def _copy(
    source: Caller,
    target: Caller,
    where: str,
    report: Report,
    progress: Progress,
    options: dict[str, Any],
) -> None:
    """Copy from one Stateroom into another.

    :param where: the source, for people.
    """
    from ..transfer import history
    from ..transfer.copy import Copy
    from ..transfer.target import Target, contents_of

    with_secrets = options["with_secrets"]
    copy = Copy(
        contents_of(source, with_secrets),
        Target(target, report, with_secrets),
        selection_of(options),
        options["refresh"],
        progress,
    )
    carry_journal = None
    if options["with_journal"]:
        carry_journal = partial(history.carry, source, target)
    copy.run(where, carry_journal)
