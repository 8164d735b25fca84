// Signing in: by a link in the address, or by a name and a password. In: what the server offers, what is typed. Out: a session,
// or why there is none.

import { ask } from './connection.js';
import { byId, focusIfLost, say, show } from './dom.js';

const LINK = '#sign-in=';

let isShown = false;

/** Shows the ways to sign in, and why somebody should. */
export function draw(shown, why) {
  show(byId('signed-out'), shown);
  say(byId('signed-out-why'), why);
  if (shown && !isShown) offer();
  isShown = shown;
}

/** Asks the server which ways there are. */
async function offer() {
  const { told } = await ask('GET', '/api/v1/session').catch(() => ({ told: null }));
  show(byId('sign-in'), Boolean(told?.passwords));
  // A server that cannot be reached may have links: how one asks for one is worth knowing.
  show(byId('sign-in-link'), told?.links ?? true);
  if (told?.passwords) focusIfLost(byId('sign-in-name'));
}

/** Gives the form its button. `done` is told why there is no sign-in, or nothing. */
export function listen(done) {
  byId('sign-in').addEventListener('submit', async (event) => {
    event.preventDefault();
    const [name, password] = [byId('sign-in-name').value, byId('sign-in-password').value];
    byId('sign-in-send').disabled = true;
    const why = await post({ name, password });
    byId('sign-in-send').disabled = false;
    byId('sign-in-password').value = '';
    say(byId('sign-in-error'), why);
    show(byId('sign-in-error'), why !== '');
    if (why) byId('sign-in-password').focus();
    else done('');
  });
}

/** Signs in by the address's link. It is taken out of the address at once: it works only once, and is nobody's business. */
export async function byLink(done) {
  if (!location.hash.startsWith(LINK)) return;
  const link = location.hash.slice(LINK.length);
  history.replaceState(null, '', location.pathname + location.search);
  done(await post({ link }));
}

/** Answers why there is no sign-in; empty where there is. */
async function post(by) {
  try {
    const { status, told } = await ask('POST', '/api/v1/session', by);
    const why = told?.error ?? `the server answers ${status}`;
    return status === 200 ? '' : `${why[0].toUpperCase()}${why.slice(1)}.`;
  } catch {
    return 'handwave cannot be reached: is it running?';
  }
}
