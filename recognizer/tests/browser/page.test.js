// The page in a real browser, with real workers, on the stand-in.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, before, test } from 'node:test';

const { RECOGNIZER, TOOLS, CHROMIUM, PICTURES_FOLDER, PICTURES } = process.env;
const require = createRequire(join(TOOLS, 'package.json'));
const { chromium } = require('playwright-core');
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'recognizer-'));
const picture = (name) => join(PICTURES_FOLDER, name);

let browser;
let web;
const workers = [];
const contexts = [];

const run = (...args) => spawn(RECOGNIZER, args, { stdio: ['ignore', 'pipe', 'ignore'] });

async function serve(port = 0) {
  web = run('web', '--listen', `127.0.0.1:${port}`);
  web.ended = new Promise((resolve) => web.on('exit', resolve));
  const line = await new Promise((resolve) => createInterface({ input: web.stdout }).once('line', resolve));
  web.url = line.replace('listening on ', '');
  return web.url;
}

// At once, as a machine that is gone.
async function stop() {
  web.kill('SIGKILL');
  await web.ended;
}

const work = (...args) => workers.push(run('work', ...args));

// `wrong` collects what a page must not have: errors, refused content, requests to other hosts. `expected` takes away
// what a test provokes.
async function open(options = {}) {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(20_000);
  context.wrong = [];
  contexts.push(context);
  context.on('console', (message) => message.type() === 'error' && context.wrong.push(`console: ${message.text()}`));
  context.on('weberror', (error) => context.wrong.push(`page: ${error.error()}`));
  context.on('request', (request) => {
    const { hostname } = new URL(request.url());
    if (!['127.0.0.1', ''].includes(hostname)) context.wrong.push(`another host: ${request.url()}`);
  });
  return tab(context);
}

async function tab(context) {
  const page = await context.newPage();
  await page.goto(web.url);
  await page.waitForSelector('body[data-ready]');
  return page;
}

const states = (page, state) => page.locator(`.card[data-state="${state}"]`);
const answered = (page, n) =>
  page.waitForFunction((n) => document.querySelectorAll('.card[data-state="answered"]').length >= n, n);
const card = (page, name) => page.locator('.card', { has: page.locator(`.name[title="${name}"]`) });

