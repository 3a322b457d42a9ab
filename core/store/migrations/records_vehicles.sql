-- Exact keys. `folded` holds only marks that are not their own look-alike key: a mark that is, is found in `vrm`.
CREATE TABLE vrm(key TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY(key, rid)) WITHOUT ROWID;
CREATE TABLE folded(key TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY(key, rid)) WITHOUT ROWID;
CREATE TABLE vin(key TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY(key, rid)) WITHOUT ROWID;
-- The last six characters of each VIN that is longer.
CREATE TABLE vin_tail(key TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY(key, rid)) WITHOUT ROWID;
