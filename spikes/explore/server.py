"""The server of the pages: on this machine alone unless told otherwise, and for no page of a foreign origin."""

from __future__ import annotations

import importlib.util
import socket
from typing import Any

from spikes.explore.desk import Desk
from spikes.runtime.tasks import worker_count
from theory.statement.arguments import integer

__all__ = ["LOOPBACK", "check_installed", "serve"]

LOOPBACK = "127.0.0.1"
_EVERY = ("0.0.0.0", "::")
_LARGEST_MESSAGE = 2**20
_UNSEEN = 15_000  # milliseconds until a session that no browser has joined is dropped


def check_installed() -> None:
    """Refuse to go on without the extra ``explore``.

    Raises
    ------
    ImportError
        Saying how to install it.
    """
    if importlib.util.find_spec("panel") is None:
        raise ImportError("spikes explore needs Panel: pip install 'spikes-rmt[explore]'")


def serve(*, port: int = 0, host: str = LOOPBACK, workers: int | None = None, show: bool = False) -> None:
    """Serve pages until interrupted.

    Parameters
    ----------
    port : int
        0 for one that is free.
    host : str
        Address to listen on.
    workers : int, optional
        Processes for simulations; as many as processors by default.
    show : bool
        Whether to open a browser.

    Raises
    ------
    ImportError
        If Panel is not installed.
    ValueError
        If an argument breaks its rule.
    OSError
        If the port is taken.
    """
    check_installed()
    integer("port", port, 0, 65535)
    if not host:
        raise ValueError("`host` must be an address of this machine; got ''")
    desk = Desk(worker_count(workers, 10**9))
    server = make_server(desk, port=port or _free_port(host), host=host)
    print(f"http://{_shown(host)}:{server.port}/  (Ctrl-C ends it)", flush=True)
    try:
        if show:
            server.io_loop.add_callback(server.show, "/")
        server.run_until_shutdown()
    finally:
        desk.close()


def make_server(desk: Desk, *, port: int, host: str) -> Any:
    """The server, listening but not yet running.

    Parameters
    ----------
    desk : Desk
    port : int
    host : str

    Returns
    -------
    bokeh.server.server.Server
    """
    import panel as pn

    from spikes.explore.page import page

    pn.extension(console_output="disable")
    return pn.io.server.get_server(
        {"/": lambda: page(desk)},
        port=port,
        address=host,
        websocket_origin=_origins(host, port),
        title="spikes explore",
        show=False,
        start=False,
        verbose=False,
        websocket_max_message_size=_LARGEST_MESSAGE,
        unused_session_lifetime_milliseconds=_UNSEEN,
        check_unused_sessions_milliseconds=_UNSEEN // 3,
    )


def _free_port(host: str) -> int:
    """A port that nobody listens on: the names under which pages may ask hold it, before the server is there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as free:
        try:
            free.bind((host, 0))
        except OSError as error:
            raise ValueError(
                f"`host` must be an address of this machine; {host!r}: {error.strerror or error}"
            ) from None
        return free.getsockname()[1]


def _shown(host: str) -> str:
    return "localhost" if host in (LOOPBACK, *_EVERY) else host


def _origins(host: str, port: int) -> list[str]:
    """Hosts whose pages may talk to the server: its own names."""
    names = [host]
    if host in (LOOPBACK, *_EVERY):
        names = ["localhost", LOOPBACK]
    if host in _EVERY:
        names += [socket.gethostname(), *_addresses()]
    return [f"{name}:{port}" for name in dict.fromkeys(names)]


def _addresses() -> list[str]:
    """This machine's addresses in its networks."""
    import psutil

    return [one.address for each in psutil.net_if_addrs().values() for one in each if one.family == socket.AF_INET]
