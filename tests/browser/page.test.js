// The page in a real browser, on the real binary with a simulated cloud.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Between } from './between.js';
import { PASSWORD, Server, closeBrowser, launch, open, openBrowser, signedIn, somebody, violations } from './handwave.js';
import * as openid from './provider.js';

let server;
let between;
const people = [];

const person = async (options) => {
  const context = await somebody(options);
  people.push(context);
  return context;
};

before(async () => {
  await openBrowser();
});
after(closeBrowser);
afterEach(async () => {
  const wrong = people.flatMap((context) => context.wrong.filter((line) => !context.expected?.test(line)));
  await Promise.all(people.splice(0).map((context) => context.close()));
  between?.end();
  between = null;
  await server?.end();
  server = null;
  assert.deepEqual(wrong, []);
});

// Keeps a picture where they are asked for.
async function picture(page, name) {
  const folder = process.env.PICTURES;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

const rows = (page) => page.locator('#rows tr').count();
const text = (page, selector) => page.locator(selector).innerText();

test("the main job by mouse: launch, look, retire one, decrease by names, retire all by the fleet's name", async () => {
  server = await Server.start();
  const page = await signedIn(await person(), server);
  assert.match(await text(page, '#empty'), /fleet is empty/);
  await picture(page, 'empty');
  await launch(page, 4);
  assert.equal(await rows(page), 4);
  assert.match(await text(page, '#said'), /Increase: 4 instances \(i-/);
  assert.match(await text(page, '#event-list'), /Asked to launch 4 by .* on the web page \(127\.0\.0\.1\)/);
  await picture(page, 'fleet');

  // One, by its details.
  await page.locator('#rows a').first().click();
  await page.waitForSelector('#details[open]');
  const id = await text(page, '#details-title');
  assert.match(page.url(), new RegExp(`instance=${id}`));
  assert.match(await text(page, '#details-body'), /t3\.micro[\s\S]*handwave:fleet[\s\S]*In service/);
  await picture(page, 'details');
  await page.click('#details-retire');
  assert.equal(await text(page, '#order-victims'), id);
  await page.click('#order-confirm');
  await page.waitForSelector('#order:not([open])', { state: 'attached' });
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.getElementById('fleet-count').textContent.startsWith('3 instances'));

  // Some, by their names.
  await page.click('#decrease');
  await page.fill('#order-count', '2');
  const victims = await page.locator('#order-victims li').allInnerTexts();
  assert.equal(victims.length, 2);
  await picture(page, 'decrease');
  await page.click('#order-confirm');
  await page.waitForFunction(() => document.getElementById('fleet-count').textContent.startsWith('1 instance,'));
  assert.match(await text(page, '#said'), new RegExp(victims.join(', ')));
  await launch(page, 1);

  // All that the minimum lets go.
  await page.waitForFunction(() => document.getElementById('fleet-count').textContent.startsWith('2 instances'));
  await page.click('#retire-all');
  assert.match(await text(page, '#order-text'), /1 instance of 2 are retired\. The minimum keeps 1 instance\./);
  assert.ok(await page.locator('#order-confirm').isDisabled());
  await page.fill('#order-typed-name', 'handwav');
  assert.ok(await page.locator('#order-confirm').isDisabled());
  await page.fill('#order-typed-name', 'handwave');
  await picture(page, 'retire-all');
  await page.click('#order-confirm');
  await page.waitForFunction(() => document.getElementById('fleet-count').textContent.startsWith('1 instance,'));
});

test('the main job by keyboard alone, and no single key destroys anything', async () => {
  server = await Server.start();
  const page = await signedIn(await person(), server);
  await page.waitForFunction(() => !document.getElementById('increase').disabled);
  await page.keyboard.press('+');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'order-cancel');
  // Enter on what has the focus only closes it.
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('#order').evaluate((dialog) => dialog.open), false);
  await page.keyboard.press('+');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.type('3');
  await page.keyboard.press('Backspace');
  await page.keyboard.press('Control+a');
  await page.keyboard.type('3');
  // Enter in the field does nothing either.
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('#order').evaluate((dialog) => dialog.open), true);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'order-confirm');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('#rows [data-state="in service"]').length === 3);

  // A line breaks at no instance's hyphen.
  const broken = () => [...document.querySelectorAll('#event-list .id')].map((id) => id.getClientRects().length);
  assert.deepEqual([...new Set(await page.evaluate(broken))], [1]);

  // A key that comes right after a dialog was closed opens one that works.
  await page.keyboard.press('+');
  await page.evaluate(() => {
    document.getElementById('order-cancel').click();
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '+', bubbles: true }));
  });
  await page.fill('#order-count', '2');
  await page.waitForFunction(() => document.getElementById('order-confirm').textContent === 'Launch 2');
  await page.keyboard.press('Escape');

  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  const first = await text(page, '#rows tr:first-child a');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), first);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#details[open]');
  assert.equal(await text(page, '#details-title'), first);
  // Neither a key that comes right after a close nor a picture drawn then brings the details or their focus back.
  await page.evaluate(() => {
    document.getElementById('details-close').click();
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '/', bubbles: true }));
  });
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn, 50))));
  assert.equal(await page.evaluate(() => document.activeElement.id), 'search');
  assert.equal(await page.locator('#details').evaluate((dialog) => dialog.open), false);
  await page.keyboard.type(first.slice(-6));
  await page.waitForFunction(() => document.querySelectorAll('#rows tr').length === 1);
  assert.match(page.url(), /q=/);
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  await page.locator('#fleet-title').click();
  await page.keyboard.press('?');
  assert.equal(await page.locator('#help').evaluate((dialog) => dialog.open), true);
  await page.keyboard.press('Escape');

  await page.keyboard.press('-');
  for (const key of ['-', 'Space', '+', 'Enter', '-', 'Enter']) await page.keyboard.press(key);
  await page.waitForTimeout(1000);
  assert.match(await text(page, '#fleet-count'), /^3 instances/);
});

