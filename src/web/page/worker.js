// One stream for all tabs: a browser opens six connections to a server, and each stream would keep one. In: the tabs'
// wishes. Out: the stream's messages, to each tab.

import { follow } from './stream.js';

const tabs = new Set();
const stream = follow((name, value) => tabs.forEach((tab) => tab.postMessage([name, value])));

self.onconnect = ({ ports: [tab] }) => {
  tabs.add(tab);
  const { state, connection } = stream.now();
  if (state) tab.postMessage(['snapshot', state]);
  tab.postMessage(['connection', connection]);
  tab.onmessage = ({ data }) => {
    if (data === 'hurry') stream.hurry();
    else if (data === 'again') stream.again();
    else if (data === 'bye') tabs.delete(tab);
  };
};
