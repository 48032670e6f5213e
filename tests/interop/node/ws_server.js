// Node's `ws` as the server of our client.
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const { WebSocketServer } = require('ws');
const {
  BINARY, MIB_BINARY, MIB_TEXT, REPEATING, TEXT, Queue, run, startClient, within,
} = require('./harness');

/** Our client connected to a server on a free port; `scenario` gets both ends. */
async function connected(args, scenario, { path = '/', prepare = () => {}, ...options } = {}) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, maxPayload: 0, ...options });
  prepare(server);
  await within(once(server, 'listening'), 'listening server');
  const connection = once(server, 'connection');
  const client = startClient(`ws://127.0.0.1:${server.address().port}${path}`, ...args);
  try {
    const first = await within(
      Promise.race([connection, client.exited]), 'connection from the client',
    );
    if (!Array.isArray(first)) assert.fail(`the client ended: ${await client.rest(client.err)}`);
    const [socket, request] = first;
    socket.received = new Queue();
    socket.on('message', (data, isBinary) => socket.received.put(isBinary ? data : String(data)));
    socket.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve([code, String(reason)]));
    });
    socket.on('error', () => {}); // shows as the code 1006 in `closed`
    await scenario(client, socket, request);
  } finally {
    await client.kill();
    server.close();
  }
}

/** Compressed messages both ways, with the parameters that our client offers and those agreed on. */
async function compressed(offered, options = {}, agreed = offered) {
  let answered;
  const scenario = async (client, socket) => {
    assert.equal(answered, `permessage-deflate${agreed}`);
    for (const line of [TEXT, TEXT, 'z'.repeat(100_000), ...REPEATING]) {
      client.type(line);
      assert.equal(await socket.received.next('message'), line);
      socket.send(line);
      assert.equal(await client.line(), line);
    }
  };
  await connected(['--deflate', `permessage-deflate${offered}`], scenario, {
    perMessageDeflate: { threshold: 0, ...options },
    prepare(server) {
      server.on('headers', (lines) => {
        const name = 'Sec-WebSocket-Extensions: ';
        answered = lines.find((line) => line.startsWith(name))?.slice(name.length);
      });
    },
  });
}

/** The length and the first bytes of a line that shows a binary message. */
function shown(line) {
  const [length, bytes = ''] = line.toLowerCase().split(':');
  return [length, bytes.trim().slice(0, 8)];
}

