// What happened, newest first. In: the journal's events. Out: a list.

import { byId, clock, el, keyed, whole } from './dom.js';

/** More than anybody reads here; `--events` keeps all. */
const SHOWN = 200;
const BAD = ['error', 'refused', 'camera-lost', 'sign-in-failed'];

let drawn;

export function draw(events) {
  if (events === drawn) return;
  drawn = events;
  // Another run numbers its events anew.
  const name = ({ number, at }) => `${number} ${at}`;
  keyed(byId('event-list'), events.slice(-SHOWN).reverse(), name, line);
  byId('event-list').classList.toggle('empty', events.length === 0);
}

/** One event. */
export function line({ at, text, event }) {
  return el(
    'li',
    { class: BAD.includes(event) ? 'bad' : null },
    el('time', { datetime: at }, clock(at)),
    ' ',
    el('span', {}, ...whole(text)),
  );
}

/** Those that are about an instance. */
export const about = (events, id) =>
  events.filter((event) => event.instances?.includes(id) && event.event !== 'signed-in');
