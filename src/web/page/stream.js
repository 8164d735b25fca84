// The stream of changes, followed for as long as the page is open. In: the server's events. Out: messages: `connection`
// (how it is), `snapshot` (everything), and changes by name. It connects again by itself.

/** No byte for so long: the connection is dead, whatever the system says. The server sends something every 15 s. */
const SILENCE = 40_000;
/** The wait before the first try, and the longest, in milliseconds. Each is drawn at random from its upper half. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
/** Events that are kept, as on the server. */
export const KEPT = 1000;

/** Follows the stream. `tell` gets each message. Answers what may be asked of it. */
export function follow(tell) {
  let state = null;
  let last = null;
  let connection = { is: 'connecting', since: Date.now() };
  /** Tries since it was last connected. */
  let tries = 0;
  let stop = new AbortController();
  let isUrgent = false;
  let wake = () => {};
  const hurry = () => {
    isUrgent = true;
    wake();
  };

  function connected(is, more = {}) {
    // Stale data is as old as the connection's loss, not as the last try.
    const since = is === connection.is ? connection.since : Date.now();
    connection = { is, since, ...more };
    // What only people who are signed in may see is not kept for others.
    if (is === 'signed-out') state = last = null;
    tell('connection', connection);
  }

  function take({ name, id, data }) {
    if (id) last = id;
    if (name === 'ping') return;
    if (name === 'end') {
      connected(data === 'signed-out' ? 'signed-out' : 'lost', { why: 'handwave has ended' });
      // Where everybody may look, this reader goes on looking.
      isUrgent = data === 'signed-out';
      throw new Error('the stream has ended');
    }
    const value = JSON.parse(data);
    if (name === 'snapshot') {
      const before = value.goes_on && state?.run === value.run ? state.events : [];
      state = { ...value, events: [...before, ...value.events].slice(-KEPT), skew: Date.parse(value.now) - Date.now() };
      tries = 0;
      tell('snapshot', state);
      connected('live');
    } else if (name === 'event') {
      state.events = [...state.events, value].slice(-KEPT);
      tell('event', value);
    } else {
      state[name] = value;
      tell(name, value);
    }
  }

  async function read() {
    stop = new AbortController();
    let heard = Date.now();
    // After a sleep of the machine it fires at once.
    const watch = setInterval(() => Date.now() - heard > SILENCE && stop.abort(), 5_000);
    try {
      const headers = last ? { 'Last-Event-ID': last } : {};
      const answer = await fetch('/api/v1/stream', { headers, cache: 'no-store', signal: stop.signal });
      if (answer.status === 401 || answer.status === 403) return connected('signed-out');
      if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
      const parse = parser(take);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) throw new Error('the server closed the connection');
        heard = Date.now();
        parse(value);
      }
    } finally {
      clearInterval(watch);
      stop.abort();
    }
  }

  async function go() {
    for (;;) {
      try {
        await read();
      } catch (error) {
        if (connection.is !== 'signed-out') connected('lost', { why: connection.why ?? error.message });
      }
      const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** tries);
      tries += 1;
      const wait = connection.is === 'signed-out' ? null : most / 2 + (Math.random() * most) / 2;
      // A sign-in or a network that is back ends the wait.
      await new Promise((resolve) => {
        wake = resolve;
        if (isUrgent) resolve();
        else if (wait !== null) setTimeout(resolve, wait);
      });
      if (isUrgent) tries = 0;
      isUrgent = false;
    }
  }
  go();

  return {
    /** Everything so far, for a tab that comes later. */
    now: () => ({ state, connection }),
    /** Tries at once, where it waits for its next try. */
    hurry() {
      if (connection.is !== 'live') hurry();
    },
    /** Connects anew, as somebody else has signed in or out. */
    again() {
      last = null;
      hurry();
      stop.abort();
    },
  };
}

/** A parser of server-sent events (WHATWG HTML, 9.2.6), for pieces of text. `take` gets each event. */
export function parser(take) {
  let rest = '';
  let event = { name: 'message', id: null, data: [] };
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (line === '') {
        const { name, id, data } = event;
        event = { name: 'message', id: null, data: [] };
        if (data.length) take({ name, id, data: data.join('\n') });
        continue;
      }
      const colon = line.indexOf(':');
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'event') event.name = value;
      else if (field === 'id') event.id = value;
      else if (field === 'data') event.data.push(value);
    }
  };
}
