// The page. In: the stream's messages, the address, clicks and keys. Out: everything on the screen.

import { VERSION, ask, connect } from './connection.js';
import { byId, clock, el, say, show } from './dom.js';
import * as chart from './chart.js';
import * as details from './details.js';
import * as events from './events.js';
import * as fleet from './fleet.js';
import * as hand from './hand.js';
import * as leases from './leases.js';
import * as measured from './measured.js';
import * as policy from './policy.js';
import * as views from './view-state.js';
import * as signIn from './sign-in.js';
import { closeAll, dialogs, refresh } from './dialogs.js';
import { KEPT } from './stream.js';

/** A session lasts while somebody is here: how often it is told so, in milliseconds. */
const KEEP_ALIVE = 60_000;

/** The newest of everything; null until the first snapshot. */
let state = null;
let connection = { is: 'connecting', since: Date.now() };
/** Whether a sign-in is asked for, and why. */
let asked = { is: false, why: '' };

const stream = connect((name, value) => {
  if (name === 'connection') connection = value;
  else if (name === 'snapshot') state = value;
  else if (name === 'event') state = state && { ...state, events: [...state.events, value].slice(-KEPT) };
  else if (state) state = { ...state, [name]: value };
  if (name === 'snapshot') asked = { is: false, why: '' };
  draw();
});

/** Says what came of something, for as long as it takes to read. */
let fades;
function tell(text) {
  say(byId('said'), text);
  clearTimeout(fades);
  fades = setTimeout(() => say(byId('said'), ''), 12_000);
}

const acts = dialogs(() => state, tell);
details.listen(acts.retire);
policy.listen(tell);
leases.listen(acts);

/** Draws with the next picture of the screen; a hidden page draws nothing. */
let isDue = false;
function draw() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    render();
  });
}

function render() {
  const now = Date.now() + (state?.skew ?? 0);
  const isOut = connection.is === 'signed-out' || asked.is;
  // Where everybody may look, the page stays below.
  const isPublic = Boolean(state) && !state.person;
  signIn.draw(isOut, asked.why || (isPublic ? '' : 'Nobody is signed in with this browser, or the session has ended.'));
  connected();
  banners(now);
  show(byId('run'), Boolean(state) && (!isOut || isPublic));
  show(byId('sign-out'), Boolean(state) && !isOut && !isPublic);
  show(byId('sign-in-button'), isPublic && !isOut);
  document.body.classList.toggle('stale', Boolean(state) && connection.is !== 'live');
  if (!state) return;

  const { about, person } = state;
  // The default name would say the same twice.
  say(byId('fleet-name'), about.fleet === 'handwave' ? '' : about.fleet);
  document.title = `${about.fleet} · handwave`;
  const { live, account, region } = about.mode;
  show(byId('mode'), true);
  byId('mode').className = `badge ${live ? 'live' : 'simulated'}`;
  say(byId('mode'), live ? `LIVE ${account} ${region}` : 'SIMULATED');
  say(byId('person'), isPublic ? 'Looking only' : isOut ? '' : `${person.user} (${person.role})`);
  if (isOut) closeAll();
  if (isOut && !isPublic) return;

  const whyNot = cannotAct();
  hand.draw(state.hands);
  chart.draw(state.history, state.fleet, now);
  measured.requests(state.measured, now);
  const view = views.read();
  const isOperator = person?.role === 'operator';
  fleet.head(state, isOperator, whyNot);
  fleet.table(state.fleet, view, now, acts.retire, isOperator, whyNot);
  details.draw(state, isOut ? '' : view.instance, now, isOperator, whyNot);
  events.draw(state.events);
  policy.draw(state.policy, cannotAsk());
  leases.draw(state, now, cannotLease());
  refresh(whyNot, cannotLease());
}

function connected() {
  const is = connection.is === 'lost' ? (state ? 'stale' : 'unreachable') : connection.is;
  say(
    byId('connection'),
    {
      live: 'Live',
      connecting: 'Connecting…',
      'signed-out': 'Signed out',
      unreachable: 'No connection: trying again…',
      stale: `Stale since ${clock(connection.since)}: reconnecting…`,
    }[is],
  );
  byId('connection').dataset.state = is;
}

/** Why nobody can ask for a change now; empty where they can. */
function cannotAsk() {
  if (!state.person) return 'Looking only: sign in to change the fleet.';
  if (state.person.role !== 'operator') return 'You are a viewer: only operators may change the fleet.';
  if (connection.is !== 'live') return 'The connection is lost: nothing can be changed until it is back.';
  return '';
}

/** Why they cannot see to a lease of their own now; empty where they can. */
function cannotLease() {
  if (connection.is !== 'live') return 'The connection is lost: nothing can be changed until it is back.';
  return state.fleet.failing_since || !state.fleet.seen ? 'The cloud does not answer: nothing can be changed now.' : '';
}

