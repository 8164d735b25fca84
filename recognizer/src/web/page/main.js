// The page: takes pictures, sends them, shows the answers. In: files, dropped or chosen. Out: a card for each.

import { Card } from './card.js';
import { draw } from './thumbnail.js';

const LARGEST = 10_000_000;
/** So many are sent at once: a browser has six connections to a server, for all tabs. */
const AT_ONCE = 3;

const $ = (id) => document.getElementById(id);
const cards = [];
const byId = new Map();
/** Answers that came before the page knew the picture's id. */
const early = new Map();
const queue = [];
let sending = 0;

document.documentElement.classList.add('scripted');
const answers = await listen((name, value) => {
  if (name === 'lost') {
    $('lost').hidden = !value;
    $('lost').textContent = value ? 'The connection is lost. Trying again; no answer gets lost.' : '';
  } else if (name === 'answer') {
    const card = byId.get(value.id);
    if (card) take(card, value);
    else if (sending) early.set(value.id, value);
  }
});

/** One stream for all tabs where the browser can, else one that rests while nobody sees the page. */
async function listen(tell) {
  const shared = 'SharedWorker' in window && (await share(tell));
  if (shared) return shared;
  const { follow } = await import('./answers.js');
  const own = follow(tell);
  document.addEventListener('visibilitychange', () => own.pause(document.hidden));
  return own;
}

/** The stream that all tabs share; none where it can't be had. */
function share(tell) {
  const worker = new SharedWorker('/worker.js', { type: 'module' });
  const { port } = worker;
  const wait = (...rest) => port.postMessage(['wait', ...rest]);
  addEventListener('pagehide', () => port.postMessage(['bye']));
  // Back from the browser's memory: what was answered meanwhile is asked for.
  addEventListener('pageshow', ({ persisted }) => {
    if (!persisted) return;
    port.postMessage(['hello']);
    for (const id of byId.keys()) wait(id, false);
  });
  return new Promise((resolve) => {
    worker.onerror = () => resolve(null);
    port.onmessage = ({ data: [name, value] }) =>
      name === 'stream' ? resolve({ stream: value, wait }) : tell(name, value);
  });
}

function add(files) {
  for (const file of files) {
    const card = new Card(file, () => send(card));
    cards.push(card);
    $('cards').prepend(card.element);
    if (file.size > LARGEST) refuse(card, 'This picture is larger than 10 MB: send a smaller one.');
    else if (file.size === 0) refuse(card, 'This file is empty or a folder: choose pictures.');
    else send(card);
  }
  show();
}

function refuse(card, sentence) {
  draw(card.file, card.canvas);
  card.failed(sentence, false);
}

function send(card) {
  card.is('queued', 'Waits to be sent');
  queue.push(card);
  next();
}

async function next() {
  if (sending >= AT_ONCE || queue.length === 0) return;
  const card = queue.shift();
  sending += 1;
  show();
  // Here and not before: hundreds at once would be slow to draw.
  draw(card.file, card.canvas);
  try {
    await read(card.file);
    const { id, is_watched } = await upload(card);
    card.waiting(id);
    byId.set(id, card);
    if (early.has(id)) take(card, early.get(id));
    else answers.wait(id, is_watched);
  } catch (error) {
    card.failed(error.message, error.canAgain ?? true);
  }
  sending -= 1;
  if (!sending) early.clear();
  show();
  next();
}

/** A folder has a size, too, but no bytes; and a file may be gone since it was chosen. */
async function read(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    const error = new Error("This is a folder, or a file that can't be read: choose pictures.");
    throw Object.assign(error, { canAgain: false });
  }
}

/** By XMLHttpRequest: fetch does not tell how far it is. */
function upload(card) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const name = encodeURIComponent(card.file.name);
    request.open('POST', `/pictures?stream=${answers.stream}&name=${name}`);
    request.upload.onprogress = ({ loaded, total }) => card.sending(total ? loaded / total : 0);
    request.onload = () => {
      if (request.status === 202) return resolve(JSON.parse(request.responseText));
      const error = new Error(request.responseText.trim() || `The server answers ${request.status}.`);
      error.canAgain = request.status !== 413;
      reject(error);
    };
    request.onerror = () => reject(new Error("The server can't be reached."));
    card.sending(0);
    request.send(card.file);
  });
}

function take(card, answer) {
  byId.delete(answer.id);
  early.delete(answer.id);
  card.answered(answer);
  show();
}

const isDone = (card) => ['answered', 'failed'].includes(card.state);

function show() {
  const done = cards.filter(isDone).length;
  const failed = cards.filter(({ state }) => state === 'failed').length;
  $('results').hidden = cards.length === 0;
  const all = cards.length === 1 ? '1 picture' : `${cards.length} pictures`;
  $('summary').textContent = `${done - failed} of ${all} answered${failed ? `, ${failed} failed` : ''}`;
  $('clear').hidden = done === 0;
  document.title = done < cards.length ? `${done}/${cards.length} Recognizer` : 'Recognizer';
}

$('clear').onclick = () => {
  for (const card of cards.filter(isDone)) card.element.remove();
  cards.splice(0, cards.length, ...cards.filter((card) => !isDone(card)));
  show();
  $('files').focus();
};
$('files').onchange = () => {
  add($('files').files);
  $('files').value = '';
};
$('form').onsubmit = (event) => event.preventDefault();

// Anywhere on the page: a picture that misses the field would take the page's place.
let depth = 0;
const over = (by) => $('drop').classList.toggle('over', (depth = Math.max(0, depth + by)) > 0);
addEventListener('dragenter', () => over(1));
addEventListener('dragleave', () => over(-1));
addEventListener('dragover', (event) => event.preventDefault());
addEventListener('drop', (event) => {
  event.preventDefault();
  over(-depth);
  add(event.dataTransfer.files);
});
document.body.dataset.ready = 'true';