test('confirm lies away from the button that opened the dialog, on every size of screen', async () => {
  server = await Server.start();
  // Each button can be pressed.
  await launch(await signedIn(await person(), server), 3);
  for (const viewport of [
    { width: 1280, height: 800 },
    { width: 360, height: 640 },
    { width: 1920, height: 1080 },
  ]) {
    const page = await signedIn(await person({ viewport }), server);
    for (const opener of ['#increase', '#decrease', '#retire-all']) {
      await page.waitForFunction((opener) => !document.querySelector(opener).disabled, opener);
      await page.locator(opener).scrollIntoViewIfNeeded();
      const before = await page.locator(opener).boundingBox();
      await page.click(opener);
      const confirm = await page.locator('#order-confirm').boundingBox();
      const apart = Math.max(
        Math.abs(before.x + before.width / 2 - confirm.x - confirm.width / 2) - (before.width + confirm.width) / 2,
        Math.abs(before.y + before.height / 2 - confirm.y - confirm.height / 2) - (before.height + confirm.height) / 2,
      );
      assert.ok(apart > 20, `${opener} at ${viewport.width}: ${apart} px`);
      await page.click('#order-cancel');
    }
  }
});

test('two browsers race for the same instance: one wins, the other is told by whom', async () => {
  server = await Server.start();
  const [one, other] = [await person(), await person()];
  const [first, second] = [await signedIn(one, server), await signedIn(other, server)];
  other.expected = /409/;
  await launch(first, 3);
  await second.waitForFunction(() => document.querySelectorAll('#rows tr').length === 3);
  for (const page of [first, second]) {
    await page.click('#decrease');
  }
  await first.click('#order-confirm');
  await first.waitForFunction(() => document.getElementById('fleet-count').textContent.startsWith('2 instances'));
  await second.click('#order-confirm');
  await second.waitForSelector('#order-error:not([hidden])');
  assert.match(await text(second, '#order-error'), /is retiring since .* UTC, asked for by .* on the web page/i);
  await picture(second, 'race');
  await second.click('#order-cancel');
  assert.match(await text(second, '#fleet-count'), /^2 instances/);
});

test('offline and back, and a server that is killed and started again', async () => {
  server = await Server.start();
  const someone = await person();
  someone.expected = /ERR_|Failed to load resource/;
  const page = await signedIn(someone, server);
  await launch(page, 2);
  await server.stop('SIGKILL');
  await page.waitForSelector('#connection[data-state="stale"]');
  assert.match(await text(page, '#connection'), /Stale since \d\d:\d\d:\d\d/);
  assert.ok(await page.locator('#increase').isDisabled());
  assert.match(await text(page, '#actions-off'), /connection is lost/);
  await picture(page, 'stale');
  const again = await Server.start({ port: server.port, folder: server.folder });
  server = again;
  // A restart signs everybody out, and the page says what to do.
  await page.waitForSelector('#signed-out:not([hidden])');
  await picture(page, 'signed-out');
  const fresh = await server.freshLink();
  await page.evaluate((hash) => {
    location.hash = hash;
  }, new URL(fresh).hash);
  await page.waitForSelector('#connection[data-state="live"]');
  assert.equal(await page.evaluate(() => location.hash), '');
  // Another run's fleet: the simulated cloud began anew.
  await page.waitForFunction(() => document.querySelectorAll('#rows tr').length === 0);
  // And its events, though their numbers begin anew too.
  const events = await page.evaluate(() => fetch('/api/v1/events').then((answer) => answer.json()));
  await page.waitForFunction(
    (at) => [...document.querySelectorAll('#event-list time')].at(-1)?.dateTime === at,
    events[0].at,
  );
});

// A page that a proxy passes on: signed in, with two instances.
async function byProxy(someone) {
  server = await Server.start();
  between = await Between.before(server.port);
  const { hash } = new URL(await server.freshLink());
  const page = await open(someone, `${between.url}/${hash}`);
  await page.waitForSelector('#connection[data-state="live"]');
  await launch(page, 2);
  return page;
}

test('a network that is gone and comes back: nothing is claimed meanwhile, and nothing is lost', async () => {
  const someone = await person();
  someone.expected = /ERR_|Failed to load resource/;
  const page = await byProxy(someone);
  between.turn('cut');
  await page.waitForSelector('#connection[data-state="stale"]');
  assert.ok(await page.locator('#increase').isDisabled());
  // Whoever cannot be heard is not signed out.
  await page.click('#sign-out');
  await page.waitForFunction(() => /may still be signed in/.test(document.getElementById('said').textContent));
  assert.ok(await page.locator('#run').isVisible());
  const other = await signedIn(await person(), server);
  await other.locator('#rows button').first().click();
  await other.click('#order-confirm');
  await other.waitForFunction(() => document.getElementById('fleet-count').textContent.startsWith('1 instance,'));
  between.turn('open');
  await page.waitForFunction(() => document.getElementById('fleet-count').textContent.startsWith('1 instance,'));
  assert.match(await text(page, '#event-list'), /Asked to retire i-/);
  await page.waitForFunction(() => !document.getElementById('increase').disabled);
});

