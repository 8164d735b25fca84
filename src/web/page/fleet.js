// The fleet: how many, where it is entered, and a table that is filtered, searched and sorted. In: the stream's
// `fleet`, the view. Out: elements. Whatever AWS says is text.

import { ago, byId, el, instances, keyed, say, show } from './dom.js';
import { linkTo, write } from './view-state.js';

/** A shape for each state, so that no colour has to be told apart. */
const SHAPES = {
  'in service': '●',
  unhealthy: '▲',
  registering: '◐',
  launching: '○',
  retiring: '▽',
  draining: '◒',
  terminating: '◌',
  terminated: '×',
  stopped: '■',
  starting: '◔',
  warm: '◉',
  preparing: '◎',
  returning: '◁',
};
const ORDER = Object.keys(SHAPES);
const GONE = 'terminated';
/** The filters besides one for each state. */
const FILTERS = {
  current: { title: 'Current', fits: (of) => of.lifecycle !== GONE },
  all: { title: 'All', fits: () => true },
};
const COLUMNS = [
  { key: 'id', title: 'Instance', by: (of) => of.id },
  { key: 'state', title: 'State', by: (of) => ORDER.indexOf(of.lifecycle) },
  { key: 'type', title: 'Type', by: (of) => of.type ?? '', optional: true },
  { key: 'zone', title: 'Zone', by: (of) => of.zone ?? '', optional: true },
  { key: 'address', title: 'Address', by: (of) => address(of) ?? '', optional: true },
  { key: 'age', title: 'Age', by: (of) => -Date.parse(of.born) },
];

const address = (of) => of.public_address ?? of.private_address;

/** Whether a filter shows an instance: a named one, or that of its state. */
const fits = (filter, of) => (Object.hasOwn(FILTERS, filter) ? FILTERS[filter].fits(of) : of.lifecycle === filter);

/** A state's shape and word. */
export const state = (of) =>
  el(
    'span',
    { class: `state ${of.lifecycle.replace(' ', '-')}` },
    el('span', { class: 'shape', 'aria-hidden': 'true' }, SHAPES[of.lifecycle] ?? '?'),
    ` ${of.lifecycle}`,
  );

/** The warm pool's: outside the count, and not on their way out. */
const IN_POOL = ['preparing', 'warm'];

/** Whether an instance can be retired at all. */
export const canRetire = (of) => of.counts && of.described && !of.leased;

/** The count, the limits, the entry's address, and why nothing can be done, where nothing can. */
export function head({ fleet, about }, isOperator, whyNot) {
  const { seen, count, min, max } = fleet;
  say(
    byId('fleet-count'),
    seen ? `${instances(count)}, ${min} to ${max} allowed${fleet.settled ? '' : ' · changing'}` : 'Not seen yet.',
  );
  const entry = byId('fleet-entry');
  show(entry, Boolean(about.entry));
  if (about.entry && entry.dataset.of !== about.entry) {
    entry.dataset.of = about.entry;
    entry.replaceChildren('Entered at ', el('code', {}, about.entry), ' ', copies(about.entry));
  }
  show(byId('fleet-actions'), isOperator);
  const can = { increase: count < max, decrease: fleet.can_go.length > 0, 'retire-all': fleet.can_go.length > 0 };
  for (const [id, possible] of Object.entries(can)) byId(id).disabled = Boolean(whyNot) || !possible;
  const limit = !can.increase
    ? `The fleet is at its maximum of ${max}.`
    : can.decrease || !count
      ? ''
      : `The fleet keeps its minimum of ${min}.`;
  say(byId('actions-off'), whyNot || (seen ? limit : ''));
}

function copies(text) {
  const button = el('button', { type: 'button', class: 'small' }, 'Copy');
  button.addEventListener('click', async () => {
    const copied = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
    say(button, copied ? 'Copied' : 'Not allowed here: select and copy it');
    setTimeout(() => say(button, 'Copy'), 3000);
  });
  return button;
}

/** The filters with their counts, and the table. `retire` asks before an instance is retired, which only operators do. */
export function table(fleet, view, now, retire, isOperator, whyNot) {
  filters(fleet, view);
  const search = byId('search');
  if (document.activeElement !== search && search.value !== view.q) search.value = view.q;
  const shown = sorted(
    fleet.instances.filter((of) => fits(view.state, of) && matches(of, view.q)),
    view.sort,
  );
  show(byId('instances'), shown.length > 0);
  show(byId('empty'), shown.length === 0);
  if (!shown.length) nothing(fleet, view, isOperator);
  keyed(
    byId('columns'),
    [...COLUMNS, { key: 'actions' }],
    (column) => column.key,
    heading,
    (cell, column) => order(cell, column, view.sort),
  );
  keyed(
    byId('rows'),
    shown,
    (of) => of.id,
    (of) => row(of, retire),
    (line, of) => update(line, of, view, now, isOperator, whyNot),
  );
}

