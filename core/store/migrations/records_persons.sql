-- Each distinct name token once, with its sound and the number of persons bearing it.
CREATE TABLE vocab(tid INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, phonetic TEXT NOT NULL, bearers INTEGER NOT NULL);
-- Who bears it: per 65,536 rids one block of sorted steps (records/postings.rs).
CREATE TABLE posting(tid INTEGER NOT NULL, block INTEGER NOT NULL, rids BLOB NOT NULL, PRIMARY KEY(tid, block)) WITHOUT ROWID;
-- ymd: year * 10000 + month * 100 + day, by digits, unknown parts 0.
CREATE TABLE dob(ymd INTEGER NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY(ymd, rid)) WITHOUT ROWID;
CREATE TABLE ident(key TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY(key, rid)) WITHOUT ROWID;
