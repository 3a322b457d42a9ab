CREATE TABLE meta(k TEXT PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
-- Sealed entries that the hub has not acknowledged yet.
CREATE TABLE entry(seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, sealed BLOB NOT NULL);
-- What an officer was told, for late hits; outlives its entry, up to purge_told.
CREATE TABLE told(seq INTEGER PRIMARY KEY, reference TEXT NOT NULL, at INTEGER NOT NULL, query TEXT NOT NULL, told TEXT NOT NULL);
CREATE INDEX told_at ON told(at);
CREATE TABLE late_hit(n INTEGER PRIMARY KEY, seq INTEGER NOT NULL, reference TEXT NOT NULL, at INTEGER NOT NULL, change TEXT NOT NULL, text TEXT NOT NULL);
CREATE INDEX late_hit_at ON late_hit(at);
