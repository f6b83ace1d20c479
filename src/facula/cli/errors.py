"""What a command raises when it has to stop: one line for the user and an exit code."""

from __future__ import annotations


class CommandError(Exception):
    """Something went wrong that the user can do something about.

    The message is one line and says what to do next; `main` prints it as `facula COMMAND: error: ...`.
    """

    exit_code = 1


class UsageError(CommandError):
    """The command was called in a way that makes no sense."""

    exit_code = 2
