// Headless Chromium on the tokio driver: `wss://` over HTTP/1.1, and WebSockets as streams of the
// HTTP/2 connection that brought the page (RFC 8441).
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { chromium } = require('playwright-core');
const { Program, brief, run, within } = require('../interop/node/harness');

// Nothing that the browser does by itself may reach for the network. The certificate is the
// server's own.
const ARGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--ignore-certificate-errors',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

/** Runs in the page: opens a WebSocket, sends messages, closes, and tells all that happened. */
async function exchange({ url, send, stay }) {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  const seen = { answers: [] };
  const ended = new Promise((resolve) => (socket.onclose = resolve));
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    ended.then(({ code }) => reject(new Error(`not opened, ${code}`)));
  });
  seen.extensions = socket.extensions;
  for (const text of send) {
    const answer = new Promise((resolve) => (socket.onmessage = resolve));
    socket.send(text.size ? new Uint8Array(text.size).map((_, i) => i) : text);
    const { data } = await answer;
    if (typeof data === 'string') seen.answers.push(data);
    else seen.answers.push({ size: data.byteLength, good: new Uint8Array(data).every((b, i) => b === (i & 255)) });
  }
  if (stay) {
    (window.open_ ??= []).push(socket);
    return seen;
  }
  socket.close(4001, 'bye, 世界');
  const { code, reason, wasClean } = await ended;
  return { ...seen, code, reason, wasClean };
}

/** How many connections a server's port has. */
function connections(port) {
  const local = `0100007F:${Number(port).toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = fs.readFileSync('/proc/net/tcp', 'utf8').split('\n');
  const ESTABLISHED = '01';
  return lines.map((line) => line.trim().split(/\s+/))
    .filter(([, from, , state]) => from === local && state === ESTABLISHED).length;
}

async function main() {
  const server = new Program(process.env.SANSOCKET_TOKIO, '--listen', '127.0.0.1:0', '--listen-tls', '127.0.0.1:0');
  const url = (await server.lineWith('listening on wss://')).split(' ').pop();
  const { port } = new URL(url);
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ARGS });
  const http1 = await chromium.launch({ executablePath: process.env.CHROMIUM, args: [...ARGS, '--disable-http2'] });

  /** The server's page, and how it came. */
  async function open(browser) {
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    assert.equal((await page.goto(url.replace('wss', 'https'))).status(), 200);
    const how = await page.evaluate(() => performance.getEntriesByType('navigation')[0].nextHopProtocol);
    return { page, how };
  }

  const inPage = (page, send, more = {}) =>
    within(page.evaluate(exchange, { url, send, ...more }), 'end of the exchange in the page');
  const clean = ({ code, reason, wasClean }) =>
    assert.deepEqual({ code, reason, wasClean }, { code: 4001, reason: 'bye, 世界', wasClean: true });

  await run('Chromium and the tokio driver', {
    'wss:// over HTTP/1.1': async () => {
      const { page, how } = await open(http1);
      assert.equal(how, 'http/1.1');
      const seen = await inPage(page, ['grüße', { size: 1 << 20 }, '']);
      assert.deepEqual(seen.answers, ['grüße', { size: 1 << 20, good: true }, '']);
      assert.match(seen.extensions, /^permessage-deflate/);
      clean(seen);
      await http1.close();
    },

    'a WebSocket over HTTP/2, on the connection that brought the page': async () => {
      const { page, how } = await open(browser);
      assert.equal(how, 'h2');
      assert.equal(connections(port), 1, 'connections after the page');
      for (let n = 1; n <= 5; n++) {
        assert.deepEqual((await inPage(page, [`${n}`], { stay: true })).answers, [`${n}`]);
      }
      assert.equal(connections(port), 1, 'connections with five WebSockets open');
      const long = 'over HTTP/2, '.repeat(100);
      const seen = await inPage(page, [long, { size: 1 << 20 }, '']);
      assert.deepEqual(seen.answers, [long, { size: 1 << 20, good: true }, ''], brief(seen.answers));
      assert.match(seen.extensions, /^permessage-deflate/);
      clean(seen);
    },

    'the page itself, over HTTP/2': async () => {
      const { page } = await open(browser);
      const before = connections(port);
      const state = (text) => page.waitForFunction(
        (expected) => document.querySelector('#state').textContent.trim() === expected, text,
      );
      await page.click('#connect');
      await state('open');
      assert.equal(connections(port), before);
      await page.fill('#message', 'typed');
      await page.click('#send');
      await page.waitForFunction(() => document.querySelector('#log').innerText.split('typed').length >= 3);
      await page.screenshot({ path: path.join(process.env.INTEROP_DIR, 'http2.png') });
      await page.click('#close');
      await state('closed');
    },
  }, async () => {
    await browser.close();
    await http1.close();
  });
}

main();
