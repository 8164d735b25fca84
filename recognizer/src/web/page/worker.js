// One stream for all tabs: a browser opens six connections to a server, and each stream would keep one. In: the tabs'
// ids. Out: the stream's messages, to each tab.

import { follow } from './answers.js';

const tabs = new Set();
const answers = follow((name, value) => tabs.forEach((tab) => tab.postMessage([name, value])));

self.onconnect = ({ ports: [tab] }) => {
  tabs.add(tab);
  tab.postMessage(['stream', answers.stream]);
  tab.onmessage = ({ data: [name, ...rest] }) => {
    if (name === 'wait') answers.wait(...rest);
    else if (name === 'hello') tabs.add(tab);
    else if (name === 'bye') tabs.delete(tab);
  };
};
