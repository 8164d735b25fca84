// What asks before the fleet is changed. In: the fleet as it is when the dialog opens. Out: one command, which names
// what the dialog showed; a try again is the same command, so that it does nothing twice.

import { ask } from './connection.js';
import { byId, el, focusIfLost, instances, say, show } from './dom.js';

/** Pixels between the button that opened a dialog and the one that confirms it: a second click never does. */
const AWAY = 60;

/** The order that the dialog is about; null while it is closed. */
let order = null;

/**
 * Opens the dialog. `wish` makes the command's fields (null: not complete), `confirm` the button's words, `hasChanged` tells
 * whether the fleet is another than was shown, `again` opens it anew.
 */
function open(asked) {
  const dialog = byId('order');
  if (dialog.open) return;
  order = { ...asked, id: crypto.randomUUID(), isSent: false };
  say(byId('order-title'), asked.title);
  say(byId('order-text'), asked.text);
  byId('order-more').replaceChildren(...asked.more);
  byId('order-confirm').className = asked.isDanger ? 'danger' : 'confirm';
  trouble('');
  refresh('');
  dialog.style.translate = '';
  dialog.showModal();
  keepAway(dialog, byId('order-confirm'), asked.opener);
  byId('order-cancel').focus();
}

/** Says what is in the way, and whether to look again. */
function trouble(text, mustLook = false) {
  say(byId('order-error'), text);
  show(byId('order-error'), text !== '');
  show(byId('order-again'), mustLook);
}

/**
 * Puts the open dialog right: the fleet may have changed, and `whyNot` says why nothing can be done, where nothing can; for
 * leases `whyNoLease` does.
 */
export function refresh(whyNot, whyNoLease = whyNot) {
  if (!order) return;
  order.whyNot = order.to ? whyNoLease : whyNot;
  if (!order.isSent && !byId('order-error').textContent && order.hasChanged()) {
    trouble('The fleet has changed since this was opened.', true);
  }
  say(byId('order-confirm'), order.confirm());
  byId('order-confirm').disabled = order.isSent || Boolean(order.whyNot) || !order.wish();
}

/** Closes what is open: nobody is signed in any more. */
export function closeAll() {
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
}

/** Moves the dialog where its confirm button would lie at the opener's place. */
function keepAway(dialog, confirm, opener) {
  const from = opener.getBoundingClientRect();
  const at = confirm.getBoundingClientRect();
  const lies = (shift) =>
    at.left < from.right + AWAY &&
    at.right > from.left - AWAY &&
    at.top + shift < from.bottom + AWAY &&
    at.bottom + shift > from.top - AWAY;
  if (!lies(0)) return;
  const box = dialog.getBoundingClientRect();
  const shifts = [8 - box.top, innerHeight - 8 - box.bottom];
  dialog.style.translate = `0 ${shifts.find((shift) => !lies(shift)) ?? shifts[0]}px`;
}

/** Sends the order, and tells what became of it: in the dialog, or on the page where that was closed meanwhile. */
async function give(done) {
  const given = order;
  given.isSent = true;
  trouble('Sent; the cloud is asked…');
  refresh(given.whyNot);
  const { text, isDone, mayRepeat } = await send(given.to ?? '/api/v1/commands', { id: given.id, ...given.wish() });
  if (isDone || order !== given) {
    if (order === given) byId('order').close();
    return done(text);
  }
  given.isSent = !mayRepeat;
  trouble(text, !mayRepeat);
  refresh(given.whyNot);
  byId('order-cancel').focus();
}

/** Sends a command, and again where no answer came: its id makes that harmless. */
async function send(to, command) {
  for (let tries = 0; tries < 3; tries++) {
    try {
      const { status, told } = await ask('POST', to, command);
      if (status === 502 || status === 504) throw new Error('a proxy cannot reach it');
      return outcome(status, told, command);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 1000 * 2 ** tries * (0.5 + Math.random() / 2)));
    }
  }
  const text =
    'handwave cannot be reached, so nobody knows whether this was done. To confirm again does nothing twice.';
  return { text, mayRepeat: true };
}

