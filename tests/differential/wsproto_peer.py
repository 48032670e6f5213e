"""wsproto and zlib as a filter of lines, with bytes in hexadecimal:

    (s|c) AGREED STREAM         how the stream ends, and then each event as KIND CODE ":" HEX
    LEVEL AGREED MESSAGE,...    the payload of each message, compressed

AGREED is what is agreed on permessage-deflate: the bits of the window and, with
takeover, a "+"; or "-"."""

import sys
import zlib

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.extensions import PerMessageDeflate


def extensions(agreed):
    if agreed == "-":
        return []
    bits, reset = int(agreed.rstrip("+")), not agreed.endswith("+")
    extension = PerMessageDeflate(reset, bits, reset, bits)
    extension.finalize("permessage-deflate")
    return [extension]


def deflate(level, agreed, messages):
    bits, compressor, payloads = int(agreed.rstrip("+")), None, []
    for message in messages:
        if compressor is None or not agreed.endswith("+"):
            compressor = zlib.compressobj(level, zlib.DEFLATED, -bits)
        payload = compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH)
        # An empty message is an empty block (RFC 7692 section 7.2.3.6), and zlib does
        # not flush twice.
        payloads.append(payload[:-4] or b"\0")
    return payloads


def outcome(role, agreed, stream):
    role = ConnectionType.SERVER if role == "s" else ConnectionType.CLIENT
    ws = Connection(role, extensions(agreed))
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
    what, agreed, rest = line.rstrip("\n").split(" ")
    if what in "sc":
        print(outcome(what, agreed, bytes.fromhex(rest)), flush=True)
    else:
        messages = map(bytes.fromhex, rest.split(","))
        print(",".join(payload.hex() for payload in deflate(int(what), agreed, messages)), flush=True)