test('a server that answers 503 for a while is asked again, ever later, and then at once after a restart', async () => {
  const someone = await person();
  someone.expected = /ERR_|Failed to load resource/;
  const page = await byProxy(someone);
  between.turn(503);
  await page.waitForSelector('#connection[data-state="stale"]');
  const asked = between.asked;
  await page.waitForTimeout(12_000);
  const tries = between.asked - asked;
  assert.ok(tries >= 2 && tries <= 10, `${tries} tries in 12 s`);
  between.turn('open');
  await page.waitForSelector('#connection[data-state="live"]', { timeout: 45_000 });
  // It was connected since: the next loss waits no longer for the earlier ones.
  await server.stop('SIGTERM');
  await page.waitForSelector('#connection[data-state="stale"]');
  const before = between.asked;
  await page.waitForTimeout(3_000);
  assert.ok(between.asked - before >= 2, `${between.asked - before} tries in 3 s`);
});

test('a server that falls silent is noticed, as after a sleep', { timeout: 120_000 }, async () => {
  server = await Server.start();
  const page = await signedIn(await person(), server);
  await launch(page, 1);
  server.child.kill('SIGSTOP');
  await page.waitForSelector('#connection[data-state="stale"]', { timeout: 60_000 });
  server.child.kill('SIGCONT');
  await page.waitForSelector('#connection[data-state="live"]', { timeout: 60_000 });
  assert.match(await text(page, '#fleet-count'), /^1 instance,/);
});

test('a page tells of a newer one, and of a cloud that does not answer', async () => {
  const someone = await person();
  someone.expected = /ERR_|Failed to load resource/;
  const page = await byProxy(someone);
  between.change = (event) =>
    event
      .replace(/"version":"[^"]*"/, '"version":"newer"')
      .replaceAll('"failing_since":null', '"failing_since":"2026-01-02T03:04:05Z"')
      .replaceAll('"trouble":null', '"trouble":"it does not answer within 10 s"');
  between.turn('open');
  await page.waitForSelector('.banner.newer');
  assert.match(await text(page, '.banner.newer'), /handwave was updated/);
  await page.waitForSelector('.banner.failing');
  assert.match(await text(page, '.banner.failing'), /has not answered since .*: it does not answer within 10 s/);
  for (const id of ['increase', 'decrease', 'retire-all']) assert.ok(await page.locator(`#${id}`).isDisabled(), id);
  assert.match(await text(page, '#actions-off'), /The cloud does not answer/);
  assert.deepEqual(await violations(page), []);
  await picture(page, 'failing');
});

