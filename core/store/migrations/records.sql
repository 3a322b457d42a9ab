-- What every compartment's file holds. The unique index on rec.id comes after the bulk load (see records/build.rs).
CREATE TABLE meta(k TEXT PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
-- row: the canonical bytes of beatcheck_wire::digest, whose first byte is the record schema.
CREATE TABLE rec(rid INTEGER PRIMARY KEY, id BLOB NOT NULL, row BLOB NOT NULL);
-- The other end of each link, by its key in its own source: who says to be linked with a record.
CREATE TABLE link(key TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY(key, rid)) WITHOUT ROWID;
