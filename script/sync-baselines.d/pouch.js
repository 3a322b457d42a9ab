// PouchDB as both halves use it.
'use strict';

const path = require('node:path');

/// PouchDB that keeps its databases in `dir`, by the adapter `leveldb` or `memory`.
function at(dir, adapter) {
  const PouchDB = require('pouchdb-node');
  if (adapter === 'memory') PouchDB.plugin(require('pouchdb-adapter-memory'));
  return PouchDB.defaults({ prefix: dir + path.sep, adapter });
}

/// The database of a server.
function remote(PouchDB, url) {
  // Named, because the default that `at` sets would take the address for a folder.
  return new PouchDB(url, { adapter: 'http' });
}

module.exports = { at, remote };
