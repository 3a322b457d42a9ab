-- The account, found quickly: who, when, what kind and which records of each entry, never what was asked in words (that stays
-- sealed in `journal`). Times: milliseconds since 1970 UTC; ids and hashes are raw bytes. All but the looks, the anchors and the
-- counts can be made anew from `journal` with the audit key.

CREATE TABLE account_entry (
    id          INTEGER PRIMARY KEY,
    device      BLOB NOT NULL REFERENCES device(id),
    seq         INTEGER NOT NULL,
    received    INTEGER NOT NULL,
    happened    INTEGER NOT NULL,              -- the device's time, kept within what the hub signed before and received after
    officer     TEXT NOT NULL COLLATE NOCASE,  -- as the entry says; the device's officer where it does not open
    holder      TEXT NOT NULL COLLATE NOCASE,  -- whose device it was
    role        TEXT NOT NULL,
    event       TEXT NOT NULL,                 -- empty: it does not open
    reference   TEXT COLLATE NOCASE,
    purpose     TEXT,
    outcome     TEXT,
    unusual     INTEGER NOT NULL DEFAULT 0,
    break_glass INTEGER NOT NULL DEFAULT 0,
    counter     INTEGER,                       -- of an unlocking
    UNIQUE (device, seq)
) STRICT;
-- Each ends with what is sorted and cut by, so that a page is read from the index alone.
CREATE INDEX account_entry_time ON account_entry (received, seq, happened);
CREATE INDEX account_entry_officer ON account_entry (officer, received, seq, happened);
CREATE INDEX account_entry_holder ON account_entry (holder, received, seq, happened);
CREATE INDEX account_entry_device ON account_entry (device, received, seq, happened);
CREATE INDEX account_entry_event ON account_entry (event, received, seq, happened);
CREATE INDEX account_entry_purpose ON account_entry (purpose, received, seq, happened) WHERE purpose IS NOT NULL;
CREATE INDEX account_entry_reference ON account_entry (reference) WHERE reference IS NOT NULL;
CREATE INDEX account_entry_unusual ON account_entry (received, seq, happened) WHERE unusual;
CREATE INDEX account_entry_counter ON account_entry (device, seq, counter) WHERE counter IS NOT NULL;

-- Records that an entry names. outcome: hit, possible; asked: the question named it (what is linked with it).
CREATE TABLE account_shown (
    record      BLOB NOT NULL,
    entry       INTEGER NOT NULL REFERENCES account_entry(id) ON DELETE CASCADE,
    compartment BLOB NOT NULL,
    version     INTEGER NOT NULL,
    outcome     TEXT NOT NULL,
    PRIMARY KEY (record, entry, compartment)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_shown_entry ON account_shown (entry);

-- How far each device's journal is in the index, and the link of that entry: a journal that is shorter or other than that was changed.
CREATE TABLE account_progress (
    device BLOB PRIMARY KEY REFERENCES device(id),
    seq    INTEGER NOT NULL,
    hash   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Counts by day (days since 1970, UTC), with nobody in them. They outlive the entries.
CREATE TABLE account_count (
    day   INTEGER NOT NULL,
    what  TEXT NOT NULL,
    value TEXT NOT NULL,
    n     INTEGER NOT NULL,
    PRIMARY KEY (day, what, value)
) STRICT, WITHOUT ROWID;

-- What was dropped because policy's time was up: up to this entry, with its link, from which the rest still verifies.
CREATE TABLE account_anchor (
    device  BLOB PRIMARY KEY REFERENCES device(id),
    seq     INTEGER NOT NULL,
    hash    BLOB NOT NULL,
    dropped INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the account was used to look at, chained like a journal; never dropped.
CREATE TABLE account_look (
    n       INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    account TEXT NOT NULL COLLATE NOCASE,
    role    TEXT NOT NULL,
    officer TEXT NOT NULL COLLATE NOCASE,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason  TEXT NOT NULL,
    hash    BLOB NOT NULL
) STRICT;
CREATE INDEX account_look_account ON account_look (account, n);
-- Its end, so that a cut tail shows unless this is cut too.
CREATE TABLE account_look_head (one INTEGER PRIMARY KEY CHECK (one = 1), n INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
