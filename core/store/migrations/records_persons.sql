-- Each distinct token of a part of a name once (role: 0 surname, 1 given), with its sound and the number of persons bearing
-- it. The empty token stands for persons who have no such part.
CREATE TABLE vocab(tid INTEGER PRIMARY KEY, token TEXT NOT NULL, role INTEGER NOT NULL, phonetic TEXT NOT NULL, bearers INTEGER NOT NULL, UNIQUE(token, role));
-- Who bears it: per 65,536 rids one block of sorted steps (records/postings.rs).
CREATE TABLE posting(tid INTEGER NOT NULL, block INTEGER NOT NULL, rids BLOB NOT NULL, PRIMARY KEY(tid, block)) WITHOUT ROWID;
-- Date of birth and sex of 1,024 rids, 4 bytes each, then their heights, a byte each (records/births.rs); 0 where unknown.
CREATE TABLE birth(block INTEGER PRIMARY KEY, dates BLOB NOT NULL);
-- Words, postcodes and districts of addresses, with who has them, as in posting.
CREATE TABLE place(key TEXT NOT NULL, block INTEGER NOT NULL, rids BLOB NOT NULL, PRIMARY KEY(key, block)) WITHOUT ROWID;
-- Further dates that a person has given.
CREATE TABLE birth_more(rid INTEGER NOT NULL, date INTEGER NOT NULL, PRIMARY KEY(rid, date)) WITHOUT ROWID;
CREATE TABLE ident(key TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY(key, rid)) WITHOUT ROWID;
