// The hand as the camera sees it, flipped as in a mirror: bones from landmarks, never a picture. In: the stream's
// `hands`. Out: an SVG, and what is said of it.

import { byId, say, show, svg } from './dom.js';

/** Bones by their landmarks (MediaPipe's numbers): the palm, then the fingers from the thumb. */
const PALM = [0, 1, 5, 9, 13, 17, 0];
const FINGERS = [
  [1, 2, 3, 4],
  [5, 6, 7, 8],
  [9, 10, 11, 12],
  [13, 14, 15, 16],
  [17, 18, 19, 20],
];
const ICONS = { pause: '❚❚', tick: '✓', back: '↶', cross: '✕' };
/** The picture's width in its own units. */
const WIDTH = 640;

let shown;
let announced;

export function draw(hands) {
  if (hands === shown) return;
  shown = hands;
  const hasCamera = hands.camera !== 'none';
  byId('hand').classList.toggle('without', !hasCamera);
  show(byId('hand-picture'), hasCamera);
  if (hasCamera) byId('hand-picture').replaceChildren(picture(hands));
  const { icon, ring, headline, remedy, lost } = hands;
  const ends = ring?.kind === 'emptying' ? `${ring.title} ${ring.left.toFixed(1)} s: ${ring.victims.join(', ')}` : '';
  say(byId('hand-headline'), ends || (icon ? `${ICONS[icon]} ` : '') + headline);
  say(byId('hand-remedy'), ends ? headline : lost ? `${lost}. ${remedy}` : remedy);
  say(byId('hand-light'), hands.light ?? '');
  // A countdown is said once, not with every tenth of a second.
  const title = ends && `${ring.title.replace(/ in$/, '')}: ${ring.victims.join(', ')}`;
  if (title !== announced) say(byId('hand-announced'), title && `${title}; a fist takes it back.`);
  announced = title;
}

function picture({ size, hands, ring, headline }) {
  const [width, height] = size ?? [4, 3];
  const tall = Math.round((WIDTH * height) / width);
  const at = ([x, y]) => [WIDTH - (x * WIDTH) / 1000, (y * tall) / 1000];
  const parts = ring?.kind === 'emptying' ? [] : hands.map((hand) => skeleton(hand, at, !ring));
  if (ring) parts.push(ring.kind === 'emptying' ? countdown(ring, tall) : around(ring, hands, at, tall));
  return svg('svg', { viewBox: `0 0 ${WIDTH} ${tall}`, role: 'img', 'aria-label': headline || 'No hand' }, parts);
}

/** A ring says the count too, and lies where the label would be. */
function skeleton({ side, fingers, sure, raised, points }, at, isLabelled) {
  const joints = points.map(at);
  const line = (chain, kind) =>
    svg('polyline', { class: kind, points: chain.map((joint) => joints[joint].join()).join(' ') });
  const [low] = [...joints].sort((a, b) => b[1] - a[1]);
  return svg(
    'g',
    { class: `bones ${sure ? side : 'unsure'}` },
    line(PALM, 'bone'),
    FINGERS.map((finger, i) => line(finger, raised?.[i] ? 'bone raised' : 'bone')),
    FINGERS.map(
      (finger, i) =>
        raised?.[i] && svg('circle', { class: 'tip', cx: joints[finger[3]][0], cy: joints[finger[3]][1], r: 9 }),
    ).filter(Boolean),
    isLabelled && svg('text', { class: 'count', x: low[0], y: low[1] + 34 }, `${side} ${fingers}${sure ? '' : '?'}`),
  );
}

/** The ring around the hand that is held, or around a fist. In the middle while a reading has missed the hand. */
function around({ kind, side, done }, hands, at, tall) {
  const hand = hands.find((hand) => hand.side === side);
  const joints = hand?.points.map(at) ?? [
    [WIDTH / 2 - 70, tall / 2 - 70],
    [WIDTH / 2 + 70, tall / 2 + 70],
  ];
  const [xs, ys] = [joints.map(([x]) => x), joints.map(([, y]) => y)];
  const middle = (all) => (Math.min(...all) + Math.max(...all)) / 2;
  const wide = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  const r = Math.min(Math.max(0.6 * wide, 70), tall / 2 - 10);
  return arc(middle(xs), middle(ys), r, kind === 'ready' ? 1 : done, `ring ${kind} ${side}`);
}

function countdown({ side, title, victims, left, of }, tall) {
  const [x, y, r] = [WIDTH / 2, tall * 0.45, tall * 0.2];
  const row = (text, i) => svg('text', { class: 'victim', x, y: y + r + 38 + 26 * i }, text);
  return svg(
    'g',
    { class: 'countdown' },
    svg('text', { class: 'title', x, y: y - r - 24 }, title),
    arc(x, y, r, left / Math.max(of, 0.01), `ring emptying ${side}`),
    svg('text', { class: 'left', x, y: y + 22 }, left.toFixed(1)),
    victims.map(row),
  );
}

function arc(cx, cy, r, share, kind) {
  const length = 2 * Math.PI * r;
  return svg(
    'g',
    { class: kind },
    svg('circle', { class: 'track', cx, cy, r }),
    svg('circle', {
      class: 'done',
      cx,
      cy,
      r,
      transform: `rotate(-90 ${cx} ${cy})`,
      'stroke-dasharray': `${share * length} ${length}`,
    }),
  );
}