test('long words fit a narrow screen', async () => {
  const someone = await person();
  someone.expected = /ERR_|Failed to load resource/;
  const page = await byProxy(someone);
  const word = 'a_word_without_a_break_'.repeat(6);
  between.change = (event) =>
    event
      .replaceAll('"fleet":"handwave"', `"fleet":"${word}"`)
      .replaceAll('"tags":{', `"tags":{"${word}":"${word}",`)
      .replaceAll('"reason":null', `"reason":"${word}"`)
      .replaceAll('"trouble":null', `"trouble":"${word}"`)
      .replace(/"headline":"[^"]*"/g, `"headline":"${word}"`);
  between.turn('open');
  await page.waitForFunction((word) => document.getElementById('fleet-name').textContent === word, word);
  const fits = async (dialog) => {
    const [wide, shown] = await page.locator(dialog).evaluate((box) => [box.scrollWidth, box.clientWidth]);
    assert.ok(wide <= shown, `${dialog} is ${wide} wide in ${shown}`);
  };
  for (const width of [360, 320]) {
    await page.setViewportSize({ width, height: 740 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
    await page.locator('#rows a').first().click();
    await page.waitForSelector('#details[open]');
    await fits('#details');
    await picture(page, `long-words-${width}`);
    await page.click('#details-close');
    await page.click('#retire-all');
    await fits('#order');
    await page.click('#order-cancel');
  }
});

test('a host name that was made to lead here gets nothing', async () => {
  server = await Server.start();
  const someone = await person();
  const page = await signedIn(someone, server);
  await launch(page, 1);
  someone.expected = /another host: http:\/\/evil\.example|status of 421|Cross-Origin-Opener-Policy/;
  const rebound = await someone.newPage();
  const answer = await rebound.goto(`http://evil.example:${server.port}/`);
  assert.equal(answer.status(), 421);
  const told = await rebound.evaluate(async () => {
    const asked = ['/api/v1/fleet', '/api/v1/session', '/assets/main.js'].map((path) => fetch(path));
    return (await Promise.all(asked)).map(({ status }) => status);
  });
  assert.deepEqual(told, [421, 421, 421]);
  await rebound.close();
});

test('eight tabs share one connection and all stay up to date', async () => {
  server = await Server.start();
  const someone = await person();
  const first = await signedIn(someone, server);
  const others = [];
  for (let i = 0; i < 7; i++) others.push(await open(someone, server.url));
  for (const page of others) await page.waitForSelector('#connection[data-state="live"]');
  await launch(first, 2);
  for (const page of others) {
    await page.waitForFunction(() => document.querySelectorAll('#rows [data-state="in service"]').length === 2);
    assert.match(await text(page, '#event-list'), /In service/);
  }
});

// A session ends in the middle of a dialog: it changes nothing.
async function endsInADialog(end) {
  server = await Server.start();
  const someone = await person();
  someone.expected = /401/;
  const page = await signedIn(someone, server);
  await launch(page, 2);
  await page.click('#decrease');
  await end(page, someone);
  const back = await signedIn(await person(), server);
  await back.waitForFunction(() => document.getElementById('fleet-count').textContent.startsWith('2 instances'));
}

test('a sign-out elsewhere in the middle of a dialog closes it, and the page says what to do', () =>
  endsInADialog(async (page, someone) => {
    const other = await open(someone, server.url);
    await other.waitForSelector('#sign-out:not([hidden])');
    await other.click('#sign-out');
    await page.waitForSelector('#signed-out:not([hidden])');
    assert.equal(await page.locator('dialog[open]').count(), 0);
    assert.match(await text(page, '#signed-out'), /handwave web link/);
  }));

test('a cookie whose time is over in the middle of a dialog is told there', () =>
  endsInADialog(async (page, someone) => {
    // As the browser does with such a cookie.
    await someone.clearCookies();
    await page.click('#order-confirm');
    await page.waitForFunction(() => /signed in/.test(document.getElementById('order-error').textContent));
  }));

test('a used link is refused in words', async () => {
  server = await Server.start();
  const link = await server.freshLink();
  await open(await person(), link).then((page) => page.waitForSelector('#connection[data-state="live"]'));
  const late = await person();
  late.expected = /401/;
  const page = await open(late, link);
  await page.waitForSelector('#signed-out:not([hidden])');
  await page.waitForFunction(() => {
    const why = document.getElementById('signed-out-why').textContent;
    return /used already or is older than a minute/.test(why);
  });
  assert.ok(!page.url().includes('sign-in'), 'the token stays in no address');
});

test('a viewer sees everything and changes nothing', async () => {
  server = await Server.start();
  const operator = await signedIn(await person(), server);
  await launch(operator, 2);
  const page = await signedIn(await person(), server, 'viewer');
  await page.waitForFunction(() => document.querySelectorAll('#rows tr').length === 2);
  const buttons = page.locator('button').filter({ hasText: /Increase|Decrease|Retire/ });
  const seen = await Promise.all((await buttons.all()).map((button) => button.isVisible()));
  assert.deepEqual([...new Set(seen)], [false]);
  assert.match(await text(page, '#actions-off'), /only operators/);
  await page.keyboard.press('+');
  assert.equal(await page.locator('dialog[open]').count(), 0);
  await page.locator('#rows a').first().click();
  await page.waitForSelector('#details[open]');
  assert.ok(await page.locator('#details-retire').isHidden());
});

const WITH_OPENID = { skip: process.env.OPENID ? false : 'built without the feature openid' };
const WITH_USERS = { web: 'users = "users.toml"\n', users: { anna: 'operator', ben: 'viewer' } };

test('a password signs in by keyboard alone; a wrong one is told, and the form suits password managers', async () => {
  server = await Server.start(WITH_USERS);
  const someone = await person();
  someone.expected = /401/;
  const page = await open(someone, server.url);
  await page.waitForSelector('#sign-in:not([hidden])');
  await page.waitForFunction(() => document.activeElement.id === 'sign-in-name');
  for (const [id, autocomplete] of [
    ['sign-in-name', 'username'],
    ['sign-in-password', 'current-password'],
  ])
    assert.equal(await page.locator(`#${id}`).getAttribute('autocomplete'), autocomplete);
  await page.keyboard.type('anna');
  await page.keyboard.press('Tab');
  await page.keyboard.type('wrong horse battery staple');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#sign-in-error:not([hidden])');
  assert.match(await text(page, '#sign-in-error'), /The name or the password is wrong\./);
  await picture(page, 'wrong-password');
  // The name stays, and the password's field is the next to type in.
  await page.waitForFunction(() => document.activeElement.id === 'sign-in-password');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#connection[data-state="live"]');
  assert.equal(await text(page, '#person'), 'anna (operator)');
  assert.ok(await page.locator('#signed-out').isHidden());
  assert.ok(!page.url().includes('anna') && !page.url().includes('horse'));
  await launch(page, 1);
  assert.match(await text(page, '#event-list'), /Asked to launch 1 by anna on the web page/);
  await page.click('#sign-out');
  await page.waitForSelector('#sign-in:not([hidden])');
  assert.equal(await page.locator('#sign-in-password').inputValue(), '');
});

test('guesses are slowed, and the page says for how long', async () => {
  server = await Server.start(WITH_USERS);
  const someone = await person();
  someone.expected = /401|429/;
  const page = await open(someone, server.url);
  await page.waitForSelector('#sign-in:not([hidden])');
  await page.fill('#sign-in-name', 'anna');
  const error = page.locator('#sign-in-error');
  for (let tries = 0; tries < 12 && !/try again in \d+ s/.test(await error.innerText()); tries++) {
    await page.fill('#sign-in-password', 'wrong');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => !document.getElementById('sign-in-send').disabled);
  }
  assert.match(await error.innerText(), /Too many sign-ins were wrong: try again in \d+ s/);
});

test('a provider signs in whom its groups let in, tells whom they do not, and signs out', WITH_OPENID, async () => {
  const provider = await openid.listen();
  try {
    const web =
      `[web.openid]\nissuer = "${provider.issuer}"\nclient_id = "${openid.CLIENT}"\n` +
      'scopes = ["email", "groups"]\noperators = ["ops"]\n';
    server = await Server.start({ web });
    await provider.serve(server.url);
    const as = async (page, name) => {
      await page.click('#sign-in-provider a');
      await page.fill('input[name="login"]', name);
      await page.fill('input[name="password"]', 'any');
      await page.click('button[type="submit"]');
      // It asks whether the page may know.
      await page.click('button[type="submit"]');
      await page.waitForURL(`${server.url}/`);
    };
    const stranger = await person();
    // The provider's own page asks for a font from elsewhere, and for an icon that it has not.
    stranger.expected = /401|404|fonts\.|ERR_NAME_NOT_RESOLVED/;
    const refused = await open(stranger, server.url);
    await refused.waitForSelector('#sign-in-provider:not([hidden])');
    assert.match(await text(refused, '#sign-in-provider'), /Sign in with 127\.0\.0\.1/);
    await picture(refused, 'sign-in-provider');
    assert.deepEqual(await violations(refused), []);
    await as(refused, 'carl');
    await refused.waitForFunction(() => /none of the groups/.test(document.getElementById('signed-out-why').innerText));
    assert.equal(await refused.locator('#run').isVisible(), false);

    const someone = await person();
    someone.expected = stranger.expected;
    const waiting = await open(someone, server.url);
    await waiting.waitForSelector('#sign-in-provider:not([hidden])');
    const page = await open(someone, server.url);
    await as(page, 'anna');
    // Also in the tab that was open.
    for (const one of [page, waiting]) await one.waitForSelector('#connection[data-state="live"]');
    assert.equal(await text(page, '#person'), 'anna@example.org (operator)');
    await launch(page, 1);
    assert.match(await text(page, '#event-list'), /Asked to launch 1 by anna@example\.org on the web page/);
    await page.click('#sign-out');
    // The provider asks whether to sign out there too, and leads back.
    await page.click('button[name="logout"]');
    await page.waitForURL(`${server.url}/`);
    await page.waitForSelector('#sign-in-provider:not([hidden])');
    await page.click('#sign-in-provider a');
    await page.waitForSelector('input[name="login"]');
  } finally {
    provider.close();
  }
});

test('everybody looks at a public page; signing in there lets an operator act, and signing out looks on', async () => {
  server = await Server.start({ ...WITH_USERS, web: `${WITH_USERS.web}public_read = true\n` });
  const page = await open(await person(), server.url);
  await page.waitForSelector('#connection[data-state="live"]');
  assert.equal(await text(page, '#person'), 'Looking only');
  assert.match(await text(page, '#actions-off'), /sign in to change the fleet/);
  assert.ok(await page.locator('#fleet-actions').isHidden());
  await picture(page, 'looking-only');
  await page.click('#sign-in-button');
  await page.waitForFunction(() => document.activeElement.id === 'sign-in-name');
  assert.ok(await page.locator('#run').isVisible(), 'the page stays');
  await picture(page, 'looking-only-sign-in');
  await page.keyboard.type('anna');
  await page.keyboard.press('Tab');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.getElementById('person').textContent === 'anna (operator)');
  await launch(page, 1);
  await page.click('#sign-out');
  await page.waitForFunction(() => document.getElementById('person').textContent === 'Looking only');
  await page.waitForSelector('#connection[data-state="live"]');
  assert.equal(await rows(page), 1);
  assert.doesNotMatch(await text(page, '#event-list'), /Signed/);
});

