// A TCP proxy on the loopback that passes everything on and counts it: bytes on the wire as the client's socket sees them, HTTP's
// headers included. There is no TLS here, which is to PouchDB's advantage.
'use strict';

const net = require('node:net');

/// Listens on a free port in front of `port`; resolves to { port, counts, close }.
function count(port) {
  const counts = { down: 0, up: 0, connections: 0 };
  const server = net.createServer((client) => {
    counts.connections += 1;
    const hub = net.connect(port, '127.0.0.1');
    client.on('data', (chunk) => { counts.up += chunk.length; });
    hub.on('data', (chunk) => { counts.down += chunk.length; });
    client.pipe(hub);
    hub.pipe(client);
    // A side that breaks takes the other with it; the client sees it as a failed request.
    const end = () => { client.destroy(); hub.destroy(); };
    client.on('error', end);
    hub.on('error', end);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve({ port: server.address().port, counts, close: () => server.close() }));
  });
}

module.exports = { count };