run('ws as server', {
  'lines of input arrive as text messages': () => connected([], async (client, socket) => {
    for (const line of [TEXT, '', 'third']) {
      client.type(line);
      assert.equal(await socket.received.next('message'), line);
    }
  }),

  'a line of 1 MiB arrives as one message': () => connected([], async (client, socket) => {
    client.type(MIB_TEXT);
    assert.equal(await socket.received.next('message'), MIB_TEXT);
  }),

  'text is printed, empty text as an empty line': () => connected([], async (client, socket) => {
    for (const message of [TEXT, '', 'third']) {
      socket.send(message);
      assert.equal(await client.line(), message);
    }
  }),

  'binary is printed, an empty one too': () => connected([], async (client, socket) => {
    socket.send(Buffer.from([0, 127, 255]));
    assert.deepEqual(shown(await client.line()), ['binary, 3 bytes', '007fff']);
    socket.send(Buffer.alloc(0));
    assert.deepEqual(shown(await client.line()), ['binary, 0 bytes', '']);
    socket.send(BINARY);
    assert.deepEqual(shown(await client.line()), ['binary, 256 bytes', '00010203']);
  }),

  '1 MiB of text and of binary': () => connected([], async (client, socket) => {
    socket.send(MIB_TEXT);
    assert.equal(await client.line(), MIB_TEXT);
    socket.send(MIB_BINARY);
    assert.deepEqual(shown(await client.line()), ['binary, 1048576 bytes', '00010203']);
  }),

  'a message in fragments is printed as one line': () => connected([], async (client, socket) => {
    const crab = Buffer.from('🦀');
    socket.send(crab.subarray(0, 1), { fin: false, binary: false });
    socket.ping('between');
    socket.send('', { fin: false });
    socket.send(crab.subarray(1), { fin: true });
    assert.equal(await client.line(), '🦀');
  }),

  'a message that arrives together with the handshake is printed': () => connected(
    [],
    async (client) => assert.equal(await client.line(), 'early'),
    {
      prepare(server) {
        server.on('headers', (_, request) => request.socket.cork());
        server.on('connection', (socket, request) => {
          socket.send('early');
          process.nextTick(() => request.socket.uncork()); // both go out in one write
        });
      },
    },
  ),

  'pings with a payload of 0, 7 and 125 bytes are answered with the same': () => connected(
    [],
    async (client, socket) => {
      for (const payload of ['', 'payload', 'p'.repeat(125)]) {
        socket.ping(payload);
        const [pong] = await within(once(socket, 'pong'), 'pong');
        assert.equal(String(pong), payload);
      }
    },
  ),

  'the server closes with 4001: the client answers with the code, reports it and ends': () => connected(
    [],
    async (client, socket) => {
      socket.close(4001, 'bye');
      const [code] = await within(socket.closed, 'end of the connection');
      assert.equal(code, 4001);
      await client.lineWith('closed: 4001 bye', client.err);
      await client.exitCode();
    },
  ),

  'at the end of input the client closes with 1000 and exits with 0': () => connected(
    [],
    async (client, socket) => {
      client.type('last words');
      client.endInput();
      assert.equal(await socket.received.next('message'), 'last words');
      const [code] = await within(socket.closed, 'end of the connection');
      assert.equal(code, 1000);
      assert.equal(await client.exitCode(), 0);
    },
  ),

  'compression both ways, with and without context takeover': async () => {
    await compressed('');
    await compressed('; server_no_context_takeover');
    await compressed('; client_no_context_takeover');
    await compressed('; server_no_context_takeover; client_no_context_takeover');
  },

  'compression with windows of 9 to 14 bits that the client asks for': async () => {
    await compressed('; server_max_window_bits=9; client_max_window_bits=9');
    await compressed('; server_max_window_bits=14; client_max_window_bits=10');
    await compressed('; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=12');
  },

  'compression with windows smaller than the client asks for': async () => {
    const options = { serverMaxWindowBits: 10, clientMaxWindowBits: 9 };
    const offered = '; server_max_window_bits=12; client_max_window_bits=13';
    await compressed(offered, options, '; server_max_window_bits=10; client_max_window_bits=9');
  },

  'the chosen subprotocol is reported': () => connected(
    ['--protocol', 'soap', '--protocol', 'chat'],
    async (client) => {
      assert.equal(await client.lineWith('connected', client.err), 'connected, protocol chat');
    },
    { handleProtocols: (offered) => offered.has('chat') && 'chat' },
  ),

  'the server sees the path, the query and an extra header': () => connected(
    ['--header', 'X-Test: some value'],
    async (client, socket, request) => {
      assert.equal(request.url, '/a/b?c=d');
      assert.equal(request.headers['x-test'], 'some value');
    },
    { path: '/a/b?c=d' },
  ),

  'a refused handshake: status, headers and body are reported, and the client exits with 1': async () => {
    const server = http.createServer();
    server.on('upgrade', (request, socket) => {
      const body = 'who are you, 世界?\n';
      socket.end(
        'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="interop"\r\n' +
        `Connection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    });
    server.listen(0, '127.0.0.1');
    await within(once(server, 'listening'), 'listening server');
    const client = startClient(`ws://127.0.0.1:${server.address().port}/`);
    try {
      const report = (await client.rest(client.err)).toLowerCase();
      for (const part of ['401', 'www-authenticate:', 'basic realm="interop"', 'who are you, 世界?']) {
        assert.ok(report.includes(part), `"${part}" is not in the report: ${report}`);
      }
      assert.equal(await client.exitCode(), 1);
    } finally {
      await client.kill();
      server.close();
    }
  },
});
