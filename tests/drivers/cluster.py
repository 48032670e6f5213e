#!/usr/bin/env python3
"""Two servers of the `cluster` driver and a real Redis, which is killed, started again, and hangs.

    tests/drivers/cluster.py COMMAND

Exit: 0 all passed, 1 something failed.
"""

import json
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from faults import BINARY, CLOSE, LIMIT, REQUEST, TEXT, Fault, Peer, frame, unread

APART = "* the other servers are out of reach"
JOINED = "* joined with the other servers"
FLOOD = 3000  # texts that are said at once: more than any guest may fall behind


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
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
            try:
                with socket.create_connection(("127.0.0.1", self.port)) as probe:
                    probe.sendall(b"PING\r\n")
                    if probe.recv(100).startswith(b"+PONG"):
                        return
            except OSError:
                time.sleep(0.05)
        raise Fault("Redis does not start")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.kill()
        shutil.rmtree(self.folder)


class Server:
    def __init__(self, command, name, redis):
        self.errors = tempfile.TemporaryFile()
        options = ["--listen", "127.0.0.1:0", "--name", name, "--redis", f"redis://127.0.0.1:{redis.port}/"]
        self.process = subprocess.Popen(
            [*shlex.split(command), *options], stdout=subprocess.PIPE, stderr=self.errors
        )
        line = self.process.stdout.readline().decode()
        host, port = line.split("//")[1].strip().split(":")
        self.address = (host, int(port))

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode()

    def end(self):
        self.process.kill()
        self.process.wait()


class Guest(Peer):
    def __init__(self, server, room, receive_buffer=None):
        super().__init__(server.address, opened=False, receive_buffer=receive_buffer)
        self.send(REQUEST.replace(b"GET / ", f"GET /{room} ".encode()))
        self.expect_open()
        self.name = self.hears(f"room {room}, you are ").split()[-1]

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


def joined(servers, redis):
    """Both servers subscribe; how Redis counts them is the sign."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        with socket.create_connection(("127.0.0.1", redis.port)) as probe:
            probe.sendall(b"PUBSUB NUMSUB sansocket:chat\r\n")
            if probe.recv(1000).strip().endswith(b":%d" % len(servers)):
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
            work()
            results[True] += 1
            print(f"ok      cluster: {what}", flush=True)
            return True
        except (Fault, OSError, EOFError) as fault:
            results[False] += 1
            print(f"FAILED  cluster: {what} ({type(fault).__name__} {fault})", flush=True)
            return False

    guests = {}

    def come_together():
        servers.extend([Server(command, "one", redis), Server(command, "two", redis)])
        joined(servers, redis)
        guests["anna"] = anna = Guest(servers[0], "tea")
        anna.hears(f"{anna.name} joined", JOINED)
        guests["ben"] = ben = Guest(servers[1], "tea")
        for guest in (anna, ben):
            guest.hears(f"{ben.name} joined", JOINED)

    def talk(text):
        anna, ben = guests["anna"], guests["ben"]
        for speaker in (anna, ben):
            speaker.says(text)
            for guest in (anna, ben):
                guest.hears(f"{speaker.name}: {text}")

    def other_room():
        other = Guest(servers[1], "coffee")
        other.hears(f"{other.name} joined")
        talk("is anyone in the kitchen?")
        other.hears_nothing()
        other.close()

    def flood(server):
        """Two flood a room by turns of thousands. Who reads hears all of it, in the order of each."""
        flooders = [Guest(server, "flood"), Guest(server, "flood")]
        for hearer in flooders:
            hearer.hears(f"{flooders[1].name} joined", f"{flooders[0].name} joined")
        for flooder in flooders:
            flooder.send(b"".join(frame(TEXT, b"%d" % n) for n in range(FLOOD)))
        for hearer in flooders:
            left = {flooder.name: iter(range(FLOOD)) for flooder in flooders}
            for _ in range(2 * FLOOD):
                name, text = hearer.message().decode().split(": ")
                if text != str(next(left[name])):
                    raise Fault(f"{hearer.name} heard {text} of {name}")
        for flooder in flooders:
            flooder.close()

    def flooded():
        """Who is slow in one room is nothing to those who flood another."""
        server = servers[0]
        slow, fast = Guest(server, "slow", receive_buffer=4096), Guest(server, "slow")
        for guest in (slow, fast):
            guest.hears(f"{fast.name} joined", f"{slow.name} joined")
        # Until what the slow one does not read stops the server from writing to it.
        text, said, unwritten = "m" * 10_000, 0, False
        while not unwritten:
            fast.says(text)
            fast.hears(f"{fast.name}: {text}")
            said += 1
            end = time.monotonic() + 1
            while not (written := unread(server) >= said * len(text)) and time.monotonic() < end:
                time.sleep(0.01)
            unwritten = not written
        flood(server)
        for _ in range(said):
            slow.hears(f"{fast.name}: {text}")
        fast.says("still there?")
        slow.hears(f"{fast.name}: still there?")
        slow.close()
        fast.close()

    def leave():
        third = Guest(servers[1], "tea")
        for guest in (third, guests["anna"], guests["ben"]):
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
        carl = Guest(servers[0], "tea")
        anna.hears(f"{carl.name} joined")
        carl.hears(f"{carl.name} joined")
        anna.says("only us?")
        for guest in (anna, carl):
            guest.hears(f"{anna.name}: only us?")
        ben.hears_nothing()
        carl.send(frame(CLOSE, b"\x03\xe8"))
        anna.hears(f"{carl.name} left")
        flood(servers[0])

    def again():
        redis.start()
        joined(servers, redis)
        for guest in guests.values():
            guest.hears(JOINED)
        talk("together again")

    def hang():
        redis.process.send_signal(signal.SIGSTOP)
        try:
            for guest in guests.values():
                guest.hears(APART)
        finally:
            redis.process.send_signal(signal.SIGCONT)
        for guest in guests.values():
            guest.hears(JOINED)
        joined(servers, redis)
        talk("it was only asleep")

    def text_only():
        guest = Guest(servers[0], "elsewhere")
        guest.hears(f"{guest.name} joined")
        guest.send(frame(BINARY, b"\x00"))
        if (answer := guest.receive()) != (0x80 | CLOSE, b"\x03\xebtext only"):
            raise Fault(f"it got {answer}")

    def logs():
        for server in servers:
            said = server.said()
            if said.count("Redis is lost") != 2 or said.count("joined by Redis") != 3 or "panicked" in said:
                raise Fault(json.dumps(said))

    try:
        _ = (
            step("a guest of one server is announced on the other", come_together)
            and step("what is said on one is heard on the other", lambda: talk("hello, grüße"))
            and step("rooms are apart", other_room)
            and step("a flood in one room does not end a slow guest of another", flooded)
            and step("who leaves is announced", leave)
            and step("Redis is killed: no connection is lost, and all are told", lose)
            and step("meanwhile each server goes on for its own", alone)
            and step("Redis is back: the servers join, on the same connections", again)
            and step("Redis hangs: all are told, though nobody speaks", hang)
            and step("binary is refused with 1003", text_only)
            and step("the servers said so, too, and did not panic", logs)
        )
    finally:
        for server in servers:
            server.end()
        redis.end()
    print(f"{results[True]} passed, {results[False]} failed")
    return int(results[False] > 0)


if __name__ == "__main__":
    sys.exit(main())
