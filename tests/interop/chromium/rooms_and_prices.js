// Headless Chromium on the pages of the rooms and prices examples, by their buttons.
'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const { launch, logged, open, state } = require('./browser');
const { run, startServer } = require('../node/harness');

const MESSAGE = 'grüße, 世界, 🦀🎉 <b>&amp;</b>';

const shot = (page, name) =>
  page.screenshot({ path: path.join(process.env.INTEROP_DIR, `${name}.png`) });

async function enter(page, room) {
  await page.fill('#room', room);
  await page.click('#enter');
  await state(page, 'open');
}

async function say(page, text) {
  await page.fill('#message', text);
  await page.click('#send');
}

async function main() {
  const rooms = await startServer('rooms');
  const prices = await startServer('prices');
  const browser = await launch();
  const errors = [];
  const one = await open(browser, rooms.url, errors);
  const two = await open(browser, rooms.url, errors);
  const line = await open(browser, prices.url, errors);

  await run('Chromium, rooms and prices', {
    'two tabs in a room hear each other': async () => {
      await enter(one, 'tea');
      await logged(one, 'room tea, you are 1');
      await enter(two, 'tea');
      await logged(two, 'room tea, you are 2');
      await logged(one, '2 joined');
      await say(one, MESSAGE);
      assert.equal(await logged(one, MESSAGE), 'own');
      assert.equal(await logged(two, MESSAGE), 'other');
      await say(two, 'and hello from here');
      assert.equal(await logged(one, 'and hello from here'), 'other');
      assert.match(await one.textContent('#who'), /number 1/);
      await shot(one, 'rooms');
    },

    'one leaves, the other is told': async () => {
      await two.click('#leave');
      await state(two, 'closed');
      assert.equal(await logged(two, 'you left'), 'info');
      assert.equal(await logged(one, '2 left'), 'info');
    },

    'a tab that is closed leaves, too': async () => {
      await enter(two, 'tea');
      await logged(one, '3 joined');
      await two.close();
      await logged(one, '3 left');
    },

    'what is wrong is told in words': async () => {
      await one.evaluate(() => socket.send('x'.repeat(20_000)));
      await state(one, 'closed');
      assert.equal(await logged(one, 'message too big'), 'error');
      assert.equal(await logged(one, 'code 1009'), 'error');
      await one.fill('#room', 'y'.repeat(65));
      await one.click('#enter');
      assert.equal(await logged(one, 'the room\'s name is too long (code 1008)'), 'error');
      await enter(one, 'last');
      await rooms.server.kill();
      await state(one, 'closed');
      assert.equal(await logged(one, 'the connection was lost'), 'error');
      await one.click('#enter');
      assert.equal(await logged(one, 'could not be reached'), 'error');
      await state(one, 'closed');
      await shot(one, 'rooms-errors');
    },

    'the page of prices connects by itself and draws a line': async () => {
      await state(line, 'open');
      await line.waitForFunction(
        () => document.querySelector('#line').getAttribute('points').split(' ').length >= 5,
      );
      assert.match(await line.textContent('#price'), /^\d{3}\.\d$/);
      const points = (await line.getAttribute('#line', 'points')).split(' ');
      const xs = points.map((point) => Number(point.split(',')[0]));
      assert.equal(xs.at(-1), 120);
      assert.ok(xs.every((x, i) => i === 0 || x > xs[i - 1]), `they run to the right: ${xs}`);
      await shot(line, 'prices');
    },

    'a word stops the prices, with 1000; they can be started again': async () => {
      await line.click('#stop');
      await state(line, 'closed');
      assert.equal(await logged(line, '(code 1000)'), 'info');
      const before = await line.getAttribute('#line', 'points');
      await line.click('#start');
      await state(line, 'open');
      await line.waitForFunction(
        (points) => document.querySelector('#line').getAttribute('points') !== points, before,
      );
      await prices.server.kill();
      await state(line, 'closed');
      assert.equal(await logged(line, 'the connection was lost'), 'error');
    },

    'no page raised an error': async () => assert.deepEqual(errors, []),
  }, () => browser.close());
}

main();
