// What the charts share: half an hour, drawn in steps. In: points whose first field is their second. Out: parts of an
// SVG, and a table.

import { el, svg } from './dom.js';

/** Seconds that a chart shows. */
export const COVERS = 30 * 60;
const MARGIN = { left: 36, right: 12, top: 12, bottom: 22 };
const HEIGHT = 200;

/** The frame of a chart in this box, whose time ends at `end` (a second) and whose values go up to `top`. */
export function frame(box, end, top) {
  const width = Math.max(240, Math.round(box.clientWidth));
  const inner = { width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const x = (second) => MARGIN.left + inner.width * Math.min(1, Math.max(0, 1 - (end - second) / COVERS));
  const y = (value) => MARGIN.top + inner.height * (1 - value / top);
  const times = [30, 20, 10, 0].map((minutes) => {
    const anchor = minutes === 0 ? 'end' : minutes === 30 ? 'start' : 'middle';
    const place = { class: 'tick', x: x(end - minutes * 60), y: HEIGHT - 6, 'text-anchor': anchor };
    return svg('text', place, minutes ? `−${minutes} min` : 'now');
  });
  return {
    x,
    y,
    /** A line across the chart, with its value beside it. */
    level: (value, kind, label = String(value)) => [
      svg('line', { class: kind, x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }),
      svg('text', { class: 'tick', x: MARGIN.left - 6, y: y(value) + 4, 'text-anchor': 'end' }, label),
    ],
    path: (kind, d) => svg('path', { class: kind, d }),
    /** Draws the parts; `label` says in words what they show. */
    show: (parts, label) =>
      box.replaceChildren(
        svg('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label': label }, [parts, times].flat(3)),
      ),
  };
}

/** Steps: a value holds until the next point, and null is a gap. Closed down to zero where it is an area. */
export function steps(points, column, x, y, end, isArea) {
  let path = '';
  let open = false;
  const close = (at) => {
    if (open && isArea) path += `L${x(at)},${y(0)}Z`;
    open = false;
  };
  points.forEach((point, i) => {
    const [at, value] = [point[0], point[column]];
    const until = points[i + 1]?.[0] ?? end;
    if (value == null) return close(at);
    if (!open) path += isArea ? `M${x(at)},${y(0)}L${x(at)},${y(value)}` : `M${x(at)},${y(value)}`;
    else path += `L${x(at)},${y(value)}`;
    path += `L${x(until)},${y(value)}`;
    open = true;
    if (i === points.length - 1) close(until);
  });
  return path;
}

/** A chart's numbers, for who cannot see it. */
export function table(names, rows) {
  const cells = (row) => row.map((text) => el('td', {}, text));
  return el(
    'table',
    {},
    el(
      'thead',
      {},
      el(
        'tr',
        {},
        names.map((name) => el('th', { scope: 'col' }, name)),
      ),
    ),
    el(
      'tbody',
      {},
      rows.map((row) => el('tr', {}, cells(row))),
    ),
  );
}
