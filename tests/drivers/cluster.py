#!/usr/bin/env python3
"""Two servers of the `cluster` driver and a real Redis, which is killed, started again, and hangs.

    tests/drivers/cluster.py COMMAND

Exit: 0 all passed, 1 something failed.
"""

import contextlib
import json
import pathlib
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from faults import BINARY, CLOSE, LIMIT, REQUEST, TEXT, Fault, Peer, frame, unread, written_to

APART = "* the other servers are out of reach"
JOINED = "* joined with the other servers"
# Seconds in which no deadline comes, however seldom this program or a server gets the processor.
FOR_EVER = ["--handshake-timeout", "86400", "--idle-timeout", "86400", "--redis-timeout", "86400"]
HASTY = [*FOR_EVER, "--redis-timeout", "2"]  # the last one counts
TRIES = 5  # of what a machine that is too busy may spoil by such a deadline
FLOOD = 3000  # texts that are said at once: more than any guest may fall behind
CROWD = 600  # who enter a room at once: more than that, too
MANY, EACH = 300, 10  # who say so many texts each, all at once
LONGEST = 1024  # bytes that may be said at once
LOOK = 64  # texts after which to look, a part of what a guest may fall behind
ROOMS = 8  # in which one does not read
SAID = 3300  # texts in each: more than the kernel holds for that one, and the server
HELD = ROOMS * 512 << 10  # what they may hold: 256 texts each, of 1 KiB, and some
VISITS = 2000  # to as many rooms, one after the other
KEPT = 8 << 20  # of which no more than this may stay


def free_port():
    """One that is not given to who connects somewhere, as it must stay free while Redis is dead."""
    low, high = map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    ports = [port for port in range(10_000, 1 << 16) if not low <= port <= high] or [0]
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.choice(ports)))
            return probe.getsockname()[1]


class Redis:
    def __init__(self):
        self.port = free_port()
        self.folder = tempfile.mkdtemp()
        self.start()

    def start(self):
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([*command, "--dir", self.folder], stdout=subprocess.DEVNULL)
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if (code := self.process.poll()) is not None:
                raise Fault(f"Redis ended with {code}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), LIMIT) as probe:
                    probe.sendall(b"INFO server\r\n")
                    answer = next(line for line in probe.makefile("rb") if line.startswith(b"process_id:"))
                    if int(answer.split(b":")[1]) != self.process.pid:
                        raise Fault("another Redis has the port")
                    return
            except ConnectionError:
                time.sleep(0.05)
        raise Fault("Redis does not start")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.kill()
        shutil.rmtree(self.folder)


class Server:
    def __init__(self, command, name, redis, deadlines=FOR_EVER):
        self.errors = tempfile.TemporaryFile()
        options = ["--listen", "127.0.0.1:0", "--name", name, "--redis", f"redis://127.0.0.1:{redis.port}/"]
        self.process = subprocess.Popen(
            [*shlex.split(command), *options, *deadlines], stdout=subprocess.PIPE, stderr=self.errors
        )
        line = self.process.stdout.readline().decode()
        host, port = line.split("//")[1].strip().split(":")
        self.address = (host, int(port))

    def memory(self):
        lines = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))

    def said(self):
        return written_to(self.errors)

    def end(self):
        self.process.kill()
        self.process.wait()


class Guest(Peer):
    def __init__(self, server, room, receive_buffer=None):
        super().__init__(server.address, opened=False, receive_buffer=receive_buffer)
        self.room = room

    def asks(self):
        self.send(REQUEST.replace(b"GET / ", f"GET /{self.room} ".encode()))

    def enters(self):
        """From here on it hears what is said, and others have heard that it joined."""
        self.expect_open()
        self.name = self.hears(f"room {self.room}, you are ").split()[-1]
        while self.message().decode() != f"{self.name} joined":
            pass  # those who entered at the same time

    def says(self, text):
        self.send(frame(TEXT, text.encode()))

    def hears(self, start, *passing):
        """The next text, which must begin like this; those of `passing` may come before."""
        while (text := self.message().decode()) in passing:
            pass
        if not text.startswith(start):
            raise Fault(f"{self.name if hasattr(self, 'name') else 'a guest'} heard {text!r}, not {start!r}")
        return text

    def hears_nothing(self):
        """A Ping of its own comes back, and nothing before it."""
        self.send(frame(9, b"anything?"))
        if (answer := self.receive()) != (0x80 | 10, b"anything?"):
            raise Fault(f"{self.name} heard {answer}")


def enter(*where, **how):
    guest = Guest(*where, **how)
    guest.asks()
    guest.enters()
    return guest


