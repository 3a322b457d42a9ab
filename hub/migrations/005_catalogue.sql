-- Ways to a compartment's state: deltas with their time and tier, catalogues, dictionaries; and what nothing names any more.

-- tier: 0 one publish, 1 an hour, 2 a day. at: when to_seq was published. segments: postcard, as a manifest lists them.
CREATE TABLE delta (
    compartment INTEGER NOT NULL REFERENCES compartment (n),
    tier INTEGER NOT NULL,
    from_seq INTEGER NOT NULL,
    to_seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    segments BLOB NOT NULL,
    PRIMARY KEY (compartment, to_seq, tier, from_seq)
) WITHOUT ROWID;

-- snapshot_at: when its snapshot was cut. unnamed_at: since when no current manifest names it.
CREATE TABLE catalogue (
    hash BLOB PRIMARY KEY,
    compartment INTEGER NOT NULL REFERENCES compartment (n),
    made_at INTEGER NOT NULL,
    snapshot_at INTEGER NOT NULL,
    unnamed_at INTEGER,
    bytes BLOB NOT NULL
);

-- The dictionary of a compartment stays as long as the record schema: what was cut with it is read with it. A new epoch
-- only seals it anew.
CREATE TABLE dictionary (
    compartment INTEGER PRIMARY KEY REFERENCES compartment (n),
    schema INTEGER NOT NULL,
    plain BLOB NOT NULL,
    segment BLOB NOT NULL
);

-- Since when no current manifest and no catalogue of one names it.
ALTER TABLE segment ADD COLUMN unnamed_at INTEGER;