/** Why nobody can change the fleet now; empty where they can. */
function cannotAct() {
  const whyNot = cannotAsk();
  if (whyNot) return whyNot;
  if (state.fleet.failing_since) return 'The cloud does not answer: nothing can be changed now.';
  if (!state.fleet.seen) return 'The cloud has not answered yet.';
  return '';
}

function banners(now) {
  const said = [];
  const of = state?.fleet;
  if (connection.is === 'lost' && state) {
    said.push([
      'lost',
      `No connection to handwave since ${clock(connection.since)} (${connection.why}). The page shows what was ` +
        'so then, and connects again by itself.',
    ]);
  }
  if (of?.failing_since) {
    said.push([
      'failing',
      `The cloud has not answered since ${clock(of.failing_since)}: ${of.trouble ?? 'no reason is known'}. ` +
        'handwave tries again by itself.',
    ]);
  } else if (of?.trouble) said.push(['in-the-way', `In the way: ${of.trouble}.`]);
  if (of?.lacks_balancer) said.push(['balancer', 'The load balancer is not there: nothing comes into service.']);
  if (of?.strangers.length) {
    said.push(['strangers', `On the balancer without the fleet’s tag, and not touched: ${of.strangers.join(', ')}.`]);
  }
  if (state && state.version !== VERSION) said.push(['newer', 'handwave was updated. Reload to get its page.']);
  const box = byId('banners');
  const key = said.join('|');
  if (box.dataset.said === key) return;
  box.dataset.said = key;
  box.replaceChildren(
    ...said.map(([name, text]) =>
      el(
        'p',
        { class: `banner ${name}`, id: name === 'in-the-way' ? 'trouble' : null },
        text,
        name === 'newer'
          ? el('button', { type: 'button', class: 'small', on: { click: () => location.reload() } }, 'Reload')
          : null,
      ),
    ),
  );
}

/** Somebody else is here from now on, or it is known why not. */
function signedIn(why) {
  if (!why) return stream.again();
  // Whoever is signed in already stays so.
  asked = { is: !state?.person, why };
  if (state?.person) tell(why);
  draw();
}

async function signOut() {
  const { status, told } = await ask('DELETE', '/api/v1/session').catch(() => ({ status: 0, told: null }));
  if (![200, 204].includes(status)) {
    return tell(`You may still be signed in: ${told?.error ?? 'handwave did not answer'}. Sign out again.`);
  }
  state = null;
  asked = { is: true, why: 'You are signed out.' };
  stream.again();
  draw();
  // Whoever came by a provider is still signed in there.
  if (told?.next) location.assign(told.next);
}

let kept = 0;
function isHere() {
  if (connection.is !== 'live' || Date.now() - kept < KEEP_ALIVE) return;
  kept = Date.now();
  ask('GET', '/api/v1/session').catch(() => {});
}

/** Moves to the next instance, or to the one before. */
function step(by) {
  const links = [...document.querySelectorAll('#rows a')];
  if (!links.length) return;
  const at = links.indexOf(document.activeElement);
  links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by))].focus();
}

const canPress = (button) => !button.disabled && !byId('fleet-actions').hidden;

const KEYS = {
  '?': () => byId('help').showModal(),
  '/': () => byId('search').focus(),
  j: () => step(1),
  k: () => step(-1),
  '+': () => canPress(byId('increase')) && acts.increase(byId('increase')),
  '-': () => canPress(byId('decrease')) && acts.decrease(byId('decrease')),
};

addEventListener('keydown', (event) => {
  isHere();
  const types = event.target.closest?.('input, textarea, select');
  if (types || event.ctrlKey || event.metaKey || event.altKey || byId('run').hidden) return;
  if (document.querySelector('dialog[open]')) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
addEventListener('pointerdown', isHere);
addEventListener('view', draw);
addEventListener('popstate', draw);
addEventListener('resize', draw);
addEventListener('hashchange', () => signIn.byAddress(signedIn));
addEventListener('online', () => stream.hurry());
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') stream.hurry();
});
byId('search').addEventListener('input', (event) => views.write({ q: event.target.value }));
byId('increase').addEventListener('click', (event) => acts.increase(event.currentTarget));
byId('decrease').addEventListener('click', (event) => acts.decrease(event.currentTarget));
byId('retire-all').addEventListener('click', (event) => acts.retireAll(event.currentTarget));
byId('help-button').addEventListener('click', () => byId('help').showModal());
byId('sign-out').addEventListener('click', signOut);
byId('sign-in-button').addEventListener('click', () => {
  asked = { is: true, why: 'Operators may change the fleet.' };
  draw();
});
signIn.listen(signedIn);
// Ages and the chart go on while nothing else does.
setInterval(draw, 1000);
signIn.byAddress(signedIn);
draw();
