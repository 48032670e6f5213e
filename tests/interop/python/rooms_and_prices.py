"""Python's `websockets` and `websocket-client` in the rooms and at the prices, and our clients there."""

import contextlib
import json
import os
import socket
import time

from websocket import WebSocketBadStatusException, create_connection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from harness import TIMEOUT, Client, Program, Server, equal, run


def entered(url, room):
    """`websockets` in a room."""
    return connect(f"{url}/{room}", proxy=None, open_timeout=TIMEOUT, ping_interval=None)


def opened(url, **options):
    """`websocket-client` at any address."""
    connection = create_connection(url, timeout=TIMEOUT, http_no_proxy=["127.0.0.1"], **options)
    return contextlib.closing(connection)


def hears(connection, *messages):
    for message in messages:
        equal(connection.recv(TIMEOUT), message)


def closed(connection):
    """The code and the reason of the server's Close, and all messages before it."""
    messages = []
    while True:
        try:
            messages.append(connection.recv(TIMEOUT))
        except ConnectionClosed as end:
            if end.rcvd is None:
                raise AssertionError("no Close came") from None
            return end.rcvd.code, end.rcvd.reason, messages


def status_of(url, **headers):
    """The status that refuses a WebSocket, as both libraries see it."""
    try:
        with connect(url, proxy=None, additional_headers=headers):
            raise AssertionError(f"{url} was accepted")
    except InvalidStatus as error:
        first = error.response.status_code
    try:
        with opened(url, header=headers, suppress_origin=True):
            raise AssertionError(f"{url} was accepted")
    except WebSocketBadStatusException as error:
        equal(error.status_code, first)
    return first


def greeting(rooms, _):
    "a room's id comes back, and a number that counts in this room"
    for room in ("1", "room-77", "gr%C3%BC%C3%9Fe"):
        # Numbers follow the greetings, not the handshakes: one at a time.
        with entered(rooms, room) as one:
            hears(one, f"room {room}, you are 1")
            with entered(rooms, room) as two:
                hears(two, f"room {room}, you are 2")
                hears(one, "2 joined")


def three_clients(rooms, _):
    "three clients hear each other, and who left"
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(entered(rooms, "trio"))
        hears(one, "room trio, you are 1")
        two = stack.enter_context(entered(rooms, "trio"))
        hears(two, "room trio, you are 2")
        hears(one, "2 joined")
        with opened(f"{rooms}/trio") as three:
            equal(three.recv(), "room trio, you are 3")
            hears(one, "3 joined")
            hears(two, "3 joined")
            for client, text, heard in ((one, "hello, 世界", "1: hello, 世界"), (three, "", "3: ")):
                client.send(text)
                equal(three.recv(), heard)
                hears(one, heard)
                hears(two, heard)
            three.send_binary(b"\x00\xff")
            equal(three.recv(), b"\x00\xff")
            hears(one, b"\x00\xff")
            hears(two, b"\x00\xff")
        hears(one, "3 left")
        hears(two, "3 left")
        one.close(4001, "bye")
        hears(two, "1 left")
        # Numbers are not given again while the room lasts.
        with entered(rooms, "trio") as four:
            hears(four, "room trio, you are 4")
            hears(two, "4 joined")


def rooms_apart(rooms, _):
    "what is said in a room stays there; an empty room begins anew"
    with entered(rooms, "a") as one, entered(rooms, "b") as other:
        hears(one, "room a, you are 1")
        hears(other, "room b, you are 1")
        one.send("only here")
        other.send("only there")
        hears(one, "1: only here")
        hears(other, "1: only there")
        one.close()
        other.send("still here")
        hears(other, "1: still here")
    with entered(rooms, "b") as again:
        hears(again, "room b, you are 1")


def one_order(rooms, _):
    "all hear the messages of all in one order"
    with contextlib.ExitStack() as stack:
        clients = []
        for number in range(1, 4):
            client = stack.enter_context(entered(rooms, "order"))
            hears(client, f"room order, you are {number}")
            for earlier in clients:
                hears(earlier, f"{number} joined")
            clients.append(client)
        for i in range(100):
            for client in clients:
                client.send(f"{i}")
        heard = [[client.recv(TIMEOUT) for _ in range(300)] for client in clients]
        equal(heard[1], heard[0])
        equal(heard[2], heard[0])
        for number in range(1, 4):
            own = [m for m in heard[0] if m.startswith(f"{number}: ")]
            equal(own, [f"{number}: {i}" for i in range(100)])


def slow_reader(rooms, _):
    "a slow reader is closed with 1008, and nobody waits for it"
    with entered(rooms, "slow") as fast:
        hears(fast, "room slow, you are 1")
        # Small buffers, and nothing read until the server has given up.
        small = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)]
        with opened(f"{rooms}/slow", sockopt=small) as slow:
            equal(slow.recv(), "room slow, you are 2")
            hears(fast, "2 joined")
            message = os.urandom(16 * 1024)  # which compression does not shrink
            for _ in range(10_000):
                fast.send(message)
                heard = fast.recv(TIMEOUT)
                if heard == "2 left":
                    break
                equal(heard, message)
            else:
                raise AssertionError("the slow reader is still there")
            fast.send("we go on")
            while (heard := fast.recv(TIMEOUT)) == message:
                pass
            equal(heard, "1: we go on")
            # What it reads in the end are messages, whole ones, and the Close.
            while isinstance(heard := slow.recv_data(control_frame=True), tuple) and heard[0] == 2:
                equal(heard[1], message)
            equal(heard, (8, b"\x03\xf0you read too slowly"))


