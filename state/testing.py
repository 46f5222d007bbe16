"""Contracts and a task's context, for Stateroom's own tests and for those of others."""

from .context import context as context
