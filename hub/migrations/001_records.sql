-- Sources, records with every version, rejects, and what was published.
-- Times are milliseconds since 1970-01-01 UTC; ids and hashes are blobs.

-- One row: the highest hub sequence given out.
CREATE TABLE sequence (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL);
INSERT INTO sequence VALUES (1, 0);

-- A compartment and the one source that feeds it.
CREATE TABLE compartment (
    n INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    name TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('vehicle', 'person')),
    title TEXT NOT NULL,
    offline_allowed INTEGER NOT NULL,
    warnings INTEGER NOT NULL,
    due_every_hours INTEGER,
    as_of INTEGER NOT NULL,
    last_refused INTEGER NOT NULL DEFAULT 0,
    rows INTEGER NOT NULL DEFAULT 0,
    unsearchable INTEGER NOT NULL DEFAULT 0,
    watermark INTEGER NOT NULL DEFAULT 0,
    digest BLOB NOT NULL
);

CREATE TABLE compartment_key (
    compartment INTEGER NOT NULL REFERENCES compartment (n),
    epoch INTEGER NOT NULL,
    key BLOB NOT NULL CHECK (length(key) = 32),
    made_at INTEGER NOT NULL,
    PRIMARY KEY (compartment, epoch)
) WITHOUT ROWID;

-- Every extract that was offered, taken or refused, with the mapping it was read by.
CREATE TABLE extract (
    id INTEGER PRIMARY KEY,
    compartment INTEGER REFERENCES compartment (n),
    source TEXT NOT NULL,
    taken_at INTEGER NOT NULL,
    as_of INTEGER,
    as_of_from TEXT,
    content_hash BLOB,
    mapping TEXT NOT NULL,
    refused TEXT,
    report TEXT
);

-- What a record is now. base: its id at occurrence 0. content: hash of the row without id and version, NULL once gone.
CREATE TABLE record (
    compartment INTEGER NOT NULL,
    base BLOB NOT NULL,
    occurrence INTEGER NOT NULL,
    content BLOB,
    version INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    unsearchable INTEGER NOT NULL,
    -- Only where occurrence > 0: at occurrence 0 it is base.
    record_id BLOB,
    PRIMARY KEY (compartment, base, occurrence)
) WITHOUT ROWID;
CREATE INDEX record_by_id ON record (compartment, record_id) WHERE record_id IS NOT NULL;

-- Every version there ever was. previous: sequence of the version before, 0 if none; ended: sequence of the next one,
-- 0 while current; row: canonical bytes, NULL for a tombstone.
CREATE TABLE record_version (
    seq INTEGER PRIMARY KEY,
    compartment INTEGER NOT NULL,
    record_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    previous INTEGER NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0,
    extract INTEGER NOT NULL,
    at INTEGER NOT NULL,
    row BLOB
);
CREATE INDEX record_version_by_compartment ON record_version (compartment, seq);

CREATE TABLE reject (
    extract INTEGER NOT NULL REFERENCES extract (id),
    -- Number of the row, and the line it begins on.
    n INTEGER NOT NULL,
    line INTEGER NOT NULL,
    reasons TEXT NOT NULL,
    raw TEXT NOT NULL,
    PRIMARY KEY (extract, n)
) WITHOUT ROWID;

CREATE TABLE segment (
    hash BLOB PRIMARY KEY,
    compartment INTEGER NOT NULL REFERENCES compartment (n),
    bytes INTEGER NOT NULL,
    key_epoch INTEGER NOT NULL,
    made_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE manifest (
    compartment INTEGER NOT NULL REFERENCES compartment (n),
    version INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    made_at INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (compartment, version)
);

CREATE TABLE manifest_set (hash BLOB PRIMARY KEY, made_at INTEGER NOT NULL, bytes BLOB NOT NULL);

CREATE TABLE head (
    version INTEGER PRIMARY KEY,
    set_hash BLOB NOT NULL REFERENCES manifest_set (hash),
    issued INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    bytes BLOB NOT NULL
);