for (const colorScheme of ['dark', 'light']) {
  test(`WCAG AA of signing in and of looking only, ${colorScheme}, on a phone`, async () => {
    server = await Server.start({ ...WITH_USERS, web: `${WITH_USERS.web}public_read = true\n` });
    const someone = await person({ colorScheme, viewport: { width: 360, height: 740 } });
    someone.expected = /401/;
    const page = await open(someone, server.url);
    const check = async (name) => {
      await picture(page, `phone-${name}-${colorScheme}`);
      assert.deepEqual(await violations(page), [], name);
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      assert.ok(wide <= 0, `${name} is ${wide} px too wide`);
    };
    await page.waitForSelector('#connection[data-state="live"]');
    await check('looking-only');
    await page.click('#sign-in-button');
    await page.waitForSelector('#sign-in:not([hidden])');
    await check('sign-in');
    await page.fill('#sign-in-name', 'anna');
    await page.fill('#sign-in-password', 'wrong');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#sign-in-error:not([hidden])');
    await check('wrong-password');
  });
}

test('a hostile page on another origin cannot act, nor frame, nor read', async () => {
  server = await Server.start();
  const hostile = createServer((_, answer) => {
    answer.setHeader('content-type', 'text/html');
    answer.end('<!doctype html><title>hostile</title><iframe></iframe>');
  });
  await new Promise((resolve) => hostile.listen(0, '127.0.0.1', resolve));
  try {
    const someone = await person();
    someone.expected = /./;
    const page = await signedIn(someone, server);
    await launch(page, 2);
    const evil = await open(someone, `http://localhost:${hostile.address().port}/`);
    const got = await evil.evaluate(async (url) => {
      const ask = (path, options) =>
        fetch(url + path, { credentials: 'include', ...options }).then(
          (answer) => answer.status,
          () => 'refused',
        );
      const body = JSON.stringify({
        id: crypto.randomUUID(),
        action: 'scale-out',
        fleet: 'handwave',
        count: 1,
        seen: 2,
      });
      document.querySelector('iframe').src = url;
      await new Promise((resolve) => setTimeout(resolve, 500));
      let framed = 'refused';
      try {
        framed = document.querySelector('iframe').contentDocument?.title ?? 'refused';
      } catch {
        /* it is another origin's */
      }
      return [
        await ask('/api/v1/fleet', {}),
        await ask('/api/v1/commands', { method: 'POST', body, headers: { 'content-type': 'application/json' } }),
        await ask('/api/v1/commands', { method: 'POST', body, mode: 'no-cors' }),
        framed,
      ];
    }, server.url);
    assert.deepEqual(got, ['refused', 'refused', 'refused', 'refused']);
    await page.waitForTimeout(500);
    assert.match(await text(page, '#fleet-count'), /^2 instances/);
  } finally {
    hostile.close();
  }
});

