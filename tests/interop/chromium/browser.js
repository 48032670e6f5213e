// What the tests of the pages share: a headless Chromium, and pages that may raise no error.
'use strict';

const { chromium } = require('playwright-core');

/** A browser with no wish of its own to reach for the network. */
async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  });
}

/** A page at a server's port; what it raises is put into `errors`. */
async function open(browser, url, errors) {
  const page = await browser.newPage({ viewport: { width: 800, height: 720 } });
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(url.replace('ws:', 'http:') + '/');
  return page;
}

/** Waits until the page shows this state of its connection. */
function state(page, text) {
  return page.waitForFunction(
    (expected) => document.querySelector('#state').textContent.trim() === expected, text,
  );
}

/** Waits until the page's log has a line with this text, and says what class it is of. */
async function logged(page, text) {
  const line = await page.waitForFunction(
    (expected) => [...document.querySelectorAll('#log li')].find((li) => li.innerText.includes(expected)),
    text,
  );
  return line.evaluate((li) => li.className);
}

module.exports = { launch, logged, open, state };
