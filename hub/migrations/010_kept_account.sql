-- Accounts of devices whose hardware key was lost, handed in by the device that each became.
-- The file lies in kept/, as it came: encrypted, its key sealed to the audit key (escrow).
CREATE TABLE kept_account (
    former   BLOB PRIMARY KEY REFERENCES device(id),
    device   BLOB NOT NULL REFERENCES device(id),
    escrow   BLOB NOT NULL,
    journal  INTEGER NOT NULL,
    wal      INTEGER NOT NULL,
    begun    INTEGER NOT NULL,
    complete INTEGER,
    opened   INTEGER,
    entries  INTEGER                       -- how many it brought that were not here before
) STRICT;

-- Set: it did not come in a batch signed by its device, but out of a kept account.
ALTER TABLE journal ADD COLUMN unsigned INTEGER NOT NULL DEFAULT 0;