function filters(fleet, view) {
  const states = ORDER.filter((name) => name === view.state || fleet.instances.some((of) => of.lifecycle === name));
  const make = (name) => el('button', { type: 'button', class: 'filter', on: { click: () => write({ state: name }) } });
  keyed(
    byId('filters'),
    [...Object.keys(FILTERS), ...states],
    (name) => name,
    make,
    (button, name) => {
      const shape = SHAPES[name] ? `${SHAPES[name]} ` : '';
      say(button, `${shape}${FILTERS[name]?.title ?? name} ${fleet.instances.filter((of) => fits(name, of)).length}`);
      button.setAttribute('aria-pressed', String(name === view.state));
    },
  );
}

/** Whether an instance has these words anywhere a person would look for them. */
export function matches(of, words) {
  const text = [
    of.id,
    of.lifecycle,
    of.type,
    of.zone,
    of.image,
    of.key_pair,
    of.private_address,
    of.public_address,
    ...Object.entries(of.tags).flat(),
  ]
    .join(' ')
    .toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Sorted by a column; with a `-` before its name, the other way round. */
export function sorted(all, sort) {
  const column = COLUMNS.find(({ key }) => key === sort.replace('-', '')) ?? COLUMNS.at(-1);
  const sign = sort.startsWith('-') ? -1 : 1;
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return [...all].sort((a, b) => sign * compare(column.by(a), column.by(b)) || compare(a.id, b.id));
}

function heading({ key, title, optional }) {
  if (!title) return el('th', { scope: 'col' }, el('span', { class: 'unseen' }, 'Actions'));
  const turn = ({ currentTarget }) => {
    const isUp = currentTarget.closest('th').getAttribute('aria-sort') === 'ascending';
    write({ sort: isUp ? `-${key}` : key });
  };
  return el(
    'th',
    { scope: 'col', class: optional ? 'optional' : null },
    el('button', { type: 'button', class: 'sort', data: { sort: key }, on: { click: turn } }, title),
  );
}

function order(cell, { key }, sort) {
  const way = sort === key ? 'ascending' : sort === `-${key}` ? 'descending' : '';
  if (way) cell.setAttribute('aria-sort', way);
  else cell.removeAttribute('aria-sort');
}

function row(of, retire) {
  const open = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    write({ instance: of.id });
  };
  return el(
    'tr',
    {},
    el('th', { scope: 'row' }, el('a', { class: 'instance', href: linkTo(of.id), on: { click: open } }, of.id)),
    el('td', { class: 'of-state' }),
    ['type', 'zone', 'address'].map((name) => el('td', { class: `optional of-${name}` })),
    el('td', { class: 'of-age' }),
    el(
      'td',
      {},
      el(
        'button',
        {
          type: 'button',
          class: 'small danger',
          'aria-label': `Retire ${of.id}`,
          on: { click: (event) => retire(of.id, event.currentTarget) },
        },
        'Retire',
      ),
    ),
  );
}

function update(line, of, view, now, isOperator, whyNot) {
  line.classList.toggle('open', view.instance === of.id);
  line.classList.toggle('leaving', !of.counts && !IN_POOL.includes(of.lifecycle));
  const link = line.querySelector('a');
  const href = linkTo(of.id);
  if (link.getAttribute('href') !== href) link.setAttribute('href', href);
  const cell = line.querySelector('.of-state');
  if (cell.dataset.state !== of.lifecycle) {
    cell.dataset.state = of.lifecycle;
    cell.replaceChildren(state(of));
  }
  say(line.querySelector('.of-type'), of.type ?? '–');
  say(line.querySelector('.of-zone'), of.zone ?? '–');
  say(line.querySelector('.of-address'), address(of) ?? '–');
  say(line.querySelector('.of-age'), ago(of.born, now));
  const button = line.querySelector('button');
  show(button, isOperator && canRetire(of));
  button.disabled = Boolean(whyNot);
}

/** Why the table is empty, and what to do. */
function nothing(fleet, view, isOperator) {
  const box = byId('empty');
  if (!fleet.seen) return say(box, 'The cloud has not answered yet.');
  if (!fleet.instances.length) {
    const way = isOperator ? 'Increase it here, or show' : 'It grows when somebody shows';
    return say(box, `The fleet is empty. ${way} a left fist that opens.`);
  }
  const why = view.q ? `No instance has “${view.q}” here: ` : 'No instance is in this state: ';
  if (box.dataset.why === why && box.querySelector('button')) return;
  box.dataset.why = why;
  const way = view.q
    ? { title: 'clear the search', to: { q: '' } }
    : { title: 'show all current', to: { state: 'current' } };
  box.replaceChildren(
    why,
    el('button', { type: 'button', class: 'small', on: { click: () => write(way.to) } }, way.title),
  );
}