@contextlib.contextmanager
def stopped(server):
    """What is sent to it meanwhile, it finds all at once."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def joined(servers):
    """As they say themselves."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        said = [server.said() for server in servers]
        if all(one.count("joined by Redis") > one.count("Redis is lost") for one in said):
            return
        time.sleep(0.05)
    raise Fault("the servers do not join")


def main():
    command = sys.argv[1]
    redis = Redis()
    servers = []
    results = {True: 0, False: 0}

    def step(what, work):
        try:
            more = work()
            results[True] += 1
            print(f"ok      cluster: {what}{f' ({more})' if more else ''}", flush=True)
            return True
        except (Fault, OSError, EOFError) as fault:
            results[False] += 1
            print(f"FAILED  cluster: {what} ({type(fault).__name__} {fault})", flush=True)
            return False

    guests = {}

    def come_together():
        servers.extend([Server(command, "one", redis), Server(command, "two", redis)])
        joined(servers)
        guests["anna"] = anna = enter(servers[0], "tea")
        guests["ben"] = ben = enter(servers[1], "tea")
        anna.hears(f"{ben.name} joined")

    def talk(text, *pair):
        pair = pair or (guests["anna"], guests["ben"])
        for speaker in pair:
            speaker.says(text)
            for guest in pair:
                guest.hears(f"{speaker.name}: {text}")

    def other_room():
        other = enter(servers[1], "coffee")
        talk("is anyone in the kitchen?")
        other.hears_nothing()
        other.close()

    def flood(server, crowd=2, texts=FLOOD):
        """All flood a room at once. Who reads hears all of it, in the order of each."""
        flooders = [enter(server, f"flood-of-{crowd}") for _ in range(crowd)]
        for n, hearer in enumerate(flooders):
            for later in flooders[n + 1 :]:
                hearer.hears(f"{later.name} joined")
        flood = b"".join(frame(TEXT, b"%d" % n) for n in range(texts))
        with stopped(server):
            for flooder in flooders:
                flooder.send(flood)
        for hearer in flooders:
            left = {flooder.name: iter(range(texts)) for flooder in flooders}
            for _ in range(crowd * texts):
                name, text = hearer.message().decode().split(": ")
                if text != str(next(left[name])):
                    raise Fault(f"{hearer.name} heard {text} of {name}")
        for flooder in flooders:
            flooder.close()

    def crowded(server):
        """All enter a room at once; nobody is closed for what the others say meanwhile."""
        crowd = [Guest(server, "crowd") for _ in range(CROWD)]
        with stopped(server):
            for guest in crowd:
                guest.asks()
        for guest in crowd:
            guest.enters()
        news = {f"{guest.name} joined" for guest in crowd}
        crowd[0].says("all here?")
        for guest in crowd:
            guest.hears(f"{crowd[0].name}: all here?", *news)
        for guest in crowd:
            guest.close()

    def flooded():
        """Who is slow in one room is nothing to those who flood another."""
        server = servers[0]
        slow, fast = enter(server, "slow", receive_buffer=4096), enter(server, "slow")
        slow.hears(f"{fast.name} joined")
        # Until what the slow one does not read stops the server from writing to it.
        text, said, written, before = "m" * LONGEST, 0, 0, -LOOK * LONGEST
        while written - before > LOOK * LONGEST // 2:
            for _ in range(LOOK):
                fast.says(text)
                fast.hears(f"{fast.name}: {text}")
            said += LOOK
            written, before = unread(server), written
        flood(server)
        for _ in range(said):
            slow.hears(f"{fast.name}: {text}")
        fast.says("still there?")
        slow.hears(f"{fast.name}: still there?")
        slow.close()
        fast.close()
        return f"{said} texts behind"

    def leave():
        third = enter(servers[1], "tea")
        for guest in (guests["anna"], guests["ben"]):
            guest.hears(f"{third.name} joined")
        third.send(frame(CLOSE, b"\x03\xe8"))
        for guest in (guests["anna"], guests["ben"]):
            guest.hears(f"{third.name} left")

    def lose():
        redis.kill()
        for guest in guests.values():
            guest.hears(APART)

    def alone():
        anna, ben = guests["anna"], guests["ben"]
        carl = enter(servers[0], "tea")
        anna.hears(f"{carl.name} joined")
        anna.says("only us?")
        for guest in (anna, carl):
            guest.hears(f"{anna.name}: only us?")
        ben.hears_nothing()
        carl.send(frame(CLOSE, b"\x03\xe8"))
        anna.hears(f"{carl.name} left")
        flood(servers[0])
        crowded(servers[0])

    def fresh(work):
        """Of another one it would not be seen by how much its memory grows."""
        server = Server(command, "fresh", redis)
        try:
            joined([server])
            return work(server)
        finally:
            server.end()

    def held(server):
        """Who says much to those who do not read does not make the server hold much. They fall behind, and
        leave the room, long before the deadline for who takes nothing."""
        before, most, deaf, talkers = server.memory(), 0, [], []
        for n in range(ROOMS):
            deaf.append(enter(server, f"deaf{n}", receive_buffer=4096))
            talkers.append(enter(server, f"deaf{n}"))
        text, heard = "m" * LONGEST, [[] for _ in talkers]
        for _ in range(SAID // 10):
            for talker in talkers:
                talker.send(frame(TEXT, text.encode()) * 10)
            for talker, texts in zip(talkers, heard):
                texts += [talker.message().decode() for _ in range(10)]
            most = max(most, server.memory() - before)
        for left, talker, texts in zip(deaf, talkers, heard):
            texts.append(talker.message().decode())
            if sorted(texts) != sorted([f"{left.name} left"] + [f"{talker.name}: {text}"] * SAID):
                raise Fault(f"{talker.name} heard {set(texts)}")
            left.close()
            talker.close()
        if most > HELD:
            raise Fault(f"{most >> 10} KiB are held for {ROOMS} rooms")
        guest = enter(server, "long")
        guest.says(text + "m")
        if (answer := guest.receive())[1][:2] != b"\x03\xf1":
            raise Fault(f"{answer} in answer to a text that is too long")
        return f"{most >> 10} KiB for {ROOMS} rooms"

    def visited(server):
        """A room that all have left is nothing."""
        before = server.memory()
        for n in range(VISITS):
            enter(server, f"visited{n}").close()
        if (kept := server.memory() - before) > KEPT:
            raise Fault(f"{kept >> 10} KiB are kept of {VISITS} rooms")
        return f"{kept >> 10} KiB kept of {VISITS} rooms"

    def again():
        redis.start()
        joined(servers)
        for guest in guests.values():
            guest.hears(JOINED)
        talk("together again")

    def hang():
        """Servers that do not wait long for Redis; those that do notice nothing of it."""
        pair = [Server(command, name, redis, HASTY) for name in ("three", "four")]
        try:
            joined(pair)
            carl, dora = (enter(server, "asleep") for server in pair)
            carl.hears(f"{dora.name} joined")
            with stopped(redis):
                for guest in (carl, dora):
                    guest.hears(APART)
            for guest in (carl, dora):
                guest.hears(JOINED)
            joined(pair)
            talk("it was only asleep", carl, dora)
            talk("who was?")
            has_logged(pair, 1)
        finally:
            for server in pair:
                server.end()

    def again_if_late(work):
        """A deadline that came for another reason is heard of, too."""
        for n in range(1, TRIES + 1):
            try:
                work()
                return f"at the {n}. try" if n > 1 else None
            except Fault:
                if n == TRIES:
                    raise

    def text_only():
        guest = enter(servers[0], "elsewhere")
        guest.send(frame(BINARY, b"\x00"))
        if (answer := guest.receive()) != (0x80 | CLOSE, b"\x03\xebtext only"):
            raise Fault(f"it got {answer}")

    def has_logged(servers, lost):
        for server in servers:
            said = server.said()
            if said.count("Redis is lost") != lost or said.count("joined by Redis") != lost + 1 or "panicked" in said:
                raise Fault(json.dumps(said))

    try:
        _ = (
            step("a guest of one server is announced on the other", come_together)
            and step("what is said on one is heard on the other", lambda: talk("hello, grüße"))
            and step("rooms are apart", other_room)
            and step("a flood in one room does not end a slow guest of another", flooded)
            and step("nor do many who enter a room at once end each other", lambda: crowded(servers[0]))
            and step("nor many who talk at once", lambda: flood(servers[0], MANY, EACH))
            and step("those who do not read are bounded by what may be said at once", lambda: fresh(held))
            and step("a room that is left leaves nothing", lambda: fresh(visited))
            and step("who leaves is announced", leave)
            and step("Redis is killed: no connection is lost, and all are told", lose)
            and step("meanwhile each server goes on for its own", alone)
            and step("Redis is back: the servers join, on the same connections", again)
            and step("Redis hangs: all are told, though nobody speaks", lambda: again_if_late(hang))
            and step("binary is refused with 1003", text_only)
            and step("the servers said so, too, and did not panic", lambda: has_logged(servers, 1))
        )
    finally:
        for server in servers:
            server.end()
        redis.end()
    print(f"{results[True]} passed, {results[False]} failed")
    return int(results[False] > 0)


if __name__ == "__main__":
    sys.exit(main())
