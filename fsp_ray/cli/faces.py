"""fsp faces: the bank that synthetic faces are mixed from."""

from __future__ import annotations

import typer

faces_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Face banks: what synthetic faces are mixed from.",
)