const DID = {
  'scale-out': 'Increase',
  terminate: 'Retire',
  lease: 'Leased',
  extend: 'Lease extended',
  release: 'Lease ended',
};

function outcome(status, told, { action }) {
  if (status === 200) {
    const did = DID[action];
    const cut = told.cut ? ` Not all: ${told.cut}.` : '';
    return { text: `${did}: ${instances(told.instances.length)} (${told.instances.join(', ')}).${cut}`, isDone: true };
  }
  const why = told?.error ?? `the server answers ${status}`;
  if (status === 202) return { text: `The cloud did not say what became of it: ${why}. What was begun is completed.` };
  return { text: `Nothing was done: ${why}.`, mayRepeat: status === 503 };
}

/** A number field between 1 and `most`. */
function number(most) {
  return el('input', {
    id: 'order-count',
    type: 'number',
    min: '1',
    max: String(most),
    step: '1',
    value: '1',
    inputmode: 'numeric',
  });
}

const chosen = (input, most) => {
  const n = Number(input.value);
  return Number.isInteger(n) && n >= 1 && n <= most ? n : 0;
};

const list = (ids) =>
  el(
    'ul',
    { id: 'order-victims' },
    ids.map((id) => el('li', {}, id)),
  );

/** The dialogs. `now` answers the newest snapshot, `done` tells an outcome. */
export function dialogs(now, done) {
  const of = () => ({ fleet: now().fleet, name: now().about.fleet });
  const changed = (victims) => victims.join() !== of().fleet.can_go.join();

  byId('order-cancel').addEventListener('click', () => byId('order').close());
  byId('order-confirm').addEventListener('click', () => give(done));
  byId('order').addEventListener('input', () => refresh(order.whyNot));
  byId('order-again').addEventListener('click', () => {
    byId('order').addEventListener('close', order.again, { once: true });
    byId('order').close();
  });
  byId('order').addEventListener('close', () => {
    // This event comes after the close: another dialog may be open by now.
    if (byId('order').open) return;
    const opener = order?.opener;
    order = null;
    if (opener?.isConnected) focusIfLost(opener);
  });
  byId('help-close').addEventListener('click', () => byId('help').close());

  function increase(opener) {
    const {
      fleet: { count, max },
      name,
    } = of();
    const room = max - count;
    if (room < 1) return;
    const input = number(room);
    open({
      title: 'Increase the fleet',
      opener,
      text: `${name} has ${instances(count)}, and its maximum is ${max}: up to ${room} more can be launched.`,
      more: [el('label', {}, 'Launch ', input)],
      confirm: () => `Launch ${chosen(input, room) || '…'}`,
      wish: () => chosen(input, room) && { action: 'scale-out', fleet: name, count: chosen(input, room), seen: count },
      hasChanged: () => of().fleet.count !== count,
      again: () => increase(opener),
    });
  }

  function decrease(opener) {
    const {
      fleet: { count, min, can_go: victims },
      name,
    } = of();
    if (!victims.length) return;
    const named = () => victims.slice(0, chosen(input, victims.length));
    const input = number(victims.length);
    let box = list(named());
    input.addEventListener('input', () => {
      const next = list(named());
      box.replaceWith(next);
      box = next;
    });
    open({
      title: 'Decrease the fleet',
      isDanger: true,
      opener,
      text:
        `${name} has ${instances(count)}, and its minimum is ${min}: up to ${victims.length} can go. Unhealthy ones go ` +
        'first, then the newest. Each finishes its requests, then is terminated.',
      more: [box, el('label', {}, 'Retire ', input)],
      confirm: () => `Retire ${named().length || '…'}`,
      wish: () => named().length && { action: 'terminate', fleet: name, instances: named() },
      hasChanged: () => changed(victims),
      again: () => decrease(opener),
    });
  }

  function retire(id, opener) {
    const {
      fleet: { count, min },
      name,
    } = of();
    const keeps = count <= min;
    open({
      title: 'Retire one instance',
      isDanger: true,
      opener,
      text: keeps
        ? `The fleet keeps its minimum of ${min}: this one cannot go now.`
        : 'It leaves the load balancer, finishes its requests, and is terminated. That cannot be undone.',
      more: [list([id])],
      confirm: () => 'Retire it',
      wish: () => !keeps && { action: 'terminate', fleet: name, instances: [id] },
      hasChanged: () => !of().fleet.instances.some((other) => other.id === id && other.counts),
      again: () => retire(id, opener),
    });
  }

  function retireAll(opener) {
    const {
      fleet: { count, min, can_go: victims },
      name,
    } = of();
    if (!victims.length) return;
    const input = el('input', { id: 'order-typed-name', type: 'text', autocomplete: 'off', spellcheck: 'false' });
    open({
      title: 'Retire all',
      isDanger: true,
      opener,
      text: `${instances(victims.length)} of ${count} are retired. The minimum keeps ${instances(count - victims.length)}.`,
      more: [list(victims), el('label', {}, 'Type the fleet’s name, ', el('code', {}, name), ', to confirm ', input)],
      confirm: () => `Retire ${victims.length}`,
      wish: () => input.value === name && { action: 'terminate', fleet: name, instances: victims },
      hasChanged: () => changed(victims),
      again: () => retireAll(opener),
    });
  }

  const LEASES = { to: '/api/v1/leases', hasChanged: () => false };
  const minutes = (seconds) => Math.floor(seconds / 60);

  /** For how long, in minutes. */
  function length({ lasts, longest }) {
    const most = Math.max(1, minutes(longest));
    const input = number(most);
    input.value = Math.max(1, minutes(lasts));
    return { input, most, seconds: () => 60 * chosen(input, most) };
  }

  function lease(rules, opener) {
    const { input, most, seconds } = length(rules);
    const { user, role } = now().person;
    const who = el('input', { type: 'text', value: user, autocomplete: 'off', spellcheck: 'false', maxlength: '128' });
    open({
      ...LEASES,
      title: 'Lease an instance',
      opener,
      text: `It is nobody else’s until its time is over, ${most} minutes from now at the latest. Each costs money while it runs.`,
      more: [
        role === 'operator' && el('label', {}, 'For whom ', who),
        el('label', {}, 'Minutes ', input),
      ].filter(Boolean),
      confirm: () => 'Lease',
      wish: () => seconds() && who.value.trim() && { action: 'lease', fleet: of().name, who: who.value.trim(), seconds: seconds() },
      again: () => lease(rules, opener),
    });
  }

  function extend({ instance }, rules, opener) {
    const { input, seconds } = length(rules);
    open({
      ...LEASES,
      title: 'Extend the lease',
      opener,
      text: `${instance} is kept for so many minutes from now. An end never moves back.`,
      more: [el('label', {}, 'Minutes ', input)],
      confirm: () => 'Extend',
      wish: () => seconds() && { action: 'extend', fleet: of().name, instance, seconds: seconds() },
      again: () => extend({ instance }, rules, opener),
    });
  }

  function release({ instance, who, runs, then }, rules, opener) {
    open({
      ...LEASES,
      title: runs ? 'End the lease' : 'Give up what is kept',
      isDanger: true,
      opener,
      text: !runs
        ? `What ${who} left on its disk is deleted with it. That cannot be undone.`
        : `${who} loses it: it finishes its requests, then it is ${then === 'stop' ? 'stopped, and kept for them' : 'terminated with all that is on it'}.`,
      more: [list([instance])],
      confirm: () => (runs ? 'End it' : 'Give it up'),
      wish: () => ({ action: 'release', fleet: of().name, instance }),
      again: () => release({ instance, who, runs, then }, rules, opener),
    });
  }

  return { increase, decrease, retire, retireAll, lease, extend, release };
}
