// Measures PouchDB: an empty client replicates N documents over loopback HTTP, then 1% change and it replicates again.
// Prints one line of JSON. What is on the wire is counted by a proxy; the server is a process of its own.
'use strict';

const { fork } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const pouch = require('./pouch.js');

const CHANGED_EACH = 100;

const { values: args } = parseArgs({
  options: {
    records: { type: 'string' },
    docs: { type: 'string', default: '20000' },
    adapter: { type: 'string', default: 'leveldb' },
    'batch-size': { type: 'string', default: '1000' },
  },
});

function stop(why) {
  process.stderr.write(`sync-baselines: ${why}\n`);
  process.exit(1);
}

/// Sends one order to the server and waits for what it says, or for its end.
function order(server, what) {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new Error('the server has ended'));
    if (!server.connected) { gone(); return; }
    server.once('exit', gone);
    server.once('message', (said) => {
      server.off('exit', gone);
      if (said.failed) reject(new Error(said.failed));
      else resolve(said.ok);
    });
    server.send(what);
  });
}

/// One replication to its end: seconds, processor seconds of this process, bytes both ways.
async function replicate(client, from, server, batchSize) {
  const before = await order(server, { order: 'counts' });
  const [cpu, begun] = [process.cpuUsage(), process.hrtime.bigint()];
  const done = await client.replicate.from(from, { batch_size: batchSize });
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  const used = process.cpuUsage(cpu);
  const after = await order(server, { order: 'counts' });
  if (!done.ok || done.doc_write_failures) throw new Error('the replication did not end well');
  const [down, up] = [after.down - before.down, after.up - before.up];
  const rows = done.docs_written;
  return {
    rows,
    seconds,
    cpu_s: (used.user + used.system) / 1e6,
    rows_per_s: rows / seconds,
    bytes_down: down,
    bytes_up: up,
    bytes_per_row: (down + up) / Math.max(rows, 1),
  };
}

async function main() {
  const [docs, batchSize] = [Number(args.docs), Number(args['batch-size'])];
  if (!args.records || !fs.existsSync(args.records)) stop('--records FILE: a file of JSON records, one a line');
  if (!(docs > 0) || !(batchSize > 0)) stop('--docs and --batch-size are numbers above 0');
  if (!['leveldb', 'memory'].includes(args.adapter)) stop('--adapter is leveldb or memory');
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sync-baselines-'));
  for (const half of ['server', 'client']) fs.mkdirSync(path.join(dir, half));
  const server = fork(path.join(__dirname, 'server.js'), [path.join(dir, 'server'), args.adapter]);
  try {
    const { rows } = await order(server, { order: 'load', file: path.resolve(args.records), limit: docs });
    const { url } = await order(server, { order: 'start' });
    const PouchDB = pouch.at(path.join(dir, 'client'), args.adapter);
    const [client, from] = [new PouchDB('records'), pouch.remote(PouchDB, url)];
    const first = await replicate(client, from, server, batchSize);
    if (first.rows !== rows) throw new Error(`${first.rows} of ${rows} documents came`);
    const { rows: changed } = await order(server, { order: 'change', each: CHANGED_EACH });
    const delta = await replicate(client, from, server, batchSize);
    if (delta.rows !== changed) throw new Error(`${delta.rows} of ${changed} changes came`);
    const poll = await replicate(client, from, server, batchSize);
    await client.close();
    const versions = { node: process.version, pouchdb: require('pouchdb-node/package.json').version };
    const out = { documents: rows, adapter: args.adapter, batch_size: batchSize, versions, first, delta, poll };
    process.stdout.write(`${JSON.stringify(out)}\n`);
  } finally {
    if (server.connected) server.disconnect();
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

main().catch((e) => stop(e.message));
