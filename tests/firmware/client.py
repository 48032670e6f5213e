"""Boots the firmware under QEMU and talks to it with the `websockets` client.

QEMU's serial line is its standard input and output. A bridge carries the bytes
between that and a TCP port, on which the client connects as to any server. Each
connection boots a machine of its own, which ends when it has closed.

    client.py ELF
"""

import asyncio
import re
import sys

import websockets

QEMU = [
    "qemu-system-arm", "-M", "mps2-an386", "-nographic", "-monitor", "none", "-serial", "stdio",
    "-semihosting-config", "enable=on,target=native", "-kernel",
]


class Board:
    """A listening bridge, whose connections reach a freshly booted machine."""

    def __init__(self, elf):
        self.elf = elf
        self.stacks = []
        self.exits = []
        self.running = set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.connection, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        self.uri = f"ws://127.0.0.1:{port}/echo"
        self.port = port
        return self

    async def __aexit__(self, *_):
        for qemu in self.running:
            qemu.kill()
        self.server.close()
        await self.server.wait_closed()

    def connect(self):
        # On a busy machine the emulator may take its time.
        return websockets.connect(
            self.uri, compression=None, ping_interval=None, open_timeout=60, close_timeout=60
        )

    async def connection(self, reader, writer):
        pipe = asyncio.subprocess.PIPE
        qemu = await asyncio.create_subprocess_exec(
            *QEMU, self.elf, stdin=pipe, stdout=pipe, stderr=pipe
        )

        self.running.add(qemu)

        async def pump(source, sink):
            while data := await source.read(256):
                sink.write(data)
                await sink.drain()

        inward = asyncio.create_task(pump(reader, qemu.stdin))
        try:
            await pump(qemu.stdout, writer)
        except ConnectionError:
            pass
        inward.cancel()
        told = (await qemu.stderr.read()).decode()
        self.exits.append(await qemu.wait())
        self.running.discard(qemu)
        self.stacks += [int(used) for used in re.findall(r"stack (\d+)", told)]
        writer.close()


async def echoes(board):
    async with board.connect() as ws:
        for length in (0, 1, 2, 125, 126, 127, 1000, 1500):
            text = "aé€😀"[: length % 4] + "x" * length
            await ws.send(text)
            assert await ws.recv() == text, length
            data = bytes(i % 251 for i in range(length))
            await ws.send(data)
            assert await ws.recv() == data, length
        long = bytes(i % 253 for i in range(20_000))
        await ws.send(long)
        assert await ws.recv() == long
        await ws.send(["in ", "three ", "fragments"])
        assert await ws.recv() == "in three fragments"
        pong = await ws.ping(b"are you there?")
        await pong
        # Two at once.
        await ws.send("first")
        await ws.send("second")
        assert [await ws.recv(), await ws.recv()] == ["first", "second"]
    assert ws.close_code == 1000, ws.close_code


async def refusals(board):
    reader, writer = await asyncio.open_connection("127.0.0.1", board.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", board.port)
    writer.write(b"GET / HTTP/1.1\r\nX: " + b"x" * 2000)
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 431 "), answer
    writer.close()


async def violations(board):
    async with board.connect() as ws:
        # A text that is not UTF-8, written behind the client's back.
        ws.transport.write(b"\x81\x81\0\0\0\0\xff")
        try:
            await ws.recv()
        except websockets.ConnectionClosedError as closed:
            assert closed.rcvd.code == 1007, closed
        else:
            raise AssertionError("bad text was echoed")


async def main(elf):
    async with Board(elf) as board:
        for scenario in (echoes, refusals, violations):
            await asyncio.wait_for(scenario(board), 120)
            print(f"ok {scenario.__name__}", flush=True)
        while len(board.stacks) < 4:
            await asyncio.sleep(0.05)
        # The closed connection alone ends as a success.
        assert sorted(board.exits) == [0, 1, 1, 1], board.exits
        print("stack", max(board.stacks))


asyncio.run(asyncio.wait_for(main(sys.argv[1]), 240))
