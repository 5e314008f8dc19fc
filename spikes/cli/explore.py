"""``spikes explore``: a page of controls on which theory follows a slider and simulation joins seed by seed."""

from __future__ import annotations

from typing import Annotated

import typer

from spikes.cli.options import Workers, integer_option

__all__ = ["explore"]

Port = Annotated[int, integer_option("--port", "Where to listen; 0 for a port that is free.")]
Host = Annotated[str, typer.Option("--host", help="Address to listen on: this machine alone unless told otherwise.")]
Open = Annotated[bool, typer.Option("--open", help="Open the page in a browser.")]


def explore(port: Port = 0, host: Host = "127.0.0.1", workers: Workers = None, open: Open = False) -> None:
    """Serve a page on which theory follows a slider and simulation joins seed by seed."""
    from spikes.explore.server import serve

    serve(port=port, host=host, workers=workers, show=open)
