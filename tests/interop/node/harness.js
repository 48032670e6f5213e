// What the Node peers share: the crate's examples as child processes, and the telling of results.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const path = require('node:path');
const readline = require('node:readline');

const TIMEOUT = 30_000; // milliseconds that any one answer may take, on a busy machine too

const TEXT = 'plain, grüße, 世界, 🦀🎉';
const BINARY = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const MIB_TEXT = '0123456789abcdef'.repeat(65536);
const MIB_BINARY = Buffer.alloc(1 << 20, BINARY);

/**
 * Lines that repeat themselves, and then each other, from less far back than the smallest window
 * to further than most: who compresses with more history than was agreed on cannot be understood.
 */
const REPEATING = [300, 700, 3000, 20_000].flatMap((length) => {
  const digits = noise(length);
  return [digits + digits, digits];
});

/** So many digits in which nothing repeats, but they deflate. */
function noise(length) {
  let state = length;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 24) % 10;
  }).join('');
}

// No child outlives this process, however it ends; `kill` does nothing to one that has ended.
const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** What `promise` gives, or a failure that says what did not come in time. */
function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: `no ${what}` })), TIMEOUT);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Values that arrive one by one, read one by one. */
class Queue {
  #values = [];
  #readers = [];

  put(value) {
    const reader = this.#readers.shift();
    if (reader) reader(value);
    else this.#values.push(value);
  }

  next(what) {
    if (this.#values.length > 0) return Promise.resolve(this.#values.shift());
    return within(new Promise((resolve) => this.#readers.push(resolve)), what);
  }
}

/** A child process whose output is read line by line. */
class Program {
  constructor(command, ...args) {
    this.name = path.basename(command);
    this.process = spawn(command, args);
    children.add(this.process);
    this.exited = new Promise((resolve, reject) => {
      this.process.on('error', reject);
      this.process.on('close', resolve);
    });
    this.exited.catch(() => {});
    this.process.stdin.on('error', () => {}); // a child that ended early shows in what it printed
    this.out = this.#lines(this.process.stdout);
    this.err = this.#lines(this.process.stderr);
  }

  #lines(stream) {
    const lines = new Queue();
    readline
      .createInterface({ input: stream, crlfDelay: Infinity })
      .on('line', (line) => lines.put(line))
      .on('close', () => lines.put(null));
    return lines;
  }

  /** Writes one line to standard input. */
  type(line) {
    this.process.stdin.write(line + '\n');
  }

  endInput() {
    this.process.stdin.end();
  }

  /** The next line of standard output, or of `lines`; null at its end. */
  line(lines = this.out) {
    return lines.next(`line from ${this.name}`);
  }

  /** The next line that contains `text`. */
  async lineWith(text, lines = this.out) {
    const skipped = [];
    for (let line; (line = await this.line(lines)) !== null; skipped.push(line)) {
      if (line.includes(text)) return line;
    }
    assert.fail(`${this.name} ended without printing "${text}", only ${JSON.stringify(skipped)}`);
  }

  /** All lines until the program ends. */
  async rest(lines) {
    const all = [];
    for (let line; (line = await this.line(lines)) !== null; ) all.push(line);
    return all.join('\n');
  }

  exitCode() {
    return within(this.exited, `end of ${this.name}`);
  }

  async kill() {
    this.process.kill('SIGKILL');
    await this.exited.catch(() => {});
    children.delete(this.process);
  }
}

/** A server of the examples on a port of its own, and its URL without a path. */
async function startServer(name, ...args) {
  const command = process.env[`SANSOCKET_${name.toUpperCase()}`];
  const server = new Program(command, '--listen', '127.0.0.1:0', ...args);
  const line = await server.lineWith('listening on ws://');
  return { server, url: line.split(' ').pop().replace(/\/$/, '') };
}

/** The echo example, which refuses one path. */
function startEcho(...args) {
  return startServer('echo', '--refuse', '/refuse', ...args);
}

/** The client example. */
function startClient(...args) {
  return new Program(process.env.SANSOCKET_CLIENT, ...args);
}

/** Runs each scenario of an object, named by its key, then `atEnd`; exits with 1 if any failed. */
async function run(peer, scenarios, atEnd = () => {}) {
  let failed = 0;
  for (const [name, scenario] of Object.entries(scenarios)) {
    try {
      await scenario();
      console.log(`ok      ${peer}: ${name}`);
    } catch (error) {
      failed = 1;
      if (!(error instanceof assert.AssertionError)) console.error(error);
      const [first] = String(error.message).split('\n', 1);
      const shown = 'expected' in error && error.generatedMessage;
      const values = shown ? ` expected ${brief(error.expected)}, got ${brief(error.actual)}` : '';
      console.log(`FAILED  ${peer}: ${name}: ${first.slice(0, 300)}${values}`);
    }
  }
  await atEnd();
  process.exit(failed);
}

function brief(value) {
  const text = Buffer.isBuffer(value) ? value.toString('hex') : String(JSON.stringify(value));
  return text.length <= 200 ? text : `${text.slice(0, 200)}... (${text.length} long)`;
}

module.exports = {
  TEXT, BINARY, MIB_TEXT, MIB_BINARY, REPEATING,
  Program, Queue, brief, run, startClient, startEcho, startServer, within,
};
