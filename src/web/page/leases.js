// Leases: an instance of one's own, for a while. In: what the server tells of them, clicks. Out: a card with one's
// lease, and with everybody's for operators; the dialogs ask before anything is done.

import { ask } from './connection.js';
import { ago, byId, clock, el, keyed, say, show } from './dom.js';
import { line } from './events.js';

/** How often they are asked for again while the fleet stays as it is, in milliseconds. */
const LOOK = 15_000;

/** What the server last told; null until then. */
let told = null;
let asked = { key: '', at: 0 };
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
  const running = own.find((lease) => lease.runs);
  const warning = `Your lease ends at ${clock(running?.until)}: extend it, or save what is on the instance.`;
  say(byId('leases-warning'), running?.ends_soon ? warning : '');
  say(byId('leases-empty'), told.leases.length ? '' : 'Nobody has an instance of their own now.');
  say(byId('lease'), own.some((lease) => lease.kept) ? 'Start mine again' : 'Lease an instance');
  const isOperator = person.role === 'operator';
  show(byId('lease'), Boolean(told.at_most) && (isOperator || !running));
  byId('lease').disabled = Boolean(whyNot);
  byId('leases').classList.toggle('own', !isOperator);
  const others = told.leases.filter((lease) => lease.who !== person.user);
  const isOff = Boolean(whyNot);
  const name = (lease) => lease.instance;
  keyed(byId('lease-rows'), own, name, card, (item, lease) => update(item, lease, now, isOff));
  show(byId('lease-all'), isOperator && others.length > 0);
  keyed(byId('lease-others'), others, name, row, (line, lease) => update(line, lease, now, isOff));
}

const day = (at) => new Date(at).toLocaleString();
const is = ({ kept, lifecycle }) => (kept ? 'stopped, and kept' : lifecycle);

function end({ until, kept, kept_until }, now) {
  if (kept) return `kept until ${day(kept_until)}`;
  const left = new Date(until) - now;
  return `${day(until)} (${left > 0 ? `in ${ago(now, new Date(until))}` : `${ago(until, now)} ago`})`;
}

/** Puts a row or a card right. What has not changed stays, so that focus and an opened log do too. */
function update(box, lease, now, isOff) {
  const facts = {
    state: is(lease),
    since: day(lease.since),
    end: end(lease, now),
    extended: lease.extended,
    public: lease.public_address,
    private: lease.private_address,
    subnet: lease.subnet,
  };
  for (const node of box.querySelectorAll('[data-fact]')) {
    say(node, facts[node.dataset.fact] ?? '–');
  }
  const place = box.querySelector('.acts');
  const key = [lease.link, lease.runs, lease.then, isOff].join();
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  place.replaceChildren(...buttons(lease, isOff));
}

function buttons(lease, isOff) {
  const { instance, runs, link } = lease;
  const button = (text, act, look) => {
    const click = (event) => act(lease, told, event.currentTarget);
    const label = `${text} ${instance}`;
    return el('button', { type: 'button', class: `small ${look}`, disabled: isOff, 'aria-label': label, on: { click } }, text);
  };
  return [
    link && el('a', { class: 'confirm', href: link, target: '_blank', rel: 'noreferrer' }, 'Connect'),
    runs && button('Extend', acts.extend, ''),
    button(runs ? 'End' : 'Give up', acts.release, 'danger'),
  ].filter(Boolean);
}

const fact = (tag, name) => el(tag, { data: { fact: name } });

function row({ who, instance }) {
  return el(
    'tr',
    {},
    el('th', { scope: 'row' }, who),
    el('td', {}, el('span', { class: 'id' }, instance)),
    ['state', 'since', 'end', 'extended'].map((name) => fact('td', name)),
    el('td', {}, el('div', { class: 'acts' })),
  );
}

/** One's own, with all that is known of it. */
function card({ instance }) {
  const facts = { State: 'state', Since: 'since', Ends: 'end', Extended: 'extended', 'Public address': 'public' };
  const names = Object.entries({ ...facts, 'Private address': 'private', Subnet: 'subnet' });
  const log = el('div', { class: 'scroll log', tabindex: '0', role: 'region', 'aria-label': `The start of ${instance}` });
  const toggle = () => details.open && showLog(instance, log);
  const details = el('details', { on: { toggle } }, el('summary', {}, 'How it started'), log);
  return el(
    'li',
    {},
    el('h3', { class: 'id' }, instance),
    el('dl', {}, names.map(([title, name]) => el('div', {}, el('dt', {}, title), fact('dd', name)))),
    el('div', { class: 'acts' }),
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
