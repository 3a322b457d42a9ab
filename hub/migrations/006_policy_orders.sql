-- Policies in stages, orders with their receipts, roots that step, and what devices say of themselves.
-- Times are milliseconds since 1970 UTC; ids and hashes are raw bytes.

-- share: percent of devices it is meant for; the newest with 100 is in force, newer ones are stages.
ALTER TABLE policy ADD COLUMN share INTEGER NOT NULL DEFAULT 100;
ALTER TABLE policy ADD COLUMN pushed_by TEXT NOT NULL DEFAULT 'hub';
CREATE TABLE policy_step (
    version INTEGER NOT NULL REFERENCES policy (version),
    at      INTEGER NOT NULL,
    share   INTEGER NOT NULL,
    by      TEXT NOT NULL
) STRICT;
CREATE INDEX policy_step_version ON policy_step (version, at);

-- by_old: the same root as signed by the root key before it; none for the first.
ALTER TABLE root_document ADD COLUMN by_old BLOB;
ALTER TABLE root_document ADD COLUMN pushed_by TEXT NOT NULL DEFAULT 'hub';

-- Highest policy version that the device said it has: it is never granted an older one.
ALTER TABLE device ADD COLUMN policy_floor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN reported_app TEXT;
ALTER TABLE device ADD COLUMN reported_pending INTEGER;
ALTER TABLE device ADD COLUMN reported_root INTEGER;
ALTER TABLE device ADD COLUMN reported_counter INTEGER;
ALTER TABLE device ADD COLUMN reported_unlocked INTEGER;
ALTER TABLE device ADD COLUMN reported_problems TEXT;      -- JSON: a list of codes

-- device: none means all that were enrolled when it was made. first_signed and second_signed: envelopes of wipe orders.
CREATE TABLE device_order (
    id             BLOB PRIMARY KEY CHECK (length(id) = 16),
    kind           TEXT NOT NULL CHECK (kind IN ('wipe', 'fleet_wipe', 'purge')),
    device         BLOB REFERENCES device (id),
    compartment    TEXT,
    compartment_id BLOB,
    ordered        INTEGER NOT NULL,
    ordered_by     TEXT NOT NULL,
    expires        INTEGER,
    approved       INTEGER,
    approved_by    TEXT,
    cancelled      INTEGER,
    cancelled_by   TEXT,
    obeyed         INTEGER,                -- when the hub received the receipt; of one device
    first_signed   BLOB,
    second_signed  BLOB
) STRICT;
CREATE INDEX device_order_device ON device_order (device, kind);
CREATE INDEX device_order_ordered ON device_order (ordered);

-- What devices said: at is by the device's clock.
CREATE TABLE order_receipt (
    order_id BLOB NOT NULL REFERENCES device_order (id),
    device   BLOB NOT NULL REFERENCES device (id),
    at       INTEGER NOT NULL,
    received INTEGER NOT NULL,
    PRIMARY KEY (order_id, device)
) STRICT, WITHOUT ROWID;
