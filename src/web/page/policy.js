// The policies: their last decision, what a person holds, and the switch that pauses them. In: the stream's `policy`,
// clicks. Out: a part of the fleet's card, and one request a click.

import { ask } from './connection.js';
import { byId, say, show } from './dom.js';

let isPaused = false;

/** Draws them. `whyNot` says why nobody can switch them now, where nobody can. */
export function draw(policy, whyNot) {
  show(byId('policy'), Boolean(policy));
  if (!policy) return;
  isPaused = policy.paused_by_page;
  const isRunPaused = policy.paused && !isPaused;
  say(byId('policy-decision'), `Policy: ${policy.decision}${isRunPaused ? ', as handwave is' : ''}.`);
  say(byId('policy-held'), policy.held ? `A person goes first: ${policy.held}.` : '');
  say(byId('policy-switch'), isPaused ? 'Resume policies' : 'Pause policies');
  byId('policy-switch').disabled = Boolean(whyNot);
}

/** Listens to the switch. `tell` says what came of it. */
export function listen(tell) {
  byId('policy-switch').addEventListener('click', async () => {
    const paused = !isPaused;
    try {
      const { status, told } = await ask('POST', '/api/v1/policy', { paused });
      const done = paused ? 'The policies are paused.' : 'The policies go on.';
      tell(status === 200 ? done : `${told?.error ?? `The server answers ${status}`}.`);
    } catch {
      tell('handwave cannot be reached: the policies are as they were.');
    }
  });
}
