// Node's `ws` as the client of our echo server.
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const WebSocket = require('ws');
const {
  BINARY, MIB_BINARY, MIB_TEXT, REPEATING, TEXT, Queue, run, startEcho, within,
} = require('./harness');

/** An open connection that collects what arrives: text as a string, binary as a Buffer. */
async function open(url, protocols, options) {
  const socket = new WebSocket(url, protocols, options);
  socket.received = new Queue();
  socket.pongs = new Queue();
  socket.closed = new Promise((resolve) => {
    socket.on('close', (code, reason) => resolve([code, String(reason)]));
  });
  socket.on('message', (data, isBinary) => socket.received.put(isBinary ? data : String(data)));
  socket.on('upgrade', ({ headers }) => (socket.agreed = headers['sec-websocket-extensions']));
  socket.on('pong', (data) => socket.pongs.put(String(data)));
  await within(once(socket, 'open'), 'open connection');
  socket.on('error', () => {}); // shows as the code 1006 in `closed`
  return socket;
}

async function close(socket, ...how) {
  socket.close(...how);
  return within(socket.closed, 'end of the connection');
}

async function echoed(url, message) {
  const socket = await open(url);
  socket.send(message);
  assert.deepEqual(await socket.received.next('answer'), message);
  assert.equal((await close(socket, 1000))[0], 1000);
}

async function main() {
  const { url } = await startEcho();
  await run('ws as client', {
    'text with CJK and emoji': () => echoed(`${url}/any/path?and=query`, TEXT),
    'compression with windows of 9 to 15 bits, with and without context takeover': async () => {
      const { server, url } = await startEcho('--deflate', 'permessage-deflate'); // all is accepted
      for (const bits of [9, 10, 12, 15]) {
        for (const noTakeover of [false, true]) {
          const perMessageDeflate = {
            serverMaxWindowBits: bits,
            clientMaxWindowBits: bits,
            serverNoContextTakeover: noTakeover,
            clientNoContextTakeover: noTakeover,
            threshold: 0,
          };
          const socket = await open(url, [], { perMessageDeflate });
          const takeover = noTakeover ? '; server_no_context_takeover; client_no_context_takeover' : '';
          const client = bits < 15 ? `; client_max_window_bits=${bits}` : ''; // 15 needs no words
          assert.equal(
            socket.agreed,
            `permessage-deflate${takeover}; server_max_window_bits=${bits}${client}`,
          );
          for (const message of [TEXT, MIB_TEXT, BINARY, '', TEXT, MIB_BINARY, ...REPEATING]) {
            socket.send(message);
            assert.deepEqual(await socket.received.next('answer'), message);
          }
          assert.equal((await close(socket, 1000))[0], 1000);
        }
      }
      await server.kill();
    },
    'binary': () => echoed(url, BINARY),
    'empty text': () => echoed(url, ''),
    'empty binary': () => echoed(url, Buffer.alloc(0)),
    '1 MiB of text': () => echoed(url, MIB_TEXT),
    '1 MiB of binary': () => echoed(url, MIB_BINARY),

    'text in fragments that cut a character in two': async () => {
      const socket = await open(url);
      const crab = Buffer.from('🦀');
      socket.send(crab.subarray(0, 1), { fin: false, binary: false });
      socket.send('', { fin: false });
      socket.send(crab.subarray(1), { fin: true });
      assert.equal(await socket.received.next('answer'), '🦀');
      socket.terminate();
    },

    'a ping between two fragments, and the message is whole': async () => {
      const socket = await open(url);
      socket.send(Buffer.from('one '), { fin: false });
      socket.ping('payload');
      assert.equal(await socket.pongs.next('pong'), 'payload');
      socket.send(Buffer.from('message'), { fin: true });
      assert.deepEqual(await socket.received.next('answer'), Buffer.from('one message'));
      socket.terminate();
    },

    '200 messages sent before the first answer is read': async () => {
      const socket = await open(url);
      for (let i = 0; i < 200; i++) socket.send(`message ${i}`);
      for (let i = 0; i < 200; i++) {
        assert.equal(await socket.received.next('answer'), `message ${i}`);
      }
      socket.terminate();
    },

    'pings with a payload of 0, 7 and 125 bytes are answered with the same': async () => {
      const socket = await open(url);
      for (const payload of ['', 'payload', 'p'.repeat(125)]) {
        socket.ping(payload);
        assert.equal(await socket.pongs.next('pong'), payload);
      }
      socket.terminate();
    },

    'close with a code and a reason: the code comes back': async () => {
      const socket = await open(url);
      const [code] = await close(socket, 4001, 'bye, 世界');
      assert.equal(code, 4001);
    },

    'one of the offered subprotocols is chosen': async () => {
      const socket = await open(url, ['soap', 'chat', 'echo']);
      assert.equal(socket.protocol, 'chat');
      socket.terminate();
    },

    'a refused handshake: status 403 and a body': async () => {
      const socket = new WebSocket(`${url}/refuse`);
      const [request, response] = await within(once(socket, 'unexpected-response'), 'refusal');
      assert.equal(response.statusCode, 403);
      let body = '';
      response.on('data', (data) => (body += data));
      await within(once(response, 'end'), 'body');
      assert.notEqual(body, '');
      request.destroy();
    },
  });
}

main();
