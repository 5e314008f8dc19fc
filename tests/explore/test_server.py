"""The server: on this machine alone, deaf to foreign origins, alive under load; its extra and its options."""

import asyncio
import importlib.util
import socket
import subprocess
import sys

import pytest

from spikes.explore import server as home

needs_panel = pytest.mark.skipif(importlib.util.find_spec("panel") is None, reason="the extra explore is not installed")


def test_a_missing_extra_is_one_line(monkeypatch):
    monkeypatch.setattr(home.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"^spikes explore needs Panel: pip install 'spikes-rmt\[explore\]'$"):
        home.serve()


def test_nothing_heavy_is_loaded_for_the_command_line():
    source = "import spikes.cli, sys; assert not {'panel', 'bokeh', 'tornado'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", source], check=True)


@pytest.mark.parametrize(("port", "says"), [(-1, "`port` must be an integer from 0 to 65535"), (65536, "`port`")])
def test_a_bad_port_is_refused(port, says):
    with pytest.raises(ValueError, match=says):
        home.serve(port=port)


def test_pages_may_ask_under_the_own_names_alone():
    assert home._origins("127.0.0.1", 5006) == ["localhost:5006", "127.0.0.1:5006"]
    assert home._origins("lab.example", 80) == ["lab.example:80"]
    everywhere = home._origins("0.0.0.0", 80)
    assert {"localhost:80", "127.0.0.1:80", f"{socket.gethostname()}:80"} <= set(everywhere)


@pytest.fixture(scope="module")
def address():
    """A server in a process of its own."""
    command = [sys.executable, "-m", "spikes", "explore", "--workers", "1"]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = program.stdout.readline()
    assert line.startswith("http://localhost:"), line
    yield line.split()[0].replace("localhost", "127.0.0.1")
    program.terminate()
    assert program.wait(30) in (0, 130)
    program.stdout.close()


@needs_panel
def test_it_listens_on_the_loopback_interface_alone(address):
    import psutil

    port = int(address.rstrip("/").rpartition(":")[2])
    listening = [c.laddr.ip for c in psutil.net_connections() if c.status == "LISTEN" and c.laddr.port == port]
    assert listening == ["127.0.0.1"]


async def _upgraded(address, origin):
    """Status of the answer to a websocket's handshake from a page of an origin."""
    host, port = address.removeprefix("http://").rstrip("/").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [
        "GET /ws HTTP/1.1",
        f"Host: {host}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Origin: {origin}",
    ]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


@needs_panel
@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost.evil.example:80", "null"])
def test_a_foreign_origin_is_refused(address, origin):
    assert asyncio.run(_upgraded(address, origin)) == 403


@needs_panel
def test_its_own_origin_is_not(address):
    assert asyncio.run(_upgraded(address, address.rstrip("/"))) != 403


async def _status(address, path):
    host, port = address.removeprefix("http://").rstrip("/").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
    text = await reader.read()
    writer.close()
    return int(text.split()[1])


@needs_panel
@pytest.mark.slow
def test_a_hundred_requests_at_once_leave_it_alive(address):
    async def crowd():
        paths = [f"/?alpha=0.{i:02d}&target=z" for i in range(50)] + ["/?target=" + "(" * 2000] * 50
        return await asyncio.gather(*(_status(address, path) for path in paths))

    assert set(asyncio.run(crowd())) <= {200, 503}
    assert asyncio.run(_status(address, "/")) == 200


@needs_panel
@pytest.mark.parametrize("path", ["/../../etc/passwd", "/static/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd"])
def test_no_path_leads_to_a_file(address, path):
    assert asyncio.run(_status(address, path)) in (400, 403, 404)


@needs_panel
def test_a_port_that_is_taken_is_said(address):
    port = address.rstrip("/").rpartition(":")[2]
    command = [sys.executable, "-m", "spikes", "explore", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "in use" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_free_port_is_one():
    port = home._free_port("127.0.0.1")
    assert 0 < port < 65536
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        assert taken.getsockname()[1] == port
