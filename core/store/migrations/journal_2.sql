-- Every check of the last day, for noticing what is out of the ordinary: when, and a keyed hash of what it was about.
CREATE TABLE usage(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, subject BLOB NOT NULL);
CREATE INDEX usage_at ON usage(at);