test('text from the cloud is text: markup in a tag, a reason and a name does nothing', async () => {
  server = await Server.start();
  const someone = await person();
  const page = await signedIn(someone, server);
  await launch(page, 1);
  const markup = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
  // As the server would send it: the simulated cloud has no such tags.
  const context = await person();
  await context.addCookies(await someone.cookies());
  await context.route('**/api/v1/stream*', async (route) => {
    const fleet = await page.evaluate(() => fetch('/api/v1/fleet').then((answer) => answer.json()));
    Object.assign(fleet.instances[0], {
      reason: markup,
      why: markup,
      zone: markup,
      tags: { Name: markup, [markup]: markup },
    });
    const snapshot = {
      run: 'r',
      version: 'v',
      now: new Date().toISOString(),
      person: { user: markup, role: 'operator' },
      goes_on: false,
      history: [],
      about: { fleet: markup, entry: markup, mode: { live: true, account: markup, region: markup } },
      fleet: { ...fleet, trouble: markup },
      events: [
        { number: 1, at: new Date().toISOString(), event: 'error', text: markup, instances: [fleet.instances[0].id] },
      ],
      hands: { camera: 'lost', lost: markup, headline: markup, remedy: markup, ring: null, size: null, hands: [] },
    };
    await route.fulfill({
      contentType: 'text/event-stream',
      body: `event: snapshot\nid: r-1\ndata: ${JSON.stringify(snapshot)}\n\n`,
    });
  });
  // A shared worker's requests are not the page's: this one streams by itself.
  await context.addInitScript(() => {
    delete window.SharedWorker;
  });
  context.expected = /ERR_/;
  const target = await open(context, server.url);
  await target.waitForSelector('#rows tr');
  await target.locator('#rows a').first().click();
  await target.waitForSelector('#details[open]');
  for (const where of [
    '#rows',
    '#details-body',
    '#event-list',
    '#trouble',
    '#person',
    '#fleet-name',
    '#mode',
    '#hand-headline',
  ]) {
    assert.ok((await text(target, where)).includes('onerror'), where);
  }
  assert.equal(await target.evaluate(() => window.hacked), undefined);
  assert.equal(
    await target.evaluate(() => {
      try {
        document.body.innerHTML = '<b>markup</b>';
        return 'taken';
      } catch {
        return 'refused';
      }
    }),
    'refused',
    'the policy lets no script make markup of text',
  );
  context.expected = /ERR_|TrustedHTML/;
});

test('filter, search and order are kept in the address, and counts are on the filters', async () => {
  server = await Server.start();
  const someone = await person();
  const page = await signedIn(someone, server);
  await launch(page, 3);
  await page.waitForFunction(() => /Current 3/.test(document.getElementById('filters').textContent));
  await page.locator('#filters button', { hasText: 'in service' }).click();
  await page.locator('#instances [data-sort=id]').click();
  await page.locator('#instances [data-sort=id]').click();
  // The page draws with the screen's next picture.
  await page.waitForSelector('#columns [aria-sort=descending]');
  const ids = await page.locator('#rows a').allInnerTexts();
  assert.deepEqual(ids, [...ids].sort().reverse());
  await page.fill('#search', ids[1]);
  // The driver hears of a changed address a moment later than the page.
  const copy = await open(someone, await page.evaluate(() => location.href));
  await copy.waitForSelector('#rows tr');
  assert.deepEqual(await copy.locator('#rows a').allInnerTexts(), [ids[1]]);
  assert.equal(await copy.locator('#filters [aria-pressed=true]').innerText(), '● in service 3');
  await copy.fill('#search', 'nothing like it');
  await copy.waitForSelector('#empty:not([hidden])');
  assert.match(await text(copy, '#empty'), /clear the search/);
  await copy.goto(`${server.url}/?instance=${ids[2]}`);
  await copy.waitForSelector('#details[open]');
  assert.equal(await text(copy, '#details-title'), ids[2]);
  await copy.goto(`${server.url}/?instance=i-gone`);
  await copy.waitForSelector('#details[open]');
  assert.match(await text(copy, '#details-body'), /not in the fleet/);
  // Names that every object of the language has.
  for (const name of ['constructor', '__proto__', 'toString']) {
    await copy.goto(`${server.url}/?state=${name}&sort=${name}&q=`);
    await copy.waitForSelector('#empty:not([hidden])');
    assert.match(await text(copy, '#event-list'), /In service/);
    await copy.goto(`${server.url}/?instance=${name}`);
    await copy.waitForSelector('#details[open]');
    assert.match(await text(copy, '#cpu-why'), /Asking|Nothing is measured yet/);
  }
});

