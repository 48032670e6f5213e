#!/usr/bin/env python3
"""What peers and networks do to servers: tried on the drivers, side by side.

    [SERVERS="NAME..."] tests/drivers/faults.py NAME=COMMAND...

If SERVERS is set, only those it names are tried.

A server called "cluster" is a chat, in which each peer has a room to itself; the others are echo
servers, and what only makes sense there is left out for it. COMMAND is split into words and gets `--listen` and
deadlines; the other options have their defaults. After each fault the server must still serve others, and have
closed all sockets of those who have gone; at the end it must not have said "panicked", and its memory must have
stayed below a bound.

How long anything takes is not judged: what must come is waited for, with a limit that is far away. One server
waits for ever, and one has short deadlines, for what waits for those. There a peer that must stay may come too
late, if this program gets no processor, so it is tried again.

Exit: 0 all passed, 1 something failed.
"""

import base64
import contextlib
import functools
import itertools
import math
import os
import pathlib
import select
import shlex
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from concurrent.futures import ProcessPoolExecutor

# Deadlines for the handshake and for silence, in seconds.
SHORT, LONGER, FOR_EVER = (1.5, 2), (1.5, 6), (86_400, 86_400)
TRIES = 5  # of what must be done before short deadlines
MAX_MESSAGE = 1 << 20  # the default of the drivers
LIMIT = 120  # seconds in which what is waited for must come, on a busy machine too
IDLE = 1000  # connections that do nothing
FILES = 64  # that a server may have open, where they are few
THREADS = 32  # or processes that it may have
MOST = 20  # connections that it may accept, where it counts them
LONG = 64  # connections that have each had a message of MAX_MESSAGE
BUSY, NEWCOMERS = 40, 60  # connections
# What the kernel holds for two sockets that nobody reads, generously, and the server's own limits.
HELD = 40 << 20
GROWTH = 64 << 20  # bytes of memory by which a server may grow, whatever is done to it
ONE = 8 << 20  # by which it may for one connection: a few messages of MAX_MESSAGE

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: " + base64.b64encode(b"the sample nonce") + b"\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)
DEFLATE_REQUEST = REQUEST[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
# For a peer that reads little or nothing. Its segments are those of a network: if they may have 64 KiB, as
# on loopback, the server's kernel holds megabytes.
LITTLE = {"receive_buffer": 4096, "segment": 1400}
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Fault(Exception):
    """The server did not do what it should."""


class Late(Fault):
    """It has ended a connection, as a deadline does."""


def in_time(work):
    """What short deadlines may end, if this program is late, tried again on other connections."""
    for _ in range(TRIES - 1):
        with contextlib.suppress(Late, EOFError, ConnectionError, ssl.SSLEOFError):
            return work()
    return work()


def frame(opcode, payload=b"", fin=True, key=b"\x37\xfa\x21\x3d"):
    """A client's frame."""
    head = bytes([opcode | (0x80 if fin else 0)])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 1 << 16:
        head += b"\xfe" + struct.pack(">H", len(payload))
    else:
        head += b"\xff" + struct.pack(">Q", len(payload))
    pad = (key * (len(payload) // 4 + 1))[: len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")
    return head + key + masked.to_bytes(len(payload), "big")


# A message in one piece, one in three with a Ping in between, one with a longer length, a Close.
FRAMES = b"".join([
    frame(TEXT, b"hello"), frame(TEXT, "grü".encode(), fin=False), frame(PING, b"there?"),
    frame(0, b"", fin=False), frame(0, "ße".encode()), frame(BINARY, bytes(200)),
    frame(CLOSE, b"\x03\xe8bye"),
])


class Peer:
    """A raw client."""

    def __init__(self, address, opened=True, receive_buffer=None, segment=None, request=REQUEST):
        self.socket = socket.socket()
        if segment:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(LIMIT)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if opened:
            self.send(request)
            self.expect_open()

    def expect_open(self):
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        if not head.startswith(b"HTTP/1.1 101 "):
            raise Fault(f"refused: {head[:60]!r}")

    def send(self, data):
        self.socket.sendall(data)

    def fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def receive(self):
        """The next frame: opcode with FIN, payload."""
        while True:
            if len(self.buffer) >= 2:
                length, start = self.buffer[1], 2
                if length == 126 and len(self.buffer) >= 4:
                    length, start = struct.unpack(">H", self.buffer[2:4])[0], 4
                elif length == 127 and len(self.buffer) >= 10:
                    length, start = struct.unpack(">Q", self.buffer[2:10])[0], 10
                if length not in (126, 127) or start > 2:
                    if len(self.buffer) >= start + length:
                        first, payload = self.buffer[0], self.buffer[start : start + length]
                        self.buffer = self.buffer[start + length :]
                        return first & 0x8F, payload
            self.fill()

    def message(self):
        """The next message, whole or in parts; Pings of the server are answered."""
        whole = b""
        while True:
            first, payload = self.receive()
            if first & 0x0F == PING:
                self.send(frame(PONG, payload))
            if first & 0x0F in (PING, PONG):
                continue
            if first & 0x0F == CLOSE:
                raise closed(payload)
            whole += payload
            if first & 0x80:
                return whole

    def reset(self):
        """Ends as a peer that was killed and its host with it: by a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    def has_ended(self, wait):
        """Whether the server ends the connection meanwhile; what it says is read and kept."""
        end = time.monotonic() + wait
        while select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
            try:
                self.fill()
            except (EOFError, ConnectionError):
                return True
        return False

    def until_gone(self, what):
        """Reads until the server ends the connection."""
        self.socket.settimeout(LIMIT)
        try:
            while True:
                self.fill()
        except (EOFError, ConnectionError, ssl.SSLError):
            return self.buffer
        except TimeoutError:
            raise Fault(f"still there: {what}") from None


def closed(payload):
    """By a deadline (1011), or for what the peer did."""
    return (Late if payload.startswith(b"\x03\xf3") else Fault)(f"closed with {payload!r}")


def rows(port):
    """What the kernel knows of the sockets of a port, and of those at the other end."""
    mark = ":%04X " % port
    with open("/proc/net/tcp") as table:
        return [line.split() for line in table if mark in line]


def address_in(line):
    host, port = line.decode().split("//")[1].strip().split(":")
    return host, int(port)


def written_to(file):
    """All of it, and without its offset, which is also where the process that has it goes on writing."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="replace")


class Server:
    def __init__(self, name, command, deadlines=FOR_EVER):
        self.may_be_late = deadlines != FOR_EVER
        self.rooms = itertools.count() if name == "cluster" else None
        self.long = 10_000 if self.rooms is None else 1000  # bytes of a message that is long, but allowed
        self.errors = tempfile.TemporaryFile()
        options = ["--listen", "127.0.0.1:0"]
        options += ["--handshake-timeout", str(deadlines[0]), "--idle-timeout", str(deadlines[1])]
        self.process = subprocess.Popen(
            [*shlex.split(command), *options], stdout=subprocess.PIPE, stderr=self.errors
        )
        for line in self.process.stdout:
            if line.startswith(b"listening on ws://"):
                break
        else:
            raise Fault("it does not start")
        self.address = address_in(line)
        self.tls = address_in(self.process.stdout.readline()) if "--listen-tls" in command else None
        self.sockets_at_start = self.sockets()
        try:
            self.serves()
            self.most = 0
            self.at_start = self.memory()
        except BaseException:
            self.stop()
            raise

    def memory(self):
        """Bytes of memory of the server and its children, shared ones counted once."""
        total = 0
        for pid in self.pids():
            try:
                lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
        self.most = max(self.most, total)
        return total

    def said(self):
        return written_to(self.errors)

    def pids(self):
        root = self.process.pid
        children = pathlib.Path(f"/proc/{root}/task/{root}/children").read_text().split()
        return [root, *map(int, children)]

    def sockets(self):
        """How many the server and its children have, the ones it listens on, too."""
        count = 0
        for pid in self.pids():
            # Both may have gone since.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                for descriptor in os.listdir(f"/proc/{pid}/fd"):
                    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                        count += os.readlink(f"/proc/{pid}/fd/{descriptor}").startswith("socket:")
        return count

    def lets_all_go(self):
        """It has closed each socket but those it had at the start."""
        end = time.monotonic() + LIMIT
        while (more := self.sockets() - self.sockets_at_start) > 0:
            if time.monotonic() > end:
                raise Fault(f"{more} sockets are kept without end")
            time.sleep(0.01)

    def in_time(self, work):
        return in_time(work) if self.may_be_late else work()

    def peer(self, **how):
        """An open connection; in a chat one that has been greeted."""
        return self.in_time(lambda: self.new_peer(**how))

    def tls_peer(self, **how):
        """An open connection over TLS and HTTP/1.1."""
        def new_peer():
            peer = tls_peer(self.tls, "http/1.1", **how)
            peer.send(REQUEST)
            peer.expect_open()
            return peer
        return self.in_time(new_peer)

    def new_peer(self, **how):
        if self.rooms is None:
            return Peer(self.address, **how)
        request = REQUEST.replace(b"GET /", b"GET /%d" % next(self.rooms))
        peer = Peer(self.address, request=request, **how)
        name = peer.message().rsplit(b" ", 1)[-1]
        if (said := peer.message()) != name + b" joined":
            raise Fault(f"{said!r} in place of the news of oneself")
        return peer

    def answers(self, peer, text):
        """What a peer says comes back."""
        peer.send(frame(TEXT, text))
        said = peer.message()
        if said != text if self.rooms is None else not said.endswith(b": " + text):
            raise Fault(f"{said!r} in answer to {text!r}")

    def serves(self, over_tls=False):
        """Somebody else is served."""
        def serves():
            peer = self.tls_peer() if over_tls else self.peer()
            self.answers(peer, b"and me?")
            peer.close()
        self.in_time(serves)

    def connections(self, over_tls=False):
        """How many the server has not ended on its side, whatever it thinks of them."""
        port = (self.tls if over_tls else self.address)[1]
        return sum(1 for row in rows(port) if row[1] == "0100007F:%04X" % port and row[3] in ("01", "08"))

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def killed_in_the_handshake(server):
    for end in (Peer.reset, Peer.close):
        for length in range(len(REQUEST) + 1):
            peer = Peer(server.address, opened=False)
            peer.send(REQUEST[:length])
            end(peer)
    return f"{2 * (len(REQUEST) + 1)} connections"


def killed_in_a_frame(server):
    for end in (Peer.reset, Peer.close):
        for length in range(len(FRAMES) + 1):
            peer = server.peer()
            peer.send(FRAMES[:length])
            end(peer)
    return f"{2 * (len(FRAMES) + 1)} connections"


def half_closed(server):
    """Who ends only its own side still gets all its answers, however late it reads them."""
    for size, count in (5, 1), (MAX_MESSAGE, 4):
        peer = Peer(server.address, receive_buffer=4096)
        peer.send(frame(BINARY, bytes(size)) * count)
        peer.socket.shutdown(socket.SHUT_WR)
        for n in range(count):
            if peer.message() != bytes(size):
                raise Fault(f"no answer to message {n}")
        peer.until_gone("after the answer")
    peer = Peer(server.address, opened=False)
    peer.send(REQUEST)
    peer.socket.shutdown(socket.SHUT_WR)
    peer.expect_open()
    peer.until_gone("after the response")


def byte_by_byte(server):
    """However slowly a request and frames come, they are understood, up to the end."""
    peer = Peer(server.address, opened=False)
    for byte in REQUEST + FRAMES:
        peer.send(bytes([byte]))
    peer.expect_open()
    answers = [peer.message(), peer.message(), peer.message()]
    if answers != [b"hello", "grüße".encode(), bytes(200)]:
        raise Fault(f"answers {answers}")
    if peer.receive() != (0x80 | CLOSE, b"\x03\xe8bye"):
        raise Fault("no Close in answer")
    peer.until_gone("after both Closes")


def slow_request(server):
    """A byte now and then does not put off the deadline of a request."""
    peer = Peer(server.address, opened=False)
    end = time.monotonic() + LIMIT
    try:
        while time.monotonic() < end:
            peer.send(b"G")
            if select.select([peer.socket], [], [], 0.1)[0] and not peer.socket.recv(4096):
                return
    except ConnectionError:
        return
    raise Fault("a request of one byte now and then is waited for without end")


def pour(server, peer, data, most=HELD):
    """Sends all of `data(sent)` that is taken, and reads nothing, until the server ends the connection."""
    before, sent, is_full, end = server.memory(), 0, False, time.monotonic() + LIMIT
    highest = before
    try:
        while server.connections() > 0:
            more = data(sent)
            if more and select.select([], [peer.socket], [], 0.1)[1]:
                sent += peer.socket.send(more)
                if sent <= HELD:
                    end = time.monotonic() + LIMIT
            elif not is_full:
                is_full = True
                server.serves()
            else:
                time.sleep(0.05)
            highest = max(highest, server.memory())
            if sent > most:
                raise Fault(f"{sent >> 20} MiB were taken from a peer that reads nothing")
            if time.monotonic() > end:
                raise Fault("it is kept without end")
    except ConnectionError:
        pass  # thrown out
    peer.close()
    if highest - before > ONE:
        raise Fault(f"{(highest - before) >> 10} KiB are held for a peer that reads nothing")
    return f"{sent >> 10} KiB taken, {(highest - before) >> 10} KiB of memory"


def never_reads(server, message, opcode):
    """A peer that only writes is not read from without end, and not kept without end."""
    one = frame(opcode, message)
    batch = one * (1 + 65536 // len(one))
    # Who floods by Pings is closed: what comes then is read and dropped, up to a deadline.
    most = math.inf if opcode == PING else HELD
    return pour(server, server.peer(**LITTLE), lambda sent: batch[sent % len(one) :], most)


def never_ends(server):
    """Who never ends its own side is not kept without end, whatever ended the connection."""
    # A Close, an error, the first byte of a frame, and nothing at all.
    peers = []
    for last in frame(CLOSE, b"\x03\xe8"), b"\xff\xff", b"\x81", b"":
        for peer in [server.peer(), *([server.tls_peer()] if server.tls else [])]:
            peers.append(peer)
            with contextlib.suppress(ConnectionError, ssl.SSLError):  # ended by a deadline already
                peer.send(last)
    for last in b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"nonsense\r\n\r\n":
        peers.append(Peer(server.address, opened=False))
        with contextlib.suppress(ConnectionError):
            peers[-1].send(last)
    for peer in peers:
        peer.until_gone("never ends its own side")
    server.lets_all_go()
    for peer in peers:
        peer.close()
    return f"{len(peers)} connections"


def slow_frame(server):
    """A byte now and then, of a frame, is a sign of life."""
    text = b"a letter" * 100
    data = frame(TEXT, text)

    def stays():
        peer, sent = server.peer(), 0
        for _ in range(2):  # who is silent is ended meanwhile, and one more
            silent = server.peer()
            while not silent.has_ended(0.2):
                peer.send(data[sent : sent + 1])
                sent += 1
            silent.close()
        peer.send(data[sent:])
        if not peer.message().endswith(text):
            raise Fault("the answer is another")
        peer.close()
        return f"{sent} bytes"

    return server.in_time(stays)


def never_reads_messages(server):
    return never_reads(server, bytes(server.long), BINARY if server.rooms is None else TEXT)


def never_reads_letters(server):
    return never_reads(server, b"x", TEXT)


def never_reads_pongs(server):
    return never_reads(server, bytes(125), PING)


def unread(server, over_tls=False):
    """Bytes that the kernel holds of what the server wrote: on their way, or not yet read."""
    port, total = (server.tls if over_tls else server.address)[1], 0
    for row in rows(port):
        sending, arrived = row[4].split(":")
        total += int(sending if row[1] == "0100007F:%04X" % port else arrived, 16)
    return total


def reads_no_more(server, now_and_then=b"", over_tls=False):
    """A peer of which a little waits to be written, less than stops a server from reading."""
    peer = (server.tls_peer if over_tls else server.peer)(**LITTLE)
    message = frame(BINARY if server.rooms is None else TEXT, b"m" * server.long)
    sent, rounds, end = 0, 0, time.monotonic() + LIMIT
    try:
        while server.connections(over_tls) > 0:
            held = sent - unread(server, over_tls)
            if time.monotonic() > end:
                raise Fault(f"it is kept without end, with {held} of {sent} bytes not in the kernel")
            if held <= 0:
                peer.send(message)
                sent += len(message) - 4  # the key
                rounds, end = 0, time.monotonic() + LIMIT
                if sent > HELD:
                    raise Fault(f"{sent >> 20} MiB were taken from a peer that reads nothing")
            else:
                if rounds % 4 == 3:  # it is not just on its way
                    peer.send(now_and_then)
                time.sleep(0.05)
                rounds += 1
    except (ConnectionError, ssl.SSLError):
        pass  # thrown out already
    peer.close()
    return f"{sent >> 10} KiB sent"


def floods_pings(server):
    """Who sends some hundred Pings at once gets its Pongs; who sends ten thousands is closed, and others are not."""
    other, peer = server.peer(), server.peer()
    peer.send(frame(PING) * 900)
    pongs = 0
    while pongs < 900:
        if (answer := peer.receive())[0] not in (0x80 | PONG, 0x80 | PING):
            raise Fault(f"{answer!r} in answer to a Ping")
        pongs += answer == (0x80 | PONG, b"")
    server.answers(peer, b"and me?")
    peer.send(frame(PING) * 60_000)
    server.answers(other, b"and me?")
    while (answer := peer.receive())[0] in (0x80 | PONG, 0x80 | PING):
        pass
    if answer[0] != 0x80 | CLOSE or not answer[1].startswith(b"\x03\xf0"):  # 1008
        raise Fault(f"{answer!r} in answer to ten thousands of Pings")
    server.answers(other, b"still here")
    peer.until_gone("after a flood of Pings")
    peer.close()
    other.close()


def deflated(payload):
    """A client's compressed message."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return frame(0x40 | BINARY, data[:-4])


def never_reads_bombs(server):
    """What a peer sends compressed is held inflated, and no more of it than of anything else."""
    zeros = deflated(bytes(64 * MAX_MESSAGE))

    def said():
        peer = Peer(server.address, request=DEFLATE_REQUEST)
        peer.send(zeros)
        said = peer.until_gone("after a message of 64 MiB in 64 KiB")
        if b"\x03\xf1" not in said:  # 1009
            raise Late(f"it said {said[-60:]!r} to a message of 64 MiB in 64 KiB")

    server.in_time(said)
    # Of the greatest length, a hundredth in compressed bytes, behind what the kernel holds.
    bomb = deflated(os.urandom(MAX_MESSAGE // 100) + bytes(MAX_MESSAGE - MAX_MESSAGE // 100))
    data = frame(BINARY, os.urandom(MAX_MESSAGE)) * 4 + bomb * 100
    peer = server.in_time(lambda: Peer(server.address, **LITTLE, request=DEFLATE_REQUEST))
    return pour(server, peer, lambda sent: data[sent : sent + 65536])


def deaf_and_mute(server):
    """Who takes nothing and says nothing is not kept without end."""
    return reads_no_more(server)


def deaf_and_talking(server):
    """Nor is who takes nothing, and says a little now and then."""
    return reads_no_more(server, frame(PONG))


def deaf_and_asking(server):
    """Nor if that is answered, and the answer held beside the rest."""
    return reads_no_more(server, frame(TEXT, b"x"))


def deaf_over_tls(server):
    """Nor if TLS takes what the peer does not."""
    return reads_no_more(server, over_tls=True)


def deaf_and_asking_over_tls(server):
    return reads_no_more(server, frame(TEXT, b"x"), over_tls=True)


def idle(server):
    """Many who do nothing, before and after the handshake, are served and then ended."""
    before = server.memory()
    silent = [Peer(server.address, opened=False) for _ in range(IDLE // 2)]
    opened = [server.peer() for _ in range(IDLE // 2)]
    grown = server.memory() - before
    server.serves()
    for peer in silent:
        peer.until_gone("without a request")
        peer.close()
    server.serves()
    pings = 0
    for peer in opened:
        said = peer.until_gone("silent, and does not answer Pings")
        pings += said.startswith(b"\x89")
        peer.close()
    if pings != len(opened):
        raise Fault(f"{pings} of {len(opened)} were asked by a Ping")
    return f"{grown // IDLE} bytes of memory each"


def signalled(pids, number):
    for pid in pids:
        # A child of which the connection has just ended may be gone.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def is_stopped(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rsplit(")", 1)[1].split()[0] in "TZX"


@contextlib.contextmanager
def all_stopped(server):
    """What happens meanwhile, the server and its children find all at once."""
    pids = server.pids()
    try:
        signalled(pids, signal.SIGSTOP)
        while not all(map(is_stopped, pids)):
            time.sleep(0.001)
        yield
    finally:
        signalled(pids, signal.SIGCONT)


def stopped(server):
    """A process that was stopped and goes on has kept its connections."""
    peer, silent = server.peer(), Peer(server.address, opened=False)
    with all_stopped(server):
        pass
    server.answers(peer, b"still here")
    silent.send(REQUEST)
    silent.expect_open()
    peer.close()
    silent.close()


def alive(server):
    """Who only answers Pings may stay."""
    def stays():
        peer = server.peer()
        for _ in range(4):
            first, payload = peer.receive()
            if first & 0x0F == CLOSE:
                raise closed(payload)
            if first & 0x0F != PING:
                raise Fault(f"not a Ping, but {first:#x}")
            peer.send(frame(PONG, payload))
        server.answers(peer, b"still here")
        peer.close()
    server.in_time(stays)
    return "4 Pings answered"


def too_big(server):
    """A length that is only declared costs the server nothing."""
    peer = server.peer()
    peer.send(b"\x82\xff" + struct.pack(">Q", (1 << 63) - 1) + b"keys")
    said = peer.until_gone("after a message of 2^63 - 1 bytes")
    if b"\x03\xf1" not in said:  # 1009
        raise Fault(f"it said {said!r}")


def tls_peer(address, protocol, **how):
    """A raw client over TLS, which speaks HTTP/1.1 or HTTP/2. An end without close_notify is an error."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    peer = Peer(address, opened=False, **how)
    peer.socket = context.wrap_socket(peer.socket, suppress_ragged_eofs=False)
    return peer


def client_hello():
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    written = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), written, server_hostname="localhost").do_handshake()
    return written.read()


def killed_below_tls(server):
    """Peers that are killed in the handshake of TLS, one of nonsense too, or in the one above it."""
    hello, count = client_hello(), 0
    nonsense = hello[:11] + bytes(len(hello) - 11)
    for end in (Peer.reset, Peer.close):
        for begin in (hello, nonsense):
            for length in [*range(12), *range(12, len(hello), 11), len(hello)]:
                peer = Peer(server.tls, opened=False)
                peer.send(begin[:length])
                end(peer)
                count += 1
        for length in range(0, len(REQUEST), 10):
            peer = tls_peer(server.tls, "http/1.1")
            peer.send(REQUEST[:length])
            end(peer)
            count += 1
    server.serves(over_tls=True)
    return f"{count} connections"


def idle_below_tls(server):
    """The same below TLS and HTTP/2."""
    silent = [Peer(server.tls, opened=False) for _ in range(100)]
    # The beginning of HTTP/2, an empty SETTINGS frame, and then nothing.
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"

    def begins(length):
        peer = tls_peer(server.tls, "h2")
        peer.send(preface[:length])
        return peer

    idle = [server.in_time(lambda: begins(len(preface) - n)) for n in range(20)]
    server.serves(over_tls=True)
    for peer in silent + idle:
        peer.until_gone("silent below TLS or HTTP/2")
        peer.close()
    return f"{len(silent) + len(idle)} silent ones ended"


def end_of_tls(server):
    """The server ends TLS before TCP, whatever ended the connection; a peer may leave it out."""
    def ends(peer, what):
        try:
            while data := peer.socket.recv(65536):
                peer.buffer += data
        except ssl.SSLEOFError:
            raise Fault(f"no close_notify after {what}") from None
        peer.close()

    def opened():
        peer = tls_peer(server.tls, "http/1.1")
        peer.send(REQUEST + frame(TEXT, b"hello"))
        peer.expect_open()
        return peer

    for last, answer in (frame(CLOSE, b"\x03\xe8"), b"\x88\x02\x03\xe8"), (b"\xff", b"\x03\xea"):
        peer = opened()
        peer.send(last)
        ends(peer, last)
        if answer not in peer.buffer:
            raise Fault(f"{peer.buffer!r} in answer to {last!r}")
    peer = tls_peer(server.tls, "http/1.1")
    peer.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    ends(peer, "the page")
    for what in "TCP is half-closed", "TLS is half-closed":
        peer = opened()
        if peer.message() != b"hello":
            raise Fault("no answer over TLS")
        if what.startswith("TCP"):
            socket.socket.shutdown(peer.socket, socket.SHUT_WR)
        else:
            peer.socket = peer.socket.unwrap()  # which waits for the server's close_notify
        ends(peer, what)


def out_of_files(name, command):
    """Who finds no room is served when there is some again; nothing spins meanwhile."""
    server, begin = Server(name, f"prlimit --nofile={FILES}:{FILES} {command}"), time.monotonic()
    try:
        peers = [Peer(server.address, opened=False) for _ in range(2 * FILES)]
        for peer in peers:
            peer.send(REQUEST)
        for n, peer in enumerate(peers):
            # Those before it have gone when it is the last but FILES / 2 that may be served.
            if n >= FILES // 2:
                peers[n - FILES // 2].close()
            peer.expect_open()
        lines, most = server.said().count("\n"), 4 * FILES + 50 * (time.monotonic() - begin)
        if lines > most:
            raise Fault(f"{lines} lines were logged")
        return f"{lines} lines logged"
    finally:
        server.stop()


def long_messages(name, command):
    """What a long message has taken is given back, though the connection stays."""
    server = Server(name, command)
    message = bytes(MAX_MESSAGE)
    sent = frame(BINARY, message)
    try:
        peers = [server.peer() for _ in range(LONG)]
        before = server.memory()
        for peer in peers:
            peer.send(sent)
            if peer.message() != message:
                raise Fault("not the message that was sent")
            server.answers(peer, b"a short one")
        grown = server.memory() - before
        if grown > LONG * MAX_MESSAGE * 3 // 4:  # an allocator has a few MiB for each processor
            raise Fault(f"{grown >> 10} KiB are kept by {LONG} silent connections")
        return f"{grown >> 10} KiB kept by {LONG} connections"
    finally:
        server.stop()


def slow(name, command):
    """Who takes a little now and then, of much that waits for it, is alive."""
    server = Server(name, command, LONGER)
    message = frame(BINARY, bytes(10_000))

    def stays():
        # Of some segments: the kernel opens a smaller window so seldom that the server hears nothing for long.
        peer, sent, taken = server.peer(receive_buffer=8192, segment=1400), 0, 0
        for _ in range(2):  # who is silent is ended meanwhile, and one more
            silent = server.peer()
            while not silent.has_ended(1):
                while select.select([], [peer.socket], [], 0)[1]:
                    sent += peer.socket.send((message * 10)[sent % len(message) :])
                # Until the server has written more: it is told only of much room. What has arrived may be
                # counted twice until the server's kernel hears of it, but no more than the buffer holds. All
                # of that is read at a time, as a look takes long.
                written = taken + unread(server)
                while taken + unread(server) <= written + 32768:
                    is_read, is_written, _ = select.select([peer.socket], [peer.socket], [], LIMIT)
                    if is_written:
                        sent += peer.socket.send((message * 10)[sent % len(message) :])
                    if is_read:
                        if not (data := peer.socket.recv(65536)):
                            raise Late(f"it is ended after {taken} bytes")
                        taken += len(data)
            silent.close()
        peer.close()
        return f"{taken >> 10} KiB taken"

    try:
        return server.in_time(stays)
    finally:
        server.stop()


def out_of_threads(name, command):
    """Who gets no thread or process is turned away; the others stay, and there is room for more later."""
    with tempfile.TemporaryDirectory() as folder:
        # Root has as many as it likes, so somebody else has to run it.
        os.chmod(folder, 0o755)
        command = shutil.copy(command, folder)
        user = 200_000 + 2 * os.getpid() + (name == "c")
        become = f"setpriv --reuid={user} --regid={user} --clear-groups"
        # So that it is once the first of a connection's two threads that fails, and once the second.
        for threads in THREADS, THREADS + 1:
            server = Server(name, f"{become} prlimit --nproc={threads}:{threads} {command}")
            peers = []
            try:
                with contextlib.suppress(EOFError, ConnectionError):
                    while True:
                        peer = server.peer()
                        server.answers(peer, b"and me?")
                        peers.append(peer)
                for peer in peers:
                    server.answers(peer, b"still here")
                    peer.close()
                served, end = False, time.monotonic() + LIMIT
                while not served:
                    try:
                        server.serves()
                        served = True
                    except (EOFError, ConnectionError):
                        if time.monotonic() > end:
                            raise Fault("nobody is served any more") from None
            finally:
                server.stop()
    return f"{len(peers)} connections with {threads}"


def enough(name, command):
    """Who comes when there are as many as the server takes is served when one has gone."""
    server = Server(name, f"{command} --most {MOST}")
    try:
        peers, waiting = [server.peer() for _ in range(MOST)], [Peer(server.address, opened=False) for _ in range(MOST)]
        for peer in waiting:
            peer.send(REQUEST)
        for peer, next_one in zip(peers, waiting):
            for other in peers:
                if other.socket.fileno() >= 0:
                    server.answers(other, b"still here")
            if select.select([next_one.socket], [], [], 0)[0]:
                raise Fault(f"more than {MOST} are served")
            peer.close()
            next_one.expect_open()
    finally:
        server.stop()


def newcomers(name, command):
    """Who connects while others keep the server busy waits for some rounds, not for one each."""
    server = Server(name, command)
    # In a kilobyte there and back, and so it is the server that has the work.
    message, answered, open_after = deflated(bytes(MAX_MESSAGE)), 0, {}
    try:
        busy = [Peer(server.address, request=DEFLATE_REQUEST) for _ in range(BUSY)]
        with all_stopped(server):
            for peer in busy:
                peer.send(message)
            peers = [Peer(server.address, opened=False) for _ in range(NEWCOMERS)]
            for peer in peers:
                peer.send(REQUEST)
        by_socket = {peer.socket: peer for peer in busy + peers}
        while len(open_after) < NEWCOMERS:
            ready = select.select([peer.socket for peer in busy + peers if peer not in open_after], [], [], LIMIT)[0]
            if not ready:
                raise Fault("nobody is served any more")
            for peer in map(by_socket.get, ready):
                if peer in peers:
                    peer.expect_open()
                    open_after[peer] = answered
                elif not peer.receive()[1]:
                    raise Fault("no answer")
                else:
                    answered += 1
                    peer.send(message)
        if (rounds := max(open_after.values()) // BUSY) > NEWCOMERS // 4:
            raise Fault(f"each of the others was answered {rounds} times meanwhile")
        return f"{rounds} rounds for {NEWCOMERS}"
    finally:
        server.stop()


# On a server that waits for ever, and on one that does not.
PATIENT = [
    killed_in_the_handshake, killed_in_a_frame, half_closed, byte_by_byte, too_big, stopped, floods_pings,
]
HASTY = [
    slow_request, never_reads_messages, never_reads_letters, never_reads_pongs, never_reads_bombs,
    deaf_and_mute, deaf_and_talking, deaf_and_asking, alive, slow_frame, idle, never_ends,
]
PATIENT_OVER_TLS = [killed_below_tls, end_of_tls]
HASTY_OVER_TLS = [idle_below_tls, deaf_over_tls, deaf_and_asking_over_tls]
# What is tried on a server of its own: on each, and on some.
ALONE = [out_of_files, long_messages, slow]
ALONE_ON = {"threads": [out_of_threads], "c": [out_of_threads, enough], "uring": [enough, newcomers], "epoll": [newcomers]}
# The cluster is no echo server. It closes who falls behind: what comes then is read and dropped, up to
# a deadline. The C program sends compressed pieces back as they are.
LEFT_OUT = {
    "cluster": [half_closed, byte_by_byte, never_reads_letters, never_reads_bombs, long_messages, slow],
    "c": [never_reads_bombs],
}


class Results:
    def __init__(self, name):
        self.name, self.passed, self.failed = name, 0, 0

    def tell(self, good, what, more=""):
        self.passed += good
        self.failed += not good
        print(f"{'ok' if good else 'FAILED':<7} {self.name}: {what}{f' ({more})' if more else ''}", flush=True)

    def of(self, scenario, *arguments):
        if scenario in LEFT_OUT.get(self.name, []):
            return
        what = scenario.__name__.replace("_", " ")
        try:
            self.tell(True, what, scenario(*arguments))
        except (Fault, OSError, EOFError) as fault:
            self.tell(False, what, f"{type(fault).__name__} {fault}")

    def of_all(self, server, scenarios):
        """On one server, which is well after each of them, and in the end."""
        for scenario in scenarios:
            @functools.wraps(scenario)
            def and_serves(server, scenario=scenario):
                more = scenario(server)
                server.memory()
                server.serves()
                server.lets_all_go()
                return more

            if scenario not in LEFT_OUT.get(self.name, []):
                self.of(and_serves, server)
        if (code := server.process.poll()) is not None:
            self.tell(False, "it ended", f"with {code}")
        said = server.said()
        if "panicked" in said:
            self.tell(False, "it panicked", said[said.index("panicked") :][:200])
        grown = server.most - server.at_start
        told = f"at most {server.most >> 10} KiB, {grown >> 10} KiB more than at the start"
        self.tell(grown <= GROWTH, "memory stays bounded", told)


def try_all(name, command):
    results = Results(name)
    for deadlines, scenarios, over_tls in (
        (FOR_EVER, PATIENT, PATIENT_OVER_TLS),
        (SHORT, HASTY, HASTY_OVER_TLS),
    ):
        try:
            server = Server(name, command, deadlines)
        except (Fault, OSError, EOFError) as fault:
            results.tell(False, "start", f"{type(fault).__name__} {fault}")
            continue
        try:
            results.of_all(server, [*scenarios, *(over_tls if server.tls else [])])
        finally:
            server.stop()
    for scenario in [*ALONE, *ALONE_ON.get(name, [])]:
        results.of(scenario, name, command)
    return results.passed, results.failed


def main():
    servers = [argument.partition("=")[::2] for argument in sys.argv[1:]]
    servers = [(name, command) for name, command in servers if name in os.environ.get("SERVERS", name).split()]
    # Processes, as threads would wait for each other.
    with ProcessPoolExecutor(max(1, len(servers))) as pool:
        tried = [pool.submit(try_all, *server) for server in servers]
        passed, failed = map(sum, zip((0, 0), *(one.result() for one in tried)))
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0 or passed == 0)


if __name__ == "__main__":
    sys.exit(main())
