"""Python's `websockets` as the server of our client."""

import contextlib
import queue
import threading
import time

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from harness import BINARY, MIB_BINARY, MIB_TEXT, TEXT, TIMEOUT, Client, equal, run


@contextlib.contextmanager
def listening(handler, **options):
    """A server on a free port; gives its URL."""
    with serve(handler, "127.0.0.1", 0, max_size=None, ping_interval=None, **options) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def connected(*arguments, path="/", **options):
    """Our client connected to a server; gives the client and the server's end of the connection."""
    connections = queue.Queue()
    over = threading.Event()

    def handler(connection):
        connections.put(connection)
        over.wait()

    with listening(handler, **options) as url:
        with Client(url + path, *arguments) as client:
            try:
                yield client, first(connections, client)
            finally:
                over.set()


def first(connections, client):
    """The first connection to come, unless the client ends before."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        ended = client.process.poll() is not None
        try:
            return connections.get(timeout=0.1)
        except queue.Empty:
            if ended:
                raise AssertionError(f"the client ended: {client.rest(client.err)}") from None
    raise AssertionError("the client did not connect")


def closed_by_client(connection):
    """The code of the Close frame that the client sent."""
    try:
        message = connection.recv(TIMEOUT)
    except ConnectionClosed as closed:
        return closed.rcvd and closed.rcvd.code
    raise AssertionError(f"expected the end of the connection, got {message!r}")


def lines_in():
    "lines of input arrive as text messages"
    with connected() as (client, connection):
        for line in (TEXT, "", "third"):
            client.type(line)
            equal(connection.recv(TIMEOUT), line)


def compression():
    "compression both ways, with small windows, with and without context takeover"
    for parameters in (
        "",
        "; server_max_window_bits=9; client_max_window_bits=9",
        "; server_no_context_takeover; client_no_context_takeover",
    ):
        with connected("--deflate", "permessage-deflate" + parameters) as (client, connection):
            equal(len(connection.protocol.extensions), 1)
            for line in (TEXT, TEXT, "", "z" * 100_000, TEXT):
                client.type(line)
                equal(connection.recv(TIMEOUT), line)
                connection.send(line)
                equal(client.line(), line)


def large_line_in():
    "a line of 1 MiB arrives as one message"
    with connected() as (client, connection):
        client.type(MIB_TEXT)
        equal(connection.recv(TIMEOUT), MIB_TEXT)


def text_out():
    "text is printed, empty text as an empty line"
    with connected() as (client, connection):
        for message in (TEXT, "", "third"):
            connection.send(message)
            equal(client.line(), message)


def binary_out():
    "binary is printed as its length and its bytes in hexadecimal, an empty one too"
    with connected() as (client, connection):
        connection.send(b"\x00\x7f\xff")
        equal(client.line().lower(), "binary, 3 bytes: 007fff")
        connection.send(b"")
        equal(client.line().rstrip(" :"), "binary, 0 bytes")
        connection.send(BINARY)
        equal(client.line().split(":")[0], "binary, 256 bytes")


def large_out():
    "1 MiB of text and of binary"
    with connected() as (client, connection):
        connection.send(MIB_TEXT)
        equal(client.line(), MIB_TEXT)
        connection.send(MIB_BINARY)
        equal(client.line().split(":")[0], "binary, 1048576 bytes")


def fragmented_out():
    "a message in fragments is printed as one line"
    with connected() as (client, connection):
        connection.send(["frag", "", "mented ", "世界 🦀"])
        equal(client.line(), "fragmented 世界 🦀")


def ping():
    "pings with a payload of 0, 7 and 125 bytes are answered with the same"
    with connected() as (_, connection):
        for payload in (b"", b"payload", b"p" * 125):
            # The event is set by a Pong with this payload, and by no other.
            if not connection.ping(payload).wait(TIMEOUT):
                raise AssertionError(f"no pong for a ping of {len(payload)} bytes")


def server_closes():
    "the server closes with 4001: the client answers with the code, reports it and ends"
    with connected() as (client, connection):
        connection.close(4001, "bye")
        equal(closed_by_client(connection), 4001)
        client.line_with("closed: 4001 bye", client.err)
        client.exit_code()


def end_of_input():
    "at the end of input the client closes with 1000 and exits with 0"
    with connected() as (client, connection):
        client.type("last words")
        client.end_input()
        equal(connection.recv(TIMEOUT), "last words")
        equal(closed_by_client(connection), 1000)
        equal(client.exit_code(), 0)


def subprotocol():
    "the chosen subprotocol is reported"
    with connected(
        "--protocol", "soap", "--protocol", "chat", subprotocols=["echo", "chat"]
    ) as (client, connection):
        equal(connection.subprotocol, "chat")
        equal(client.line_with("connected", client.err), "connected, protocol chat")


def no_subprotocol():
    "no subprotocol asked for, none reported"
    with connected() as (client, connection):
        equal(connection.subprotocol, None)
        equal(client.line_with("connected", client.err), "connected")


def request():
    "the server sees the path, the query and an extra header"
    with connected("--header", "X-Test: some value", path="/a/b?c=d") as (_, connection):
        equal(connection.request.path, "/a/b?c=d")
        equal(connection.request.headers["X-Test"], "some value")


def refused():
    "a refused handshake: status, headers and body are reported, and the client exits with 1"

    def refuse(connection, _):
        response = connection.respond(401, "who are you, 世界?\n")
        response.headers["WWW-Authenticate"] = 'Basic realm="interop"'
        return response

    with listening(lambda _: None, process_request=refuse) as url, Client(url) as client:
        report = "\n".join(client.rest(client.err))
        for part in ("401", "www-authenticate:", 'basic realm="interop"', "who are you, 世界?"):
            if part not in report.lower():
                raise AssertionError(f"{part!r} is not in the report: {report}")
        equal(client.exit_code(), 1)


run(
    "websockets as server",
    [
        lines_in,
        compression,
        large_line_in,
        text_out,
        binary_out,
        large_out,
        fragmented_out,
        ping,
        server_closes,
        end_of_input,
        subprotocol,
        no_subprotocol,
        request,
        refused,
    ],
)
