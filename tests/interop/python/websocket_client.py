"""Python's `websocket-client` as the client of our echo server."""

import contextlib

from websocket import ABNF, WebSocketBadStatusException, create_connection

from harness import BINARY, MIB_BINARY, MIB_TEXT, TEXT, TIMEOUT, Echo, equal, run


def opened(url, **options):
    connection = create_connection(
        url, timeout=TIMEOUT, http_no_proxy=["127.0.0.1"], enable_multithread=False, **options
    )
    return contextlib.closing(connection)


def sent(url, frames, opcode, payload):
    """Send frames of (opcode, final, payload); the first to come back must be this one."""
    with opened(url) as connection:
        for frame in frames:
            send_frame(connection, *frame)
        received(connection, opcode, payload)


def send_frame(connection, opcode, final, payload):
    frame = ABNF.create_frame(payload, opcode, 1 if final else 0)
    connection.send_frame(frame)


def received(connection, opcode, payload):
    got, frame = connection.recv_data_frame(control_frame=True)
    equal((got, bytes(frame.data)), (opcode, payload))


def echoed_text(url, message):
    with opened(url) as connection:
        connection.send_text(message)
        received(connection, ABNF.OPCODE_TEXT, message.encode())


def echoed_binary(url, message):
    with opened(url) as connection:
        connection.send_binary(message)
        received(connection, ABNF.OPCODE_BINARY, message)


def text(url):
    "text with CJK and emoji"
    echoed_text(url + "/any/path?and=query", TEXT)


def binary(url):
    "binary"
    echoed_binary(url, BINARY)


def empty_text(url):
    "empty text"
    echoed_text(url, "")


def empty_binary(url):
    "empty binary"
    echoed_binary(url, b"")


def large_text(url):
    "1 MiB of text"
    echoed_text(url, MIB_TEXT)


def large_binary(url):
    "1 MiB of binary"
    echoed_binary(url, MIB_BINARY)


def fragmented(url):
    "text in fragments that cut a character in two"
    crab = "🦀".encode()
    frames = [
        (ABNF.OPCODE_TEXT, False, crab[:1]),
        (ABNF.OPCODE_CONT, False, b""),
        (ABNF.OPCODE_CONT, True, crab[1:]),
    ]
    sent(url, frames, ABNF.OPCODE_TEXT, crab)


def ping_between_fragments(url):
    "a ping between two fragments is answered first"
    with opened(url) as connection:
        send_frame(connection, ABNF.OPCODE_BINARY, False, b"one ")
        connection.ping(b"payload")
        send_frame(connection, ABNF.OPCODE_CONT, True, b"message")
        received(connection, ABNF.OPCODE_PONG, b"payload")
        received(connection, ABNF.OPCODE_BINARY, b"one message")


def ping(url):
    "pings with a payload of 0, 7 and 125 bytes are answered with the same"
    for payload in (b"", b"payload", b"p" * 125):
        sent(url, [(ABNF.OPCODE_PING, True, payload)], ABNF.OPCODE_PONG, payload)


def close_with_code(url):
    "close with a code and a reason: the code comes back, then the connection ends"
    with opened(url) as connection:
        connection.send_close(4001, b"bye")
        opcode, frame = connection.recv_data_frame(control_frame=True)
        equal(opcode, ABNF.OPCODE_CLOSE)
        equal(int.from_bytes(frame.data[:2], "big"), 4001)
        equal(connection.sock.recv(1), b"")


def bad_text(url):
    "text that is not UTF-8 is answered with 1007"
    with opened(url, skip_utf8_validation=True) as connection:
        send_frame(connection, ABNF.OPCODE_TEXT, True, b"\xff")
        opcode, frame = connection.recv_data_frame(control_frame=True)
        equal(opcode, ABNF.OPCODE_CLOSE)
        equal(int.from_bytes(frame.data[:2], "big"), 1007)


def subprotocol(url):
    "one of the offered subprotocols is chosen"
    with opened(url, subprotocols=["soap", "echo", "chat"]) as connection:
        equal(connection.getsubprotocol(), "chat")


def refused(url):
    "a refused handshake: status 403 and a body"
    try:
        with opened(url + "/refuse"):
            raise AssertionError("the handshake was accepted")
    except WebSocketBadStatusException as error:
        equal(error.status_code, 403)
        if not error.resp_body:
            raise AssertionError("no body") from None


with Echo() as server:
    run(
        "websocket-client as client",
        [
            text,
            binary,
            empty_text,
            empty_binary,
            large_text,
            large_binary,
            fragmented,
            ping_between_fragments,
            ping,
            close_with_code,
            bad_text,
            subprotocol,
            refused,
        ],
        server.url,
    )
