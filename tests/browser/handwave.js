// A handwave that serves its page, and browsers that look at it. In: arguments. Out: a server to ask, pages to drive,
// and what went wrong in them.

import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const { HANDWAVE, TOOLS, CHROMIUM } = process.env;
const require = createRequire(join(TOOLS, 'package.json'));
const { chromium } = require('playwright-core');
const AXE = require.resolve('axe-core/axe.min.js');
const run = promisify(execFile);

export const PASSWORD = 'correct horse battery staple';

export class Server {
  // Starts `handwave serve` with a fleet of its own, at any free port or at this one. `web` are settings of [web],
  // `users` names with their roles, who all have the password PASSWORD.
  static async start({
    port = 0,
    args = null,
    folder = mkdtempSync(join(tmpdir(), 'handwave-')),
    web = '',
    users = {},
  } = {}) {
    const server = new Server();
    server.folder = folder;
    server.env = { ...process.env };
    for (const name of ['HOME', 'XDG_RUNTIME_DIR', 'XDG_STATE_HOME', 'XDG_CONFIG_HOME', 'XDG_CACHE_HOME'])
      server.env[name] = folder;
    if (web) writeFileSync(join(folder, 'config.toml'), `[web]\n${web}`);
    for (const [name, role] of Object.entries(users)) {
      execFileSync(HANDWAVE, ['web', 'user', 'add', name, '--role', role], {
        env: server.env,
        cwd: folder,
        input: `${PASSWORD}\n`,
      });
    }
    server.child = spawn(HANDWAVE, args ?? ['serve', `127.0.0.1:${port}`, '--dry-run'], {
      env: server.env,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    server.ended = new Promise((resolve) => server.child.on('exit', resolve));
    const lines = createInterface({ input: server.child.stderr });
    server.link = await new Promise((resolve, reject) => {
      lines.on('line', (line) => line.includes('http://') && resolve(line.slice(line.indexOf('http://'))));
      server.ended.then(() => reject(new Error('handwave ended before it printed its link')));
    });
    server.url = new URL(server.link).origin;
    server.port = new URL(server.link).port;
    return server;
  }

  // A fresh sign-in link.
  async freshLink(role = 'operator') {
    const { stdout } = await run(HANDWAVE, ['web', 'link', `127.0.0.1:${this.port}`, '--role', role], {
      env: this.env,
    });
    return stdout.trim();
  }

  async stop(signal = 'SIGTERM') {
    this.child.kill(signal);
    await this.ended;
  }

  async end() {
    await this.stop('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

let browser = null;

export async function openBrowser() {
  // One name leads here that is not this machine's.
  const args = ['--no-sandbox', '--host-resolver-rules=MAP evil.example 127.0.0.1'];
  browser = await chromium.launch({ executablePath: CHROMIUM, args });
}

export const closeBrowser = () => browser.close();

// Somebody's browser: a context of its own. `wrong` collects what a page must not have: errors, refused content,
// requests to other hosts. `expected` takes away what a test provokes.
export async function somebody(options = {}) {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(20000);
  context.wrong = [];
  context.on('console', (message) => message.type() === 'error' && context.wrong.push(`console: ${message.text()}`));
  context.on('weberror', (error) => context.wrong.push(`page: ${error.error()}`));
  context.on('request', (request) => {
    const { hostname } = new URL(request.url());
    if (!['127.0.0.1', 'localhost', ''].includes(hostname)) context.wrong.push(`another host: ${request.url()}`);
  });
  return context;
}

// A page of this browser, signed in where a link is given.
export async function open(context, url) {
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

export async function signedIn(context, server, role = 'operator') {
  const page = await open(context, await server.freshLink(role));
  await page.waitForSelector('#connection[data-state="live"]');
  return page;
}

// Launches so many by the dialog, and waits until they are in service.
export async function launch(page, n) {
  await page.waitForFunction(() => !document.getElementById('increase').disabled);
  await page.click('#increase');
  await page.fill('#order-count', String(n));
  await page.click('#order-confirm');
  await page.waitForFunction((n) => document.querySelectorAll('#rows [data-state="in service"]').length >= n, n);
}

// What axe finds against WCAG's levels A and AA.
export async function violations(page) {
  // The policy of the page refuses any script but its own; the driver's evaluation does not ask it.
  await page.evaluate(require('node:fs').readFileSync(AXE, 'utf8'));
  const found = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }),
  );
  return found.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join('; ')}`,
  );
}
