"""wsproto as a filter: a line "s" or "c" and the stream in hexadecimal in, a line
out: how it ends, and then each event as KIND CODE ":" HEX."""

import sys

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage


def outcome(role, stream):
    ws = Connection(ConnectionType.SERVER if role == "s" else ConnectionType.CLIENT)
    events, message = [], b""
    end = "open"
    try:
        ws.receive_data(stream)
        for event in ws.events():
            match event:
                case Ping():
                    events.append("I:" + bytes(event.payload).hex())
                case Pong():
                    events.append("O:" + bytes(event.payload).hex())
                case TextMessage() | BytesMessage():
                    text = isinstance(event, TextMessage)
                    message += event.data.encode() if text else bytes(event.data)
                    if event.message_finished:
                        events.append(("T:" if text else "B:") + message.hex())
                        message = b""
                case CloseConnection():
                    reason = (event.reason or "").encode()
                    # A failure is told as a Close that did not come.
                    if ws.state is ConnectionState.OPEN:
                        end = "refused -" + reason.hex()
                        break
                    code = "" if event.code == 1005 else str(int(event.code))
                    events.append("C" + code + ":" + reason.hex())
                    end = "closed"
                    # It would read on behind a Close.
                    break
    except Exception as error:  # What it lets through is its answer, too.
        end = "refused -" + (type(error).__name__ + ": " + str(error)).encode().hex()
    return " ".join([end, *events])


for line in sys.stdin:
    line = line.strip()
    print(outcome(line[0], bytes.fromhex(line[1:])), flush=True)