async function violations(page) {
  // The policy of the page refuses any script but its own; the driver's evaluation does not ask it.
  await page.evaluate(AXE);
  const found = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }),
  );
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target).join('; ')}`);
}

// Keeps a picture where they are asked for.
async function keep(page, name) {
  if (!PICTURES) return;
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
}

const isPainted = (canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value) => value);
};

// Whether the thumbnail shows a picture: something that isn't grey.
const isDrawn = (locator) =>
  locator.locator('canvas').evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return data.some((value, i) => i % 4 < 3 && value !== data[i % 4]);
  });

before(async () => {
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  await serve();
});
after(async () => {
  await browser.close();
  await stop();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(async () => {
  workers.splice(0).forEach((worker) => worker.kill('SIGKILL'));
  const wrong = contexts.flatMap((context) => context.wrong.filter((line) => !context.expected?.test(line)));
  await Promise.all(contexts.splice(0).map((context) => context.close()));
  assert.deepEqual(wrong, []);
});

test('pictures that are chosen are answered one by one, with their thumbnails', async () => {
  const page = await open();
  assert.deepEqual(await violations(page), []);
  await keep(page, 'empty');
  await page.setInputFiles('#files', ['cat.jpg', 'coffee.jpg', 'rocket.jpg'].map(picture));
  await states(page, 'waiting').nth(2).waitFor();
  assert.equal(await page.locator('#summary').innerText(), '0 of 3 pictures answered');
  for (const name of ['cat.jpg', 'coffee.jpg', 'rocket.jpg']) assert.ok(await isDrawn(card(page, name)), name);
  await keep(page, 'waiting');
  work('--name', 'the-worker', '--pace', '300ms');
  await answered(page, 1);
  await answered(page, 3);
  assert.match(await card(page, 'cat.jpg').innerText(), /Egyptian cat, \d\d%/);
  assert.match(await card(page, 'coffee.jpg').innerText(), /espresso, 9\d%/);
  assert.match(
    await card(page, 'rocket.jpg').innerText(),
    /missile[\s\S]*waited [\d.]+ m?s, worked [\d.]+ m?s, by the-worker/,
  );
  assert.equal(await page.locator('#summary').innerText(), '3 of 3 pictures answered');
  assert.deepEqual(await violations(page), []);
  await page.click('#clear');
  assert.equal(await page.locator('.card').count(), 0);
});

test('a folder that is dropped is called one', async () => {
  const page = await open();
  const dropped = join(folder, 'holiday');
  mkdirSync(dropped);
  // By the browser's own protocol: a page can't make a folder.
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [dropped], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop']) {
    await session.send('Input.dispatchDragEvent', { type, x: 100, y: 300, data });
  }
  await states(page, 'failed').waitFor();
  assert.match(await card(page, 'holiday').innerText(), /This is a folder, or a file that can't be read/);
});

test('pictures that are dropped are sent; what is no picture or too large says why', async () => {
  writeFileSync(join(folder, 'notes.jpg'), 'this is text');
  writeFileSync(join(folder, 'huge.jpg'), Buffer.alloc(10_000_001));
  const long = 'a-very-long-name-that-a-camera-or-a-person-gave-to-a-picture-of-a-cup.jpg';
  writeFileSync(join(folder, long), readFileSync(picture('coffee.jpg')));
  work('--name', 'i-0123456789abcdef0');
  for (const [width, colorScheme] of [[360, 'light'], [360, 'dark'], [1280, 'light'], [1280, 'dark']]) {
    const page = await open({ viewport: { width, height: 720 }, colorScheme });
    const files = [picture('cat.jpg'), ...['notes.jpg', 'huge.jpg', long].map((name) => join(folder, name))];
    const dropped = await page.evaluateHandle((files) => {
      const transfer = new DataTransfer();
      for (const [name, size, base64] of files) {
        const bytes = size ? new Uint8Array(size) : Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type: 'image/jpeg' }));
      }
      return transfer;
    }, files.map((file) => {
      const bytes = readFileSync(file);
      // What is too large is made in the page: nobody reads it.
      const isLarge = bytes.length > 10_000_000;
      return [file.split('/').pop(), isLarge ? bytes.length : 0, isLarge ? '' : bytes.toString('base64')];
    }));
    await page.dispatchEvent('#cards', 'drop', { dataTransfer: dropped });
    await answered(page, 2);
    await states(page, 'failed').nth(1).waitFor();
    for (const name of ['notes.jpg', 'huge.jpg']) {
      assert.ok(await card(page, name).locator('canvas').evaluate(isPainted), name);
    }
    assert.match(await card(page, 'notes.jpg').innerText(), /no picture that can be read/);
    assert.match(await card(page, 'huge.jpg').innerText(), /larger than 10 MB/);
    assert.equal(await page.locator('#summary').innerText(), '2 of 4 pictures answered, 2 failed');
    const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(inner <= outer, `it is ${inner} wide on ${outer}`);
    assert.deepEqual(await violations(page), []);
    await keep(page, `answered-${width}-${colorScheme}`);
  }
});

test('eight tabs of one browser are all answered', async () => {
  const pages = [await open()];
  while (pages.length < 8) pages.push(await tab(pages[0].context()));
  for (const page of pages) await page.setInputFiles('#files', picture('coffee.jpg'));
  for (const page of pages) await states(page, 'waiting').first().waitFor();
  work();
  for (const page of pages) await answered(page, 1);
});

test('a server that ended and came back is found again, and no answer is lost', async () => {
  const page = await open();
  page.context().expected = /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/;
  await page.setInputFiles('#files', picture('cat.jpg'));
  await states(page, 'waiting').first().waitFor();
  const { port } = new URL(web.url);
  await stop();
  await page.locator('#lost:not([hidden])').waitFor();
  assert.match(await page.locator('#lost').innerText(), /connection is lost/);
  await keep(page, 'lost');
  // A picture that can't be sent now can be sent again.
  await page.setInputFiles('#files', picture('coffee.jpg'));
  await card(page, 'coffee.jpg').locator('.again:not([hidden])').waitFor();
  work();
  await serve(port);
  await answered(page, 1);
  await card(page, 'coffee.jpg').locator('.again').click();
  await answered(page, 2);
  assert.equal(await page.locator('#lost:not([hidden])').count(), 0);
});

test('an answer of the server that is none does not end the stream for good', async () => {
  const page = await open();
  page.context().expected = /502|ERR_/;
  let tries = 0;
  const refuse = (route) => (tries++ < 2 ? route.fulfill({ status: 502 }) : route.continue());
  await page.context().route('**/answers?*', refuse);
  // Requests of a shared worker don't pass the driver: without it, the page has its own stream.
  await page.addInitScript(() => delete window.SharedWorker);
  await page.reload();
  await page.waitForSelector('body[data-ready]');
  work();
  await page.setInputFiles('#files', picture('rocket.jpg'));
  await answered(page, 1);
  assert.ok(tries >= 3, `${tries} tries`);
});

test('the form works without scripts', async () => {
  work();
  const context = await browser.newContext({ javaScriptEnabled: false });
  context.setDefaultTimeout(20_000);
  context.wrong = [];
  contexts.push(context);
  const page = await context.newPage();
  await page.goto(web.url);
  await page.setInputFiles('#files', picture('coffee.jpg'));
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('espresso').waitFor();
});
