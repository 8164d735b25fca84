// Leases: an instance of one's own, for a while. In: what the server tells of them, clicks. Out: a card with one's lease, and
// with everybody's for operators; the dialogs ask before anything is done.

import { ask } from './connection.js';
import { ago, byId, clock, el, say, show } from './dom.js';
import { line } from './events.js';

/** How often they are asked for again while the fleet stays as it is, in milliseconds. */
const LOOK = 15_000;

/** What the server last told; null until then. */
let told = null;
let asked = { key: '', at: 0 };
let drawn = '';
let acts;

/** Gives the card its dialogs. */
export function listen(dialogs) {
  acts = dialogs;
  byId('lease').addEventListener('click', (event) => acts.lease(told, event.currentTarget));
}

/** Draws them for whoever is signed in. `whyNot` says why nothing can be changed now, where nothing can. */
export function draw({ person, fleet }, now, whyNot) {
  const changes = fleet.instances.map((of) => [of.id, of.lifecycle, of.leased, of.public_address]);
  if (person) look(JSON.stringify([person, changes]));
  else told = null;
  const isShown = Boolean(told && (told.at_most || told.leases.length));
  show(byId('leases'), isShown);
  if (!isShown) return;
  const own = told.leases.filter((lease) => lease.who === person.user);
  const running = own.find((lease) => !lease.kept);
  const warning = `Your lease ends at ${clock(running?.until)}: extend it, or save what is on the instance.`;
  say(byId('leases-warning'), running?.ends_soon ? warning : '');
  say(byId('leases-empty'), told.leases.length ? '' : 'Nobody has an instance of their own now.');
  say(byId('lease'), own.some((lease) => lease.kept) ? 'Start mine again' : 'Lease an instance');
  const isOperator = person.role === 'operator';
  show(byId('lease'), Boolean(told.at_most) && (isOperator || !running));
  byId('lease').disabled = Boolean(whyNot);
  // An opened log stays as it is while the rest is told anew.
  const key = JSON.stringify([told, whyNot, Math.floor(now / 10_000)]);
  if (key === drawn || byId('lease-rows').querySelector('details[open], :focus')) return;
  drawn = key;
  byId('lease-rows').replaceChildren(...told.leases.map((lease) => row(lease, now, Boolean(whyNot))));
}

function row(lease, now, isOff) {
  const { instance, kept, link, since, until } = lease;
  const left = new Date(until) - now;
  const facts = [
    ['For', lease.who],
    ['State', kept ? 'stopped, and kept' : lease.lifecycle],
    ['Since', new Date(since).toLocaleString()],
    [left > 0 ? 'Ends' : 'Ended', `${new Date(until).toLocaleString()} (${left > 0 ? `in ${ago(now, new Date(until))}` : `${ago(until, now)} ago`})`],
    ['Extended', lease.extended],
    ['Public address', lease.public_address],
    ['Private address', lease.private_address],
    ['Subnet', lease.subnet],
  ];
  const button = (text, act, look) =>
    el('button', { type: 'button', class: `small ${look}`, disabled: isOff, on: { click: (event) => act(lease, told, event.currentTarget) } }, text);
  const log = el('div', { class: 'scroll log', tabindex: '0', role: 'region', 'aria-label': `The start of ${instance}` });
  const details = el('details', { on: { toggle: () => details.open && showLog(instance, log) } }, el('summary', {}, 'How it started'), log);
  return el(
    'li',
    {},
    el('h3', { class: 'id' }, instance),
    el('dl', {}, facts.filter(([, value]) => value).map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)))),
    el(
      'p',
      { class: 'buttons' },
      link && el('a', { class: 'confirm', href: link, target: '_blank', rel: 'noreferrer' }, 'Connect'),
      !kept && button('Extend', acts.extend, ''),
      button(kept ? 'Give up' : 'End', acts.release, 'danger'),
    ),
    details,
  );
}

/** Asks the server, where the fleet has changed or some time has passed. */
async function look(key) {
  if (asked.key === key && Date.now() - asked.at < LOOK) return;
  asked = { key, at: Date.now() };
  const answer = await ask('GET', '/api/v1/leases').catch(() => null);
  if (answer?.status !== 200) return;
  told = answer.told;
  dispatchEvent(new Event('view'));
}

async function showLog(instance, box) {
  say(box, 'Asking…');
  const { status, told: log } = (await ask('GET', `/api/v1/leases/${instance}/log`).catch(() => null)) ?? {};
  if (status !== 200) return say(box, `${log?.error ?? 'handwave cannot be reached'}.`);
  const console = log.console ?? 'Its console has told nothing yet; a cloud shows it some minutes late.';
  box.replaceChildren(el('pre', {}, console), el('ol', { class: 'story' }, log.events.map(line).reverse()));
}
