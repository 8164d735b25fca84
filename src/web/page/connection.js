// This page's way to the server. In: wishes. Out: the stream's messages, and answers to single requests.

import { follow } from './stream.js';

/** The version of this page. The server's is in each snapshot. */
export const VERSION = '{{version}}';
const WORKER = '/assets/worker.js?{{version}}';

// Only the worker's own address may become a script.
const scripts = globalThis.trustedTypes?.createPolicy('handwave', {
  createScriptURL: (address) => (address === WORKER ? address : ''),
});

/** Follows the stream, in a worker that all tabs share where the browser has such. Answers its wishes. */
export function connect(take) {
  if (!globalThis.SharedWorker) return follow(take);
  const worker = new SharedWorker(scripts ? scripts.createScriptURL(WORKER) : WORKER, {
    type: 'module',
    name: VERSION,
  });
  worker.port.onmessage = ({ data: [name, value] }) => take(name, value);
  addEventListener('pagehide', ({ persisted }) => persisted || worker.port.postMessage('bye'));
  return {
    hurry: () => worker.port.postMessage('hurry'),
    again: () => worker.port.postMessage('again'),
  };
}

/** Asks the server. Answers the status and what it says; a server that cannot be reached is an error. */
export async function ask(method, path, body) {
  const answer = await fetch(path, {
    method,
    cache: 'no-store',
    headers: body ? { 'Content-Type': 'application/json' } : {},
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  let told = null;
  try {
    told = text && JSON.parse(text);
  } catch {
    // A proxy's page, say: the status has to do.
  }
  return { status: answer.status, told };
}
