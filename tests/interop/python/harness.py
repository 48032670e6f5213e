"""What the Python peers share: the crate's examples as child processes, and the telling of results."""

import os
import queue
import signal
import subprocess
import sys
import threading
import traceback

TIMEOUT = 30  # seconds that any one answer may take, on a busy machine too

TEXT = "plain, grüße, 世界, 🦀🎉"
BINARY = bytes(range(256))
MIB_TEXT = "0123456789abcdef" * 65536
MIB_BINARY = BINARY * 4096


class Program:
    """A child process whose output is read line by line; it never outlives its `with` block."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.name = os.path.basename(command[0])
        self.out = self._lines(self.process.stdout)
        self.err = self._lines(self.process.stderr)

    def _lines(self, pipe):
        lines = queue.Queue()

        def read():
            for line in pipe:
                lines.put(line.removesuffix(b"\n").decode())
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        return lines

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def type(self, line):
        """Write one line to standard input."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def end_input(self):
        self.process.stdin.close()

    def line(self, lines=None):
        """The next line of standard output, or of `lines`; None at its end."""
        try:
            return (lines or self.out).get(timeout=TIMEOUT)
        except queue.Empty:
            raise AssertionError(f"{self.name} printed no line in {TIMEOUT} s") from None

    def line_with(self, text, lines=None):
        """The next line that contains `text`."""
        skipped = []
        while (line := self.line(lines)) is not None:
            if text in line:
                return line
            skipped.append(line)
        raise AssertionError(f"{self.name} ended without printing {text!r}, only {skipped}")

    def rest(self, lines):
        """All lines until the program ends."""
        return list(iter(lambda: self.line(lines), None))

    def exit_code(self):
        return self.process.wait(timeout=TIMEOUT)


class Server(Program):
    """A server of the examples on a port of its own; `url` has no path."""

    def __init__(self, name, *arguments, listen="127.0.0.1:0"):
        super().__init__(os.environ[f"SANSOCKET_{name.upper()}"], "--listen", listen, *arguments)

    def __enter__(self):
        try:
            self.url = self.line_with("listening on ws://").split()[-1].rstrip("/")
            self.address = self.url.removeprefix("ws://")
        except BaseException:
            self.__exit__()
            raise
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()


class Echo(Server):
    """The echo example, which refuses one path."""

    def __init__(self, *arguments):
        super().__init__("echo", "--refuse", "/refuse", *arguments)


class Client(Program):
    """The client example."""

    def __init__(self, *arguments):
        super().__init__(os.environ["SANSOCKET_CLIENT"], *arguments)


def equal(got, expected):
    if got != expected:
        raise AssertionError(f"expected {brief(expected)}, got {brief(got)}")


def brief(value):
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}... ({len(value)} long)"


def run(peer, scenarios, *arguments):
    """Run each scenario, named by its docstring, and exit with 1 if any failed."""

    def late(*_):
        raise TimeoutError("the scenario takes too long")

    signal.signal(signal.SIGALRM, late)
    failed = False
    for scenario in scenarios:
        name = f"{peer}: {scenario.__doc__}"
        signal.alarm(3 * TIMEOUT)
        try:
            scenario(*arguments)
            signal.alarm(0)
            print(f"ok      {name}", flush=True)
        except Exception as error:
            signal.alarm(0)
            failed = True
            if not isinstance(error, AssertionError):
                traceback.print_exc()
            print(f"FAILED  {name}: {type(error).__name__}: {error}", flush=True)
    sys.exit(failed)


# Ended from outside, leave by way of every `with` block, so that no child is left behind.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