test('what is measured is drawn with its gaps, its source and its table, and an error shows in its own chart', async () => {
  server = await Server.start();
  const page = await signedIn(await person(), server);
  await launch(page, 1);
  await page.locator('#rows a').first().click();
  // The server's own answers, on the simulated load.
  await page.waitForFunction(() => /measured yet/.test(document.getElementById('requests-why').textContent));
  await page.waitForSelector('#requests-picture path.count[d^=M]', { state: 'attached', timeout: 60_000 });
  await page.waitForSelector('#cpu-picture path.count[d^=M]', { state: 'attached', timeout: 60_000 });
  assert.match(await text(page, '#cpu-source'), /Measured by the simulated cloud, every 10 seconds\./);
  await picture(page, 'measured');
  const drawn = await page.evaluate(async () => {
    const charts = await import('/assets/measured.js');
    const [now, minute] = [Date.now(), 60];
    const last = Math.floor(now / 60_000) * minute - minute;
    const all = [last - 5 * minute, last - 4 * minute, last - minute, last].map((at, i) => [at, 100 + i]);
    const settled = { source: 'CloudWatch', step: minute, growing_from: last };
    const cpu = { source: 'CloudWatch', error: 'not authorized; add the permission cloudwatch:GetMetricData' };
    charts.requests({ requests: { ...settled, series: { all, each: [[last, 50.25]] } }, cpu }, now);
    charts.cpu({ cpu }, 'i-1', now);
    const text = (id) => document.getElementById(id).textContent;
    const path = (kind) => document.querySelector(`#requests-picture path.${kind}`)?.getAttribute('d') ?? '';
    return {
      label: document.querySelector('#requests-picture svg').getAttribute('aria-label'),
      settled: path('count').match(/M/g).length,
      growing: path('growing').match(/M/g).length,
      each: path('each').match(/M/g).length,
      source: text('requests-source'),
      rows: [...document.querySelectorAll('#requests-table tbody tr')].map(({ cells }) =>
        [...cells].map((cell) => cell.textContent).join(' | '),
      ),
      why: text('cpu-why'),
      hidden: document.getElementById('cpu-picture').hidden,
      requestsWhy: document.getElementById('requests-why').hidden,
    };
  });
  assert.match(drawn.label, /Requests per minute over 30 minutes: 103 at /);
  // Two stretches with a gap between them, and one that is still coming in.
  assert.deepEqual([drawn.settled, drawn.growing, drawn.each], [2, 1, 1]);
  assert.match(drawn.source, /Measured by CloudWatch, each minute\. .* Dashed: still coming in\./);
  assert.equal(drawn.rows.length, 4);
  assert.match(drawn.rows[0], /103 \(still coming in\) \| 50\.3/);
  assert.match(drawn.rows[1], /102 \| not known/);
  assert.equal(drawn.why, 'Not known: not authorized; add the permission cloudwatch:GetMetricData.');
  assert.deepEqual([drawn.hidden, drawn.requestsWhy], [true, true]);
});

for (const colorScheme of ['dark', 'light']) {
  test(`WCAG AA in every state, ${colorScheme}, from a phone to a projector`, async () => {
    server = await Server.start();
    const someone = await person({ colorScheme, viewport: { width: 360, height: 740 } });
    someone.expected = /ERR_|Failed to load resource/;
    const page = await signedIn(someone, server);
    const check = async (name) => {
      await picture(page, `${name}-${colorScheme}`);
      assert.deepEqual(await violations(page), [], name);
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      assert.ok(wide <= 0, `${name} is ${wide} px too wide`);
    };
    await check('phone-empty');
    await launch(page, 3);
    await check('phone-fleet');
    await page.click('#decrease');
    await check('phone-decrease');
    await page.click('#order-cancel');
    await page.click('#retire-all');
    await check('phone-retire-all');
    await page.click('#order-cancel');
    await page.locator('#rows a').first().click();
    await check('phone-details');
    await page.keyboard.press('Escape');
    await page.click('#help-button');
    await check('phone-help');
    await page.keyboard.press('Escape');
    for (const viewport of [
      { width: 1280, height: 800 },
      { width: 1920, height: 1080 },
    ]) {
      await page.setViewportSize(viewport);
      await check(`${viewport.width}`);
    }
    await server.stop('SIGKILL');
    await page.waitForSelector('#connection[data-state="stale"]');
    await check('stale');
    server = await Server.start({ port: server.port, folder: server.folder });
    await page.waitForSelector('#signed-out:not([hidden])');
    await check('signed-out');
  });
}

test("the demo's hand is drawn live, and its countdown names the victims", async () => {
  server = await Server.start({ args: ['demo', '--headless', '--web', '127.0.0.1:0'] });
  const page = await open(await person(), server.link);
  await page.waitForSelector('#connection[data-state="live"]');
  const drawn = () =>
    page
      .locator('#hand-picture polyline')
      .first()
      .getAttribute('points')
      .catch(() => '');
  await page.waitForFunction(
    () => /left 3 - launch 3/.test(document.getElementById('hand-headline').textContent),
    null,
    { timeout: 60000 },
  );
  const [one, , other] = [await drawn(), await page.waitForTimeout(300), await drawn()];
  assert.ok(one && one !== other, 'the drawing moves');
  await picture(page, 'hold');
  await page.waitForFunction(() => document.querySelectorAll('#rows [data-state="in service"]').length === 3, null, {
    timeout: 60000,
  });
  await page.waitForFunction(
    () => /Retire \d in \d\.\d s: i-/.test(document.getElementById('hand-headline').textContent),
    null,
    { timeout: 60000 },
  );
  await picture(page, 'countdown');
  assert.match(await text(page, '#hand-announced'), /a fist takes it back/);
});

