// WebSockets over HTTP/2 (RFC 8441) on the tokio driver, by Node's own HTTP/2: what a browser does not
// do. Streams and connections are killed at each byte, half-closed, deaf; others are served meanwhile.
'use strict';

const assert = require('node:assert/strict');
const http2 = require('node:http2');
const { Program, run, within } = require('../interop/node/harness');

const { NGHTTP2_CANCEL } = http2.constants;

/** A client's frame, masked. */
function frame(opcode, payload = '', fin = true) {
  const bytes = Buffer.from(payload);
  const key = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
  const head = Buffer.alloc(bytes.length < 126 ? 2 : bytes.length < 65536 ? 4 : 10);
  head[0] = (fin ? 0x80 : 0) | opcode;
  if (head.length === 2) head[1] = 0x80 | bytes.length;
  else if (head.length === 4) (head[1] = 0xfe), head.writeUInt16BE(bytes.length, 2);
  else (head[1] = 0xff), head.writeBigUInt64BE(BigInt(bytes.length), 2);
  return Buffer.concat([head, key, bytes.map((byte, i) => byte ^ key[i & 3])]);
}

const FRAMES = Buffer.concat([
  frame(1, 'hello'), frame(1, 'in ', false), frame(9, 'there?'), frame(0, 'pieces'),
  frame(2, Buffer.alloc(200)), frame(8, Buffer.from([3, 0xe8])),
]);

async function main() {
  const server = new Program(
    process.env.SANSOCKET_TOKIO, '--listen', '127.0.0.1:0', '--listen-tls', '127.0.0.1:0', '--idle-timeout', '8',
    '--origin', 'https://ours.example',
  );
  const { host } = new URL((await server.lineWith('listening on wss://')).split(' ').pop());

  /** A connection on which the server has allowed extended CONNECT. */
  async function connect() {
    const session = http2.connect(`https://${host}`, { rejectUnauthorized: false });
    session.on('error', () => {}); // ended on purpose, most of them
    const settings = await within(new Promise((done) => session.once('remoteSettings', done)), 'settings');
    assert.equal(settings.enableConnectProtocol, true);
    return session;
  }

  /** A stream, and the headers that answer it. */
  async function open(session, more = {}) {
    const stream = session.request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'https', ':authority': host, ':path': '/',
      'sec-websocket-version': '13', ...more,
    }, { endStream: false });
    stream.on('error', () => {});
    const headers = await within(new Promise((done) => stream.once('response', done)), 'answer');
    return { stream, headers, status: headers[':status'] };
  }

  /** All that a stream brings until its end, or until there are so many bytes. */
  async function read(stream, length = Infinity) {
    const chunks = [];
    let size = 0;
    await within(new Promise((done) => {
      stream.on('data', (chunk) => {
        chunks.push(chunk);
        if ((size += chunk.length) >= length) done();
      });
      stream.once('end', done);
      stream.once('close', done);
    }), 'end of the stream');
    return Buffer.concat(chunks);
  }

  async function isServed(session) {
    const { stream, status } = await open(session);
    assert.equal(status, 200);
    stream.write(frame(1, 'and me?'));
    assert.equal((await read(stream, 9)).toString('latin1'), '\x81\x07and me?');
    stream.close(NGHTTP2_CANCEL);
  }

  // From here on nobody uses it.
  const idle = await connect();
  const goaway = new Promise((done) => idle.once('goaway', done));
  const idleEnd = new Promise((done) => idle.once('close', done));

  const answers = Buffer.from(
    '\x81\x05hello' + '\x8a\x06there?' + '\x81\x09in pieces' + '\x82\x7e\x00\xc8' + '\0'.repeat(200) + '\x88\x02\x03\xe8',
    'latin1',
  );

  await run('HTTP/2', {
    'frames in one piece, and byte by byte; the stream ends after both Closes': async () => {
      const session = await connect();
      for (const step of [FRAMES.length, 1]) {
        const { stream, status } = await open(session);
        assert.equal(status, 200);
        for (let i = 0; i < FRAMES.length; i += step) stream.write(FRAMES.subarray(i, i + step));
        assert.deepEqual(await read(stream), answers);
      }
      session.destroy();
    },

    'the page, and refusals': async () => {
      const session = await connect();
      const page = session.request({ ':path': '/' });
      assert.match((await read(page)).toString(), /^<!doctype html>/);
      const other = session.request({ ':path': '/other' });
      const head = await within(new Promise((done) => other.once('response', done)), 'answer');
      assert.equal(head[':status'], 404);
      other.close();
      const answered = async (more) => (await open(session, more)).headers;
      assert.equal((await answered({ ':protocol': 'other' }))[':status'] >= 400, true);
      const version = await answered({ 'sec-websocket-version': '12' });
      assert.deepEqual([version[':status'], version['sec-websocket-version']], [400, '13']);
      for (const [origin, status] of [['https://ours.example', 200], ['https://theirs.example', 403]]) {
        assert.equal((await answered({ origin }))[':status'], status);
      }
      await isServed(session);
      session.destroy();
    },

    'streams that are reset at each byte; the connection goes on': async () => {
      const session = await connect();
      for (let length = 0; length <= FRAMES.length; length++) {
        const { stream } = await open(session);
        stream.write(FRAMES.subarray(0, length), () => stream.close(NGHTTP2_CANCEL));
      }
      await isServed(session);
      session.destroy();
    },

    'connections that are killed at each byte; others go on': async () => {
      const other = await connect();
      for (let length = 0; length <= FRAMES.length; length++) {
        const session = await connect();
        const { stream } = await open(session);
        await new Promise((done) => stream.write(FRAMES.subarray(0, length), done));
        session.destroy();
      }
      await isServed(other);
      other.destroy();
    },

    'half-closed: the answer still comes': async () => {
      const session = await connect();
      const { stream } = await open(session);
      stream.end(frame(2, Buffer.alloc(300_000)));
      assert.equal((await read(stream)).length, 300_000 + 10);
      session.destroy();
    },

    'a stream that is not read: not read from without end, reset at a deadline, others served': async () => {
      const session = await connect();
      session.setLocalWindowSize(1 << 24); // so that it is the stream's own that shuts
      const { stream } = await open(session);
      const gone = new Promise((done) => stream.once('close', done));
      let taken = 0;
      const message = frame(2, Buffer.alloc(10_000));
      // Nobody listens to its data, so its window stays shut. Written until it is taken no more.
      while (taken < 64 << 20) {
        const written = new Promise((done) => stream.write(message, () => done(true)));
        if (!(await Promise.race([written, new Promise((done) => setTimeout(done, 500))]))) break;
        taken += message.length;
      }
      assert.ok(taken < 1 << 20, `${taken} bytes were taken`);
      await isServed(session);
      assert.ok(!stream.closed, 'the other was served only when this one was gone');
      await within(gone, 'end of a stream that is not read');
      await isServed(session);
      session.destroy();
    },

    'a connection that nobody uses is ended by GOAWAY, then by TLS': async () => {
      assert.equal(await within(goaway, 'GOAWAY'), http2.constants.NGHTTP2_NO_ERROR);
      await within(idleEnd, 'end of an idle connection');
    },

    'it did not panic': async () => {
      server.process.kill('SIGTERM');
      assert.doesNotMatch(await server.rest(server.err), /panicked/);
    },
  });
}

main();
