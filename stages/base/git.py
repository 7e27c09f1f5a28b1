"""What git says of the folder that one works in."""

from __future__ import annotations

import subprocess

from stages.base.errors import UserError


def git(*arguments: str) -> str | None:
    """What git prints; None where it fails. Raises UserError where there is no git."""
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
        )
    except FileNotFoundError:
        raise UserError("git is not found; install it, it keeps the revisions to compare") from None
    return done.stdout if done.returncode == 0 else None
