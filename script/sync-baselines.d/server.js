// The serving half, a process of its own, so that the client's time and processor time are the client's: express-pouchdb over a
// LevelDB store (or one in memory), behind the counting proxy. The parent loads, changes and asks for counts by messages.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const express = require('express');
const { count } = require('./proxy.js');
const pouch = require('./pouch.js');

const NAME = 'records';
const BATCH = 1000;

const [, , dir, adapter] = process.argv;
const PouchDB = pouch.at(dir, adapter);
const db = new PouchDB(NAME);
let proxy;

/// Writes documents in batches; a document that is refused ends the measurement.
async function write(docs) {
  const done = await db.bulkDocs(docs);
  const refused = done.find((d) => d.error);
  if (refused) throw new Error(`a document was refused: ${refused.name}`);
}

/// Puts the first `limit` lines of a file of JSON records in.
async function load({ file, limit }) {
  let batch = [];
  let rows = 0;
  for await (const line of readline.createInterface({ input: fs.createReadStream(file) })) {
    if (rows === limit) break;
    const { id, ...record } = JSON.parse(line);
    batch.push({ _id: id, ...record });
    rows += 1;
    if (batch.length === BATCH) { await write(batch); batch = []; }
  }
  if (batch.length) await write(batch);
  return { rows };
}

/// Changes one field of every `each`th document.
async function change({ each }) {
  const { rows } = await db.allDocs({ include_docs: true });
  const docs = rows.filter((_, i) => i % each === 0).map(({ doc }) => ({ ...doc, handling: doc.handling === 'R' ? 'S' : 'R' }));
  for (let at = 0; at < docs.length; at += BATCH) await write(docs.slice(at, at + BATCH));
  return { rows: docs.length };
}

async function start() {
  const app = express();
  app.use('/', require('express-pouchdb')(PouchDB, {
    mode: 'minimumForPouchDB',
    inMemoryConfig: true,
    logPath: path.join(dir, 'log.txt'),
  }));
  const server = await new Promise((resolve, reject) => {
    const s = app.listen(0, '127.0.0.1', () => resolve(s));
    s.once('error', reject);
  });
  proxy = await count(server.address().port);
  return { url: `http://127.0.0.1:${proxy.port}/${NAME}` };
}

const orders = { load, change, start, counts: async () => ({ ...proxy.counts }) };

process.on('message', async ({ order, ...with_ }) => {
  try {
    process.send({ ok: await orders[order](with_) });
  } catch (e) {
    process.send({ failed: `${order}: ${e.message}` });
  }
});
// The parent is gone: nobody would end this.
process.on('disconnect', () => process.exit(0));
