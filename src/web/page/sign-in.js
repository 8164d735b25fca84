// Signing in: by a link in the address, by a name and a password, or at a provider. In: what the server offers, what is
// typed, what the address says. Out: a session, or why there is none.

import { ask } from './connection.js';
import { byId, focusIfLost, say, show } from './dom.js';

const LINK = '#sign-in=';
const PROVIDER = '#openid=';

/** What the address says of a sign-in at the provider: a word alone, so that no link can put sentences here. */
const FAILED = {
  denied: 'The provider did not sign you in, or you broke it off.',
  group: 'You are in none of the groups that may use this page, or the provider did not say who you are: ask whoever runs it.',
  late: 'That sign-in took too long, or was begun in another browser: begin again.',
  unproved: 'The provider’s answer could not be proved. handwave’s events say why.',
  unreachable: 'The provider does not answer as it should: try again later. handwave’s events say why.',
  open: 'Others can read what is sent this way: open the page by https.',
  busy: 'Too many sign-ins are under way: try again in some minutes.',
};

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
  show(byId('sign-in-provider'), Boolean(told?.provider));
  say(byId('sign-in-provider-name'), told?.provider ?? '');
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

/** Signs in by the address's link, or takes what it says of the provider. That is taken out of the address at once: it counts
 * only once, and is nobody's business. */
export async function byAddress(done) {
  const { hash } = location;
  if (![LINK, PROVIDER].some((head) => hash.startsWith(head))) return;
  history.replaceState(null, '', location.pathname + location.search);
  if (hash.startsWith(LINK)) return done(await post({ link: hash.slice(LINK.length) }));
  const word = hash.slice(PROVIDER.length);
  if (word === 'in') done('');
  else if (Object.hasOwn(FAILED, word)) done(FAILED[word]);
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