def too_long(rooms, _):
    "a message that is too long is closed with 1009, a name with 1008"
    with entered(rooms, "long") as one:
        hears(one, "room long, you are 1")
        with entered(rooms, "long") as two:
            hears(two, "room long, you are 2")
            one.send("x" * 16384)
            hears(two, "1: " + "x" * 16384)
            one.send("x" * 16385)
            equal(closed(one)[0], 1009)
            hears(two, "1 left")
    with entered(rooms, "x" * 64) as fits:
        hears(fits, f"room {'x' * 64}, you are 1")
    with entered(rooms, "x" * 65) as connection:
        equal(closed(connection), (1008, "the room's name is too long", []))


def unknown_paths(rooms, prices):
    "an unknown path is a 404 before the upgrade"
    for url in (f"{rooms}/", f"{rooms}/a/b", f"{rooms}/a/", f"{prices}/gold"):
        equal(status_of(url), 404)


def foreign_origins(*_):
    "a foreign Origin is refused with 403 by a server that is told its own"
    for name, path in (("rooms", "/x"), ("prices", "/")):
        with Server(name, "--origin", "https://example.com") as server:
            for foreign in ("https://example.org", "https://example.com.evil.example", "null"):
                equal(status_of(server.url + path, Origin=foreign), 403)
            for own in ({"origin": "https://example.com"}, {"suppress_origin": True}):
                with opened(server.url + path, **own) as connection:
                    connection.recv()


def vanished(*_):
    "a client that vanishes is noticed by the heartbeat"
    with Server("rooms", "--heartbeat", "1") as server, entered(server.url, "x") as stays:
        hears(stays, "room x, you are 1")
        # It never reads again, so it answers no Ping, and its connection stays open.
        with opened(f"{server.url}/x") as gone:
            equal(gone.recv(), "room x, you are 2")
            hears(stays, "2 joined", "2 left")


def price_a_second(_, prices):
    "prices come about once a second until the client speaks; the code is then 1000"
    before = time.time()
    with connect(prices, proxy=None) as connection:
        messages = [json.loads(connection.recv(TIMEOUT)) for _ in range(4)]
        connection.send("enough")
        code, _, late = closed(connection)
    equal(code, 1000)
    if len(late) > 1:
        raise AssertionError(f"{len(late)} prices came after we spoke")
    for message in messages:
        equal(sorted(message), ["price", "symbol", "time"])
        equal(message["symbol"], messages[0]["symbol"])
        if not 200 < message["price"] < 400:
            raise AssertionError(f"an odd price: {message}")
    # The server's own word for when it sent them, which a busy client does not bend.
    times = [message["time"] / 1000 for message in messages]
    if not before - 1 <= times[0] <= time.time():
        raise AssertionError(f"an odd time: {times[0]}")
    if not 2 < times[-1] - times[0] < 6:
        raise AssertionError(f"four prices in {times[-1] - times[0]} s")


def any_message_stops(_, prices):
    "any message stops the prices, a binary one and an empty one, too"
    for send in ("send", "send_binary"):
        with opened(prices) as connection:
            connection.recv()
            getattr(connection, send)(b"")
            while (frame := connection.recv_data(control_frame=True))[0] != 8:
                equal(frame[0], 1)
            equal(int.from_bytes(frame[1][:2], "big"), 1000)


def callbacks_reconnect(*_):
    "the callback client connects again after the server was killed and started again"
    with Server("rooms") as first:
        with Program(os.environ["SANSOCKET_CALLBACKS"], first.url + "/lobby", "hello") as client:
            for line in ("open", "message: room lobby, you are 1", "message: 1: hello"):
                equal(client.line(), line)
            first.kill()
            if not client.line().startswith("error: "):
                raise AssertionError("no error after the server was killed")
            with Server("rooms", listen=first.address) as second:
                client.line_with("open")
                equal(client.line(), "message: room lobby, you are 1")
                equal(client.line(), "message: 1: hello")
                with entered(second.url, "lobby") as other:
                    hears(other, "room lobby, you are 2")
                    equal(client.line(), "message: 2 joined")


def client_reconnects(*_):
    "so does the client with --reconnect, and what was typed meanwhile is sent then"
    with Server("rooms") as first:
        with Client(first.url + "/lobby", "--reconnect") as client:
            equal(client.line(), "room lobby, you are 1")
            first.kill()
            client.line_with("connecting again", client.err)
            client.type("typed meanwhile")
            with Server("rooms", listen=first.address):
                equal(client.line(), "room lobby, you are 1")
                equal(client.line(), "1: typed meanwhile")
                client.end_input()
                equal(client.exit_code(), 0)


def client_sends_all(*_):
    "what was typed before the end of input is sent, though the server comes later"
    with Server("echo") as gone:
        gone.kill()
        with Client(gone.url, "--reconnect") as client:
            client.type("early")
            client.end_input()
            client.line_with("connecting again", client.err)
            with Server("echo", listen=gone.address):
                equal(client.line(), "early")
                equal(client.exit_code(), 0)


def client_gives_up(rooms, _):
    "without --reconnect it ends with 1, and a refusal ends it with --reconnect, too"
    with Server("rooms") as server, Client(server.url + "/lobby") as client:
        equal(client.line(), "room lobby, you are 1")
        server.kill()
        equal(client.exit_code(), 1)
    with Client(rooms + "/a/b", "--reconnect") as client:
        client.line_with("404", client.err)
        equal(client.exit_code(), 1)


with Server("rooms") as rooms, Server("prices") as prices:
    run(
        "rooms and prices",
        [
            greeting,
            three_clients,
            rooms_apart,
            one_order,
            slow_reader,
            too_long,
            unknown_paths,
            foreign_origins,
            vanished,
            price_a_second,
            any_message_stops,
            callbacks_reconnect,
            client_reconnects,
            client_sends_all,
            client_gives_up,
        ],
        rooms.url,
        prices.url,
    )
