// What the cloud measures: requests, and the CPU of an instance. In: the newest charts that the server has sent, null
// where it has asked nobody yet. Out: a chart each, with its source and its table, or why there is none.

import { COVERS, frame, steps, table } from './steps.js';
import { byId, clock, say, show } from './dom.js';

/** The requests of the whole fleet. `now` in milliseconds. */
export function requests(measured, now) {
  const { step, series } = measured?.requests ?? {};
  // Counted in each step.
  const perMinute = (points) => points?.map(([at, count]) => [at, (count * 60) / step]);
  const [all, each] = [perMinute(series?.all), perMinute(series?.each)];
  show(byId('requests-each'), Boolean(each?.length));
  draw('requests', measured?.requests, { all, each }, now, { title: 'Requests per minute', unit: '', least: 10 });
}

/** The CPU of the instance that the details show. */
export function cpu(measured, id, now) {
  const series = measured?.cpu.series ?? {};
  // The id is the address's, which anybody can write.
  const all = Object.hasOwn(series, id) ? series[id] : [];
  draw('cpu', measured?.cpu, { all }, now, { title: `CPU of ${id}`, unit: ' %', least: 100 });
}

const drawn = {};

function draw(name, told, { all = [], each = [] }, now, { title, unit, least }) {
  const end = Math.round(now / 1000);
  const box = byId(`${name}-picture`);
  const key = [title, Math.round(box.clientWidth), Math.floor(end / 10), JSON.stringify(told)].join();
  if (drawn[name] === key) return;
  drawn[name] = key;

  const { step = 60, growing_from: growing = Infinity, error, source } = told ?? {};
  const seen = all.filter(([at]) => at + step > end - COVERS);
  const none = 'Nothing is measured yet, or nothing was in service in the last 30 minutes.';
  const why = !told ? 'Asking…' : error ? `Not known: ${error}.` : seen.length ? '' : none;
  say(byId(`${name}-why`), why);
  show(byId(`${name}-why`), Boolean(why));
  show(box, !why);
  show(byId(`${name}-more`), !why);
  // The first value that may still grow begins where the last settled one ends.
  const settled = seen.filter(([at]) => at + step <= growing);
  const newer = seen.slice(settled.length);
  say(byId(`${name}-source`), why ? '' : about(source, step, newer.length > 0));
  if (why) return;

  const top = round(Math.max(least, ...seen.map(([, value]) => value)));
  const { level, path, show: put, x, y } = frame(box, end, top);
  const latest = seen.at(-1);
  const label = `${title} over 30 minutes: ${number(latest[1])}${unit} at ${clock(latest[0] * 1000)}`;
  put(
    [
      level(0, 'axis'),
      level(top, 'axis', number(top)),
      path('count', steps(gaps(settled, step), 1, x, y, end, false)),
      path('count growing', steps(gaps(newer, step), 1, x, y, end, false)),
      each.length ? path('each', steps(gaps(each, step), 1, x, y, end, false)) : [],
    ],
    label,
  );
  const ofEach = new Map(each);
  const rows = seen.toReversed().map(([at, value]) => [
    clock(at * 1000),
    `${number(value)}${unit}${at + step > growing ? ' (still coming in)' : ''}`,
    ...(each.length ? [number(ofEach.get(at))] : []),
  ]);
  const names = ['From', title, ...(each.length ? ['Each instance'] : [])];
  byId(`${name}-table`).replaceChildren(table(names, rows));
}

/** Each value holds for its own step: what follows later leaves a gap. */
function gaps(points, step) {
  return points.flatMap(([at, value], i) => {
    const next = points[i + 1]?.[0];
    return next === at + step ? [[at, value]] : [[at, value], [at + step, null]];
  });
}

/** The next 1, 2 or 5 times a power of ten. */
function round(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((top) => top >= value);
}

function about(source, step, grows) {
  const every = step < 60 ? `every ${step} seconds` : step === 60 ? 'each minute' : `every ${step / 60} minutes`;
  const detailed = step > 60 ? ' (instance.detailed_monitoring is off)' : '';
  const growing = grows ? ' Dashed: still coming in.' : '';
  return `Measured by ${source}, ${every}${detailed}. A gap: nothing was measured.${growing}`;
}

const number = (value) => (value == null ? 'not known' : String(Math.round(value * 10) / 10));
