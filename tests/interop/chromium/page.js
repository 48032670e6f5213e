// Headless Chromium on the echo example's page: by its buttons, and by WebSockets made in the page.
'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const { launch, open, state: shows } = require('./browser');
const { REPEATING, Queue, brief, run, startEcho, within } = require('../node/harness');

const MESSAGE = 'typed, grüße, 世界, 🦀🎉';

/** Runs in the page: opens a WebSocket, sends messages, closes, and tells all that happened. */
async function exchange({ url, protocols, send, close }) {
  const socket = new WebSocket(url, protocols);
  socket.binaryType = 'arraybuffer';
  const seen = { opened: false, answers: [] };
  socket.onopen = () => {
    seen.opened = true;
    seen.protocol = socket.protocol;
    seen.extensions = socket.extensions;
    for (const { text, bytes, size } of send) {
      if (text !== undefined) socket.send(size ? text.repeat(size) : text);
      else socket.send(size ? new Uint8Array(size).map((_, i) => i) : new Uint8Array(bytes));
    }
    if (send.length === 0) socket.close(...close);
  };
  socket.onmessage = ({ data }) => {
    if (typeof data === 'string') seen.answers.push({ text: data });
    else seen.answers.push({ bytes: Array.from(new Uint8Array(data)) });
    if (seen.answers.length === send.length) socket.close(...close);
  };
  const { code, reason, wasClean } = await new Promise((resolve) => (socket.onclose = resolve));
  return { ...seen, code, reason, wasClean };
}

async function main() {
  const { url } = await startEcho();
  const browser = await launch();
  const pageErrors = [];
  const page = await open(browser, url, pageErrors);

  /** One `exchange` in the page that must end cleanly with the code it closed with. */
  async function inPage({ target = `${url}/`, protocols = [], send = [], close = [1000] }) {
    const seen = await within(
      page.evaluate(exchange, { url: target, protocols, send, close }),
      'end of the exchange in the page',
    );
    assert.deepEqual(
      { opened: seen.opened, code: seen.code, wasClean: seen.wasClean },
      { opened: true, code: close[0], wasClean: true },
    );
    return seen;
  }

  const state = (text) => shows(page, text);

  await run('Chromium', {
    'the page loads from the port of the echo server': async () => {
      const response = await page.goto(url.replace('ws:', 'http:') + '/');
      assert.equal(response.status(), 200);
      assert.match(response.headers()['content-type'], /^text\/html/);
      await state('closed');
    },

    'connect, type, send, see the answer, close': async () => {
      const frames = new Queue();
      page.once('websocket', (socket) => {
        socket.on('framereceived', ({ payload }) => frames.put(payload));
      });
      await page.fill('#url', `${url}/`);
      await page.click('#connect');
      await state('open');
      await page.fill('#message', MESSAGE);
      await page.click('#send');
      assert.equal(await frames.next('frame from the server'), MESSAGE);
      // Once as sent, once as received.
      await page.waitForFunction(
        (text) => document.querySelector('#log').innerText.split(text).length >= 3, MESSAGE,
      );
      await page.screenshot({ path: path.join(process.env.INTEROP_DIR, 'echo.png') });
      await page.click('#close');
      await state('closed');
    },

    'the page connects again after a close': async () => {
      await page.click('#connect');
      await state('open');
      await page.click('#close');
      await state('closed');
    },

    'text, also empty': async () => {
      const send = [{ text: MESSAGE }, { text: '' }, { text: 'third' }];
      assert.deepEqual((await inPage({ send })).answers, send);
    },

    'compression is agreed as the server has it by default': async () => {
      const send = [MESSAGE.repeat(50), ...REPEATING].map((text) => ({ text }));
      const { extensions, answers } = await inPage({ send });
      assert.equal(
        extensions, 'permessage-deflate; server_max_window_bits=12; client_max_window_bits=12',
      );
      assert.deepEqual(answers, send);
    },

    // Chromium would also read what goes beyond the agreement; that the server stays within it
    // is seen by `ws`, which would not.
    'compression with smaller windows, and without context takeover': async () => {
      const send = [MESSAGE.repeat(50), ...REPEATING].map((text) => ({ text }));
      for (const parameters of [
        'server_max_window_bits=10',
        'client_max_window_bits=10',
        'server_no_context_takeover',
        'client_no_context_takeover',
        'server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=8',
      ]) {
        const agreed = `permessage-deflate; ${parameters}`;
        const { server, url: target } = await startEcho('--deflate', agreed);
        const { extensions, answers } = await inPage({ target, send });
        assert.equal(extensions, agreed);
        assert.deepEqual(answers, send);
        await server.kill();
      }
    },

    'binary, also empty': async () => {
      const send = [{ bytes: [0, 1, 127, 128, 255] }, { bytes: [] }, { bytes: [42] }];
      assert.deepEqual((await inPage({ send })).answers, send);
    },

    '1 MiB of text': async () => {
      const size = 1 << 16;
      const { answers } = await inPage({ send: [{ text: '0123456789abcdef', size }] });
      assert.ok(answers[0].text === '0123456789abcdef'.repeat(size), brief(answers[0]));
    },

    '1 MiB of binary': async () => {
      const size = 1 << 20;
      const { answers } = await inPage({ send: [{ size }] });
      const right = answers[0].bytes?.length === size && answers[0].bytes.every((b, i) => b === (i & 255));
      assert.ok(right, brief(answers[0]));
    },

    'one of the offered subprotocols is chosen': async () => {
      assert.equal((await inPage({ protocols: ['soap', 'chat', 'echo'] })).protocol, 'chat');
    },

    'close with a code and a reason': async () => {
      await inPage({ close: [4001, 'bye, 世界'] });
    },

    'a path of its own, with a query': async () => {
      const send = [{ text: 'there' }];
      assert.deepEqual((await inPage({ target: `${url}/any/path?and=query`, send })).answers, send);
    },

    'a refused handshake: the page gets no connection, the console shows status 403': async () => {
      const said = new Queue();
      page.on('console', (message) => said.put(message.text()));
      const seen = await within(
        page.evaluate(exchange, { url: `${url}/refuse`, protocols: [], send: [], close: [] }),
        'end of the exchange in the page',
      );
      assert.deepEqual([seen.opened, seen.code, seen.wasClean], [false, 1006, false]);
      for (let line; (line = await said.next('word of a refused connection')); ) {
        if (line.includes('/refuse') && line.includes('403')) break;
      }
    },

    'the page raised no error': async () => assert.deepEqual(pageErrors, []),
  }, () => browser.close());
}

main();
