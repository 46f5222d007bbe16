"""A noun, whose verbs are its commands; alone it lists."""

from __future__ import annotations

import click


class Noun(click.Group):
    """The commands of a noun; without a verb, that of :attr:`default` with the options given."""

    default = "list"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        begins_with_option = not args or args[0].startswith("-")
        has_verb = bool(self.commands.keys() & set(args))
        asks_for_help = bool(set(ctx.help_option_names) & set(args))
        is_completion = ctx.resilient_parsing  # what follows is still to be typed
        if begins_with_option and not (has_verb or asks_for_help or is_completion):
            args = [self.default, *args]
        return super().parse_args(ctx, args)
