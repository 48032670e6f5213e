"""Python's `websockets` as the client of our echo server."""

import time

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

from harness import BINARY, MIB_BINARY, MIB_TEXT, TEXT, TIMEOUT, Echo, equal, run


def opened(url, **options):
    return connect(
        url,
        proxy=None,
        max_size=None,
        open_timeout=TIMEOUT,
        close_timeout=TIMEOUT,
        ping_interval=None,
        **options,
    )


def echoed(url, message, expected=None, **options):
    """Send `message`; the same must come back, in the same kind of message."""
    with opened(url, **options) as connection:
        connection.send(message)
        equal(connection.recv(TIMEOUT), message if expected is None else expected)


def text(url):
    "text with CJK and emoji"
    echoed(url + "/any/path?and=query", TEXT)


def no_compression(url):
    "text, with no extension offered"
    echoed(url, TEXT, compression=None)


def compression(url):
    "compression with windows of 9 to 15 bits, with and without context takeover"
    for bits in (9, 10, 12, 15):
        for takeover in (True, False):
            offer = ClientPerMessageDeflateFactory(
                server_no_context_takeover=not takeover,
                client_no_context_takeover=not takeover,
                server_max_window_bits=bits,
                client_max_window_bits=bits,
            )
            with opened(url, extensions=[offer], compression=None) as connection:
                [agreed] = connection.protocol.extensions
                equal(agreed.remote_max_window_bits, min(bits, 12))
                equal(agreed.local_max_window_bits, min(bits, 12))
                equal(agreed.remote_no_context_takeover, not takeover)
                for message in (TEXT, MIB_TEXT, BINARY, "", TEXT, MIB_BINARY, TEXT):
                    connection.send(message)
                    equal(connection.recv(TIMEOUT), message)


def binary(url):
    "binary"
    echoed(url, BINARY)


def empty_text(url):
    "empty text"
    echoed(url, "")


def empty_binary(url):
    "empty binary"
    echoed(url, b"")


def large_text(url):
    "1 MiB of text"
    echoed(url, MIB_TEXT)


def large_binary(url):
    "1 MiB of binary"
    echoed(url, MIB_BINARY)


def fragmented_text(url):
    "text in fragments, an empty one too"
    echoed(url, ["frag", "", "mented ", "世界 🦀"], expected="fragmented 世界 🦀")


def fragmented_binary(url):
    "binary in fragments of one byte"
    echoed(url, (bytes([b]) for b in BINARY), expected=BINARY)


def in_a_row(url):
    "200 messages sent before the first answer is read"
    messages = [f"message {i}" if i % 2 else BINARY[:i] for i in range(200)]
    with opened(url) as connection:
        for message in messages:
            connection.send(message)
        equal([connection.recv(TIMEOUT) for _ in messages], messages)


def ping(url):
    "pings with a payload of 0, 7 and 125 bytes are answered with the same"
    with opened(url) as connection:
        for payload in (b"", b"payload", b"p" * 125):
            # The event is set by a Pong with this payload, and by no other.
            if not connection.ping(payload).wait(TIMEOUT):
                raise AssertionError(f"no pong for a ping of {len(payload)} bytes")


def close_with_code(url):
    "close with a code and a reason: the code comes back, and the server ends the connection"
    with opened(url) as connection:
        start = time.monotonic()
        connection.close(4001, "bye, 世界")
        # Only a server that leaves the TCP connection open makes this last.
        if time.monotonic() - start >= TIMEOUT:
            raise AssertionError("the server did not end the TCP connection")
        closed_with(connection, 4001)


def close_plainly(url):
    "close with 1000"
    with opened(url) as connection:
        connection.close()
        closed_with(connection, 1000)


def closed_with(connection, code):
    try:
        connection.recv(TIMEOUT)
    except ConnectionClosed as closed:
        if closed.rcvd is None:
            raise AssertionError("no Close frame came back") from None
        equal(closed.rcvd.code, code)
    else:
        raise AssertionError("a message after the Close frame")


def subprotocol(url):
    "one of the offered subprotocols is chosen"
    with opened(url, subprotocols=["soap", "chat", "echo"]) as connection:
        equal(connection.subprotocol, "chat")


def no_subprotocol(url):
    "no subprotocol in common: none is chosen"
    with opened(url, subprotocols=["soap"]) as connection:
        equal(connection.subprotocol, None)


def refused(url):
    "a refused handshake: status 403 and a body"
    try:
        with opened(url + "/refuse"):
            raise AssertionError("the handshake was accepted")
    except InvalidStatus as error:
        equal(error.response.status_code, 403)
        if not error.response.body:
            raise AssertionError("no body") from None


def too_big(_):
    "a message over --max-message is answered with 1009"
    with Echo("--max-message", "1000") as echo:
        echoed(echo.url, "x" * 1000)
        with opened(echo.url) as connection:
            connection.send("x" * 1001)
            closed_with(connection, 1009)


with Echo() as server:
    run(
        "websockets as client",
        [
            text,
            no_compression,
            compression,
            binary,
            empty_text,
            empty_binary,
            large_text,
            large_binary,
            fragmented_text,
            fragmented_binary,
            in_a_row,
            ping,
            close_with_code,
            close_plainly,
            subprotocol,
            no_subprotocol,
            refused,
            too_big,
        ],
        server.url,
    )
