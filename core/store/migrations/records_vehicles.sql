-- Exact keys. `folded` holds only marks that are not their own look-alike key: a mark that is, is found in `vrm`.
CREATE TABLE vrm(key TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY(key, rid)) WITHOUT ROWID;
CREATE TABLE folded(key TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY(key, rid)) WITHOUT ROWID;
CREATE TABLE vin(key TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY(key, rid)) WITHOUT ROWID;
-- The last six characters of each VIN that is longer.
CREATE TABLE vin_tail(key TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY(key, rid)) WITHOUT ROWID;
-- What each of 1,024 rids looks like, 7 bytes each (records/looks.rs), and the words that its numbers stand for
-- (class: 0 make and model, 1 colour, 2 type).
CREATE TABLE look(block INTEGER PRIMARY KEY, looks BLOB NOT NULL);
CREATE TABLE look_word(class INTEGER NOT NULL, id INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY(class, id), UNIQUE(class, text));
