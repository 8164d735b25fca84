// Elements, made without markup: whatever a text says, it stays text. In: names, properties, children. Out: elements.

const SVG = 'http://www.w3.org/2000/svg';

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/**
 * Makes an element. Properties: `class`, `on` (listeners by event), `data` (dataset), booleans, and attributes; null and
 * false leave an attribute away.
 */
export function el(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** The same for a picture's parts. */
export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(node, { on = {}, data = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, '');
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  for (const [event, listener] of Object.entries(on)) node.addEventListener(event, listener);
  Object.assign(node.dataset, data);
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
}

/** Sets a text where it is another: a reader of the page is told of changes alone. */
export function say(node, text) {
  if (node.textContent !== text) node.replaceChildren(...whole(text));
}

/** A text whose instance ids stay whole: a browser breaks lines at their hyphen. */
export const whole = (text) =>
  text.split(/\b(i-[0-9a-f]{8,})/).map((part, at) => (at % 2 ? el('span', { class: 'id' }, part) : part));

/** Shows or hides. */
export function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}

/**
 * Makes the children of `parent` fit `items`, in their order. `make` makes one for an item, `update` puts it right. Children
 * that stay are not touched, so that focus and selection stay too.
 */
export function keyed(parent, items, key, make, update) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let child = before.get(name);
    if (child) before.delete(name);
    else {
      child = make(item);
      child.dataset.key = name;
    }
    update?.(child, item);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  before.forEach((child) => child.remove());
}

/** A time of the day, in the reader's time zone. */
export const clock = (date) => new Date(date).toLocaleTimeString([], { hour12: false });

/** How long something has lasted, such as `5 min`. */
export function ago(from, now) {
  const seconds = Math.max(0, Math.round((now - new Date(from)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `1 instance`, `2 instances`. */
export const instances = (n) => `${n} instance${n === 1 ? '' : 's'}`;

/** Focuses an element after a dialog has closed, unless something else has the focus by now. */
export function focusIfLost(element) {
  if (document.activeElement === document.body) element.focus();
}