test('the warm pool is listed beside the count, and is started first', async () => {
  server = await Server.start({ web: '[warm]\nsize = 1\n' });
  const page = await signedIn(await person(), server);
  const state = (name) => page.locator(`#rows tr:has([data-state="${name}"]) .instance`);
  await state('warm').waitFor({ timeout: 90000 });
  const warm = await state('warm').innerText();
  assert.match(await text(page, '#fleet'), /0 instances/);
  assert.equal(await page.locator('#rows tr.leaving').count(), 0);
  await picture(page, 'warm');
  await launch(page, 1);
  assert.equal(await state('in service').innerText(), warm);
  assert.match(await text(page, '#event-list'), /Starting from the warm pool/);
  // Another one takes its place, and was launched once.
  await state('preparing').first().click();
  await page.waitForSelector('#details[open]');
  assert.doesNotMatch(await text(page, '#details-body'), /Last start/);
  await page.click('#details-close');
  await state('in service').click();
  await page.waitForSelector('#details[open]');
  assert.match(await text(page, '#details-body'), /Last start/);
});

test('a viewer leases an instance, extends it, sees how it started, and ends it', async () => {
  const lease = '[lease]\nat_most = 2\nlasts = 240\nlongest = 7200\nurl = "https://{public_address}:8443/"\n';
  server = await Server.start({ web: lease });
  const page = await signedIn(await person(), server, 'viewer');
  await page.locator('#lease').waitFor();
  assert.match(await text(page, '#leases'), /Nobody has an instance of their own now/);
  assert.equal(await page.locator('#increase').isDisabled(), true);
  assert.deepEqual(await violations(page), []);
  await page.click('#lease');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'order-cancel');
  assert.match(await text(page, '#order'), /120 minutes from now at the latest/);
  await page.click('#order-confirm');
  const row = page.locator('#lease-rows li');
  await row.waitFor();
  await page.waitForFunction(() => /in service/.test(document.getElementById('lease-rows').innerText), null, { timeout: 60000 });
  // Four minutes are less than the five of the warning.
  assert.match(await text(page, '#leases-warning'), /Your lease ends at/);
  assert.match(await row.getByRole('link', { name: 'Connect' }).getAttribute('href'), /^https:\/\/198\.18\.\d+\.\d+:8443\/$/);
  assert.equal(await page.locator('#lease').isVisible(), false, 'one each');
  await page.click('#lease-rows summary');
  await page.waitForFunction(() => /the system runs/.test(document.querySelector('#lease-rows .log').innerText));
  assert.match(await text(page, '#lease-rows .log'), /Leased i-/);
  await picture(page, 'lease');
  assert.deepEqual(await violations(page), []);
  await page.click('#lease-rows summary');

  await row.getByRole('button', { name: /^Extend/ }).click();
  await page.fill('#order-count', '60');
  await page.click('#order-confirm');
  await page.waitForFunction(() => !document.getElementById('leases-warning').textContent);
  assert.match(await text(page, '#event-list'), /Lease goes on: i-/);

  // An operator leases for somebody else, and sees who has what.
  const operator = await signedIn(await person(), server);
  await operator.click('#lease');
  await operator.fill('#order input[type="text"]', 'dora');
  await operator.click('#order-confirm');
  await operator.locator('#lease-others tr').waitFor();
  assert.match(await text(operator, '#lease-others'), /^dora\s+i-/);
  await operator.setViewportSize({ width: 360, height: 800 });
  assert.equal(await operator.evaluate(() => document.documentElement.scrollWidth), 360);
  await operator.setViewportSize({ width: 1280, height: 800 });
  await picture(operator, 'leases');
  assert.deepEqual(await violations(operator), []);
  assert.equal(await page.locator('#lease-all').isVisible(), false);

  await row.getByRole('button', { name: /^End/ }).click();
  assert.match(await text(page, '#order-text'), /terminated with all that is on it/);
  await page.click('#order-confirm');
  await page.waitForFunction(() => !document.querySelector('#lease-rows li'), null, { timeout: 60000 });
  assert.match(await text(page, '#event-list'), /Lease over, retired: i-/);
});

test('the policies say what they decided, and the switch pauses them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'handwave-'));
  const config = join(folder, 'policy.toml');
  writeFileSync(config, '[policy]\nfollow = ["cpu"]\nevery = 1\n');
  server = await Server.start({ folder, args: ['serve', '127.0.0.1:0', '--dry-run', '--config', config] });
  const page = await signedIn(await person(), server);
  await launch(page, 2);
  await page.waitForFunction(() => /Policy: hold at 2: cpu/.test(document.getElementById('policy').innerText));
  assert.match(await text(page, '#policy-held'), /A person goes first: launch by .* holds 2 as the floor for 10 min/);
  await picture(page, 'policy');
  assert.deepEqual(await violations(page), []);
  await page.click('#policy-switch');
  await page.waitForFunction(() => document.getElementById('policy-switch').textContent === 'Resume policies');
  assert.match(await text(page, '#policy-decision'), /Policy: paused\./);
  assert.match(await text(page, '#event-list'), /Policies paused by /);
  await page.click('#policy-switch');
  await page.waitForFunction(() => /Policy: hold at 2/.test(document.getElementById('policy').innerText));

  // A viewer sees it, and cannot switch it.
  const viewer = await signedIn(await person(), server, 'viewer');
  await viewer.waitForFunction(() => !document.getElementById('policy').hidden);
  assert.equal(await viewer.locator('#policy-switch').isDisabled(), true);
});
