// How many instances there were over the last half hour. In: points `[second, count, in service]`, where null is not
// known. Out: an SVG in steps, where gaps stay gaps, and the same as a table.

import { COVERS, frame, steps, table } from './steps.js';
import { byId, clock } from './dom.js';

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
  const { level, path, show, x, y } = frame(box, end, top);
  const seen = points.filter(([at], i) => (points[i + 1]?.[0] ?? end) > end - COVERS || at > end - COVERS);
  const parts = [
    level(0, 'axis'),
    min > 0 ? level(min, 'limit') : [],
    level(max, 'limit'),
    path('serving', steps(seen, 2, x, y, end, true)),
    path('count', steps(seen, 1, x, y, end, false)),
  ];
  const latest = seen.at(-1);
  const label =
    latest?.[1] == null
      ? 'Instances over 30 minutes: not known now'
      : `Instances over 30 minutes: ${latest[1]} now, ${latest[2]} in service; ${min} to ${max} allowed`;
  show(parts, label);
  byId('chart-table').replaceChildren(changes(seen));
}

/** The changes alone: a beat that says that all is as before is left out. */
function changes(points) {
  const changed = points.filter(([, count, serving], i) => {
    const before = points[i - 1];
    return !before || before[1] !== count || before[2] !== serving;
  });
  const known = (count) => (count == null ? 'not known' : String(count));
  const rows = changed.reverse().map(([at, count, serving]) => [clock(at * 1000), known(count), known(serving)]);
  return table(['From', 'Instances', 'In service'], rows);
}
