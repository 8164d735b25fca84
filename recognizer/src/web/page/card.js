// One picture's card. In: its file, and what becomes of it. Out: its element, kept up to date.

const template = document.getElementById('card');

const seconds = (ms) => (ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);

export class Card {
  constructor(file, again) {
    this.file = file;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.find('.name').textContent = file.name;
    this.find('.name').title = file.name;
    this.find('.again').onclick = again;
    this.is('queued', 'Waits to be sent');
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  get canvas() {
    return this.find('canvas');
  }

  is(state, text) {
    this.state = state;
    this.element.dataset.state = state;
    this.find('.answer').textContent = text;
    this.find('progress').hidden = state !== 'sending';
    this.find('.again').hidden = true;
    this.find('.more').textContent = '';
  }

  sending(share) {
    if (this.state !== 'sending') this.is('sending', 'Sending');
    this.find('progress').value = share;
  }

  waiting(id) {
    this.id = id;
    this.is('waiting', 'Waits for a worker');
  }

  failed(sentence, canAgain) {
    this.is('failed', sentence);
    this.find('.again').hidden = !canAgain;
  }

  answered({ label, confidence, error, waited_ms, worked_ms, worker }) {
    if (error) {
      this.failed(error, false);
    } else {
      const share = Math.round(confidence * 100);
      this.is('answered', confidence ? `${label}, ${share}%` : label);
      this.find('.sure').hidden = !confidence;
      this.find('.sure div').style.width = `${share}%`;
    }
    if (!worked_ms) return;
    const by = document.createElement('span');
    by.textContent = worker;
    this.find('.more').replaceChildren(`waited ${seconds(waited_ms)}, worked ${seconds(worked_ms)}, by `, by);
  }
}
