// What this reader looks at, kept in the address: a link to it shows the same. In: the address. Out: filter, search,
// order, instance.

const DEFAULTS = { state: 'current', q: '', sort: 'age', instance: '' };

/** What the address says. */
export function read() {
  const asked = new URLSearchParams(location.search);
  return Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, asked.get(name) ?? value]));
}

/** Changes the address. An instance is a place of its own, which the browser's Back leaves; the rest is not. */
export function write(changes) {
  const view = { ...read(), ...changes };
  const asked = new URLSearchParams(Object.entries(view).filter(([name, value]) => value !== DEFAULTS[name]));
  const address = location.pathname + (asked.size ? `?${asked}` : '');
  if ('instance' in changes) history.pushState(null, '', address);
  else history.replaceState(null, '', address);
  dispatchEvent(new Event('view'));
}

/** The address of an instance's details. */
export function linkTo(instance) {
  const asked = new URLSearchParams({ ...Object.fromEntries(new URLSearchParams(location.search)), instance });
  return `?${asked}`;
}
