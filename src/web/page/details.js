// One instance, at an address of its own. In: the fleet, the events, the instance's id. Out: all that is known about
// it.

import { about, line } from './events.js';
import { ago, byId, el, focusIfLost, say, show } from './dom.js';
import { canRetire, state } from './fleet.js';
import { cpu } from './measured.js';
import { read, write } from './view-state.js';

let drawn = '';

/** Shows the instance; none is shown where the id is empty. */
export function draw({ fleet, events, measured }, id, now, isOperator, whyNot) {
  const dialog = byId('details');
  if (!id) {
    if (dialog.open) dialog.close();
    return;
  }
  const of = fleet.instances.find((instance) => instance.id === id);
  say(byId('details-title'), id);
  const retire = byId('details-retire');
  show(retire, Boolean(isOperator && of && canRetire(of)));
  retire.disabled = Boolean(whyNot);
  const story = about(events, id);
  const key = JSON.stringify([id, of, story.length, Math.floor(now / 10_000)]);
  if (key !== drawn) {
    drawn = key;
    byId('details-body').replaceChildren(
      of ? facts(of, now) : el('p', { class: 'empty' }, 'This instance is not in the fleet, or no longer described.'),
      el('h3', {}, 'History'),
      story.length
        ? el('ol', { class: 'story' }, story.map(line).reverse())
        : el('p', { class: 'empty' }, 'Nothing has happened to it since handwave started.'),
    );
  }
  if (!dialog.open) {
    dialog.showModal();
    byId('details-title').focus();
  }
  // Its width is that of the open dialog.
  cpu(measured, id, now);
}

/** Gives the dialog its buttons; `retire` asks before an instance is retired. */
export function listen(retire) {
  const shown = () => byId('details-title').textContent;
  byId('details-close').addEventListener('click', () => {
    leave();
    byId('details').close();
  });
  byId('details-retire').addEventListener('click', (event) => retire(shown(), event.currentTarget));
  // By Escape. The `close` event comes later, and what is drawn until then would open the dialog again.
  byId('details').addEventListener('cancel', leave);
  byId('details').addEventListener('close', () => {
    leave();
    const links = [...document.querySelectorAll('#rows a')];
    focusIfLost(links.find((link) => link.textContent === shown()) ?? byId('fleet'));
  });
}

/** Takes the instance out of the address, where it stands there. */
function leave() {
  if (read().instance) write({ instance: '' });
}

/** Whether it was started from the warm pool. Two clocks tell its launch and its last start, so these do not say. */
const wasStartedAgain = (of) => /^(serve|back)@/.test(of.tags['handwave:pool'] ?? '');

function facts(of, now) {
  const rows = [
    ['State', state(of)],
    ['EC2 says', of.reason ? `${of.state}: ${of.reason}` : of.state],
    ['Balancer says', [of.health ?? 'nothing', of.why].filter(Boolean).join(': ')],
    ['Launched', `${new Date(of.born).toLocaleString()} (${ago(of.born, now)} ago)`],
    ['Last start', wasStartedAgain(of) && `${new Date(of.launched).toLocaleString()} (${ago(of.launched, now)} ago)`],
    ['Leased', of.leased && 'to one person: nothing else takes it'],
    ['Type', of.type],
    ['Zone', of.zone],
    ['Subnet', of.subnet],
    ['Image', of.image],
    ['Key pair', of.key_pair],
    ['Private address', of.private_address],
    ['Public address', of.public_address],
    ...Object.entries(of.tags).map(([key, value]) => [`Tag ${key}`, value]),
  ];
  return el(
    'dl',
    {},
    rows.filter(([, value]) => value).map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))),
  );
}
