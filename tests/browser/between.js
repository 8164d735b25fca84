// What lies between a browser and a server: it passes everything on, or fails as told. In: a server's port. Out: a port
// of its own, at which the same page is served.

import { createServer, request } from 'node:http';

export class Between {
  // `is`: 'open'; 'cut', without a connection; or the status that is answered instead. `change` is given each event of
  // the stream, and answers what the browser gets.
  static async before(port) {
    const between = new Between();
    Object.assign(between, { is: 'open', change: (text) => text, asked: 0, sockets: new Set() });
    between.server = createServer((asked, answer) => {
      between.asked += 1;
      if (between.is === 'cut') return asked.socket.destroy();
      if (between.is !== 'open') return answer.writeHead(between.is).end();
      const { method, url, headers } = asked;
      const onwards = request({ host: '127.0.0.1', port, method, path: url, headers }, (told) => {
        answer.writeHead(told.statusCode, told.headers);
        const isStream = url.startsWith('/api/v1/stream');
        let rest = '';
        if (isStream) told.setEncoding('utf8');
        told.on('data', (piece) => {
          if (!isStream) return answer.write(piece);
          // Events end with an empty line, pieces anywhere.
          const whole = (rest + piece).split('\n\n');
          rest = whole.pop();
          whole.forEach((event) => answer.write(`${between.change(event)}\n\n`));
        });
        told.on('end', () => answer.end());
        told.on('error', () => asked.socket.destroy());
      });
      onwards.on('error', () => asked.socket.destroy());
      answer.on('close', () => onwards.destroy());
      asked.pipe(onwards);
    });
    between.server.on('connection', (socket) => {
      between.sockets.add(socket);
      socket.on('close', () => between.sockets.delete(socket));
      if (between.is === 'cut') socket.destroy();
    });
    await new Promise((listens) => between.server.listen(0, '127.0.0.1', listens));
    between.url = `http://127.0.0.1:${between.server.address().port}`;
    return between;
  }

  // From now on it is so, for the connections that there are too.
  turn(is) {
    this.is = is;
    this.sockets.forEach((socket) => socket.destroy());
  }

  end() {
    this.turn('cut');
    this.server.close();
  }
}
