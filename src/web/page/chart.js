// How many instances there were over the last half hour. In: points `[second, count, in service]`, where null is not known.
// Out: an SVG in steps, where gaps stay gaps, and the same as a table.

import { byId, clock, el, svg } from './dom.js';

const COVERS = 30 * 60;
const MARGIN = { left: 28, right: 12, top: 12, bottom: 22 };
const HEIGHT = 200;

let drawn = '';

/** Draws the points up to `now` (milliseconds). */
export function draw(points, { min, max }, now) {
  const box = byId('chart-picture');
  const width = Math.max(240, Math.round(box.clientWidth));
  const end = Math.round(now / 1000);
  // Every ten seconds is more than a pixel shows.
  const key = [width, Math.floor(end / 10), min, max, points.length, points.at(-1)?.join()].join();
  if (key === drawn) return;
  drawn = key;

  const top = Math.max(max, 1, ...points.map(([, count]) => count ?? 0));
  const inner = { width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const x = (second) => MARGIN.left + inner.width * Math.min(1, Math.max(0, 1 - (end - second) / COVERS));
  const y = (count) => MARGIN.top + inner.height * (1 - count / top);
  const line = (count, kind, label) => [
    svg('line', { class: kind, x1: MARGIN.left, x2: width - MARGIN.right, y1: y(count), y2: y(count) }),
    svg('text', { class: 'tick', x: MARGIN.left - 6, y: y(count) + 4, 'text-anchor': 'end' }, label),
  ];
  const seen = points.filter(([at], i) => (points[i + 1]?.[0] ?? end) > end - COVERS || at > end - COVERS);
  const parts = [
    line(0, 'axis', '0'),
    min > 0 ? line(min, 'limit', String(min)) : [],
    line(max, 'limit', String(max)),
    [30, 20, 10, 0].map((minutes) =>
      svg(
        'text',
        {
          class: 'tick',
          x: x(end - minutes * 60),
          y: HEIGHT - 6,
          'text-anchor': minutes === 0 ? 'end' : minutes === 30 ? 'start' : 'middle',
        },
        minutes ? `−${minutes} min` : 'now',
      ),
    ),
    svg('path', { class: 'serving', d: steps(seen, 2, x, y, end, true) }),
    svg('path', { class: 'count', d: steps(seen, 1, x, y, end, false) }),
  ];
  const latest = seen.at(-1);
  const label =
    latest?.[1] == null
      ? 'Instances over 30 minutes: not known now'
      : `Instances over 30 minutes: ${latest[1]} now, ${latest[2]} in service; ${min} to ${max} allowed`;
  box.replaceChildren(
    svg('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label': label }, parts.flat(2)),
  );
  table(seen);
}

/** Steps: a count holds until the next point. Closed down to zero where it is an area. */
export function steps(points, column, x, y, end, isArea) {
  let path = '';
  let open = false;
  const close = (at) => {
    if (open && isArea) path += `L${x(at)},${y(0)}Z`;
    open = false;
  };
  points.forEach((point, i) => {
    const [at, count] = [point[0], point[column]];
    const until = points[i + 1]?.[0] ?? end;
    if (count == null) return close(at);
    if (!open) path += isArea ? `M${x(at)},${y(0)}L${x(at)},${y(count)}` : `M${x(at)},${y(count)}`;
    else path += `L${x(at)},${y(count)}`;
    path += `L${x(until)},${y(count)}`;
    open = true;
    if (i === points.length - 1) close(until);
  });
  return path;
}

/** The changes alone: a beat that says that all is as before is left out. */
function table(points) {
  const changes = points.filter(([, count, serving], i) => {
    const before = points[i - 1];
    return !before || before[1] !== count || before[2] !== serving;
  });
  const rows = changes
    .reverse()
    .map(([at, count, serving]) =>
      el(
        'tr',
        {},
        el('td', {}, clock(at * 1000)),
        el('td', {}, count == null ? 'not known' : String(count)),
        el('td', {}, serving == null ? 'not known' : String(serving)),
      ),
    );
  byId('chart-table').replaceChildren(
    el(
      'table',
      {},
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          ['From', 'Instances', 'In service'].map((name) => el('th', { scope: 'col' }, name)),
        ),
      ),
      el('tbody', {}, rows),
    ),
  );
}
