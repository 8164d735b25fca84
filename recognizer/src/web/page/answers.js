// The stream of answers. In: ids that are waited for. Out: messages: `answer` with an answer, `lost` with whether the
// connection is. It is open only while something is waited for, and connects again by itself: an EventSource gives up
// for good at any answer but 200, so that each try is a new one.

/** The wait before the first try, and the longest, in milliseconds. Each is drawn at random from its upper half. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;
/** A connection may be dead though the system says nothing, and an EventSource does not tell of the server's comments.
 *  So the stream is made anew now and then. Nothing is lost by that. */
const LIFE = 120_000;
/** What the server takes at once. */
const ASKED = 5_000;

/** `tell(name, value)` gets each message. */
export function follow(tell) {
  const stream = crypto.randomUUID();
  const waiting = new Set();
  let source = null;
  let timer = 0;
  let tries = 0;
  let isPaused = false;

  function stop() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function connect() {
    stop();
    if (isPaused || waiting.size === 0) return;
    source = new EventSource(`/answers?stream=${stream}`);
    source.addEventListener('connected', () => {
      tries = 0;
      tell('lost', false);
      clearTimeout(timer);
      timer = setTimeout(connect, LIFE);
      ask([...waiting]);
    });
    source.addEventListener('answer', ({ data }) => {
      const answer = JSON.parse(data);
      waiting.delete(answer.id);
      tell('answer', answer);
      if (waiting.size === 0) {
        stop();
        tell('lost', false);
      }
    });
    source.onerror = again;
    // A connection that never comes about, as where all of a browser's six are taken.
    timer = setTimeout(again, LONGEST_WAIT);
  }

  function again() {
    stop();
    tell('lost', true);
    const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** tries++);
    timer = setTimeout(connect, most / 2 + (Math.random() * most) / 2);
  }

  // What was answered while nobody listened, or by another server, is told now.
  async function ask(ids) {
    try {
      for (let i = 0; i < ids.length; i += ASKED) {
        const reply = await fetch(`/waiting?stream=${stream}`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify(ids.slice(i, i + ASKED)),
        });
        if (!reply.ok) throw new Error(`the server answers ${reply.status}`);
      }
    } catch {
      again();
    }
  }

  return {
    stream,
    /** Waits for an answer. `isWatched`: the server knows already. */
    wait(id, isWatched) {
      waiting.add(id);
      if (!source) connect();
      else if (!isWatched && source.readyState === EventSource.OPEN) ask([id]);
    },
    /** A page that nobody sees needs no connection. */
    pause(yes) {
      isPaused = yes;
      if (yes) stop();
      else connect();
    },
  };
}
