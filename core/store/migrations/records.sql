-- What every compartment's file holds. The unique index on rec.id comes after the bulk load (see records/build.rs).
CREATE TABLE meta(k TEXT PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
-- row: the canonical bytes of beatcheck_wire::digest, whose first byte is the record schema.
CREATE TABLE rec(rid INTEGER PRIMARY KEY, id BLOB NOT NULL, row BLOB NOT NULL);
