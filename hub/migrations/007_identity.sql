-- Who an officer is, and what a device is: suspensions, codes for one device, attestation, log-ins, shifts.
-- Times: milliseconds since 1970 UTC.

-- One row for each time that an officer was suspended or left; it stands while `ended` is empty.
CREATE TABLE suspension (
    officer  TEXT NOT NULL,
    since    INTEGER NOT NULL,
    by       TEXT NOT NULL,
    why      TEXT NOT NULL,
    ended    INTEGER,
    ended_by TEXT,
    PRIMARY KEY (officer, since)
) STRICT, WITHOUT ROWID;

-- What device management calls the one device that a code is for; empty: any.
ALTER TABLE enrol_code ADD COLUMN asset TEXT NOT NULL DEFAULT '';
ALTER TABLE device ADD COLUMN asset TEXT NOT NULL DEFAULT '';
-- What the hub made of the device's attestation, in JSON; empty for one that was enrolled before it looked.
ALTER TABLE device ADD COLUMN attested TEXT NOT NULL DEFAULT '';
-- Whom the identity provider named when it was enrolled (`sub`); empty where none was asked.
ALTER TABLE device ADD COLUMN subject TEXT NOT NULL DEFAULT '';
-- Under which its records are sealed beside the officer's own key; made at its first shift, forgotten when it is revoked.
ALTER TABLE device ADD COLUMN shift_key BLOB;
-- Since when its officer is logged out at the identity provider; until the next shift begins.
ALTER TABLE device ADD COLUMN logged_out INTEGER;
CREATE INDEX device_officer ON device(officer);

-- Nonces for log-ins: gone once used.
CREATE TABLE login_nonce (
    nonce   BLOB PRIMARY KEY CHECK (length(nonce) = 32),
    device  BLOB NOT NULL REFERENCES device(id),
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_nonce_device ON login_nonce(device, expires);

CREATE TABLE shift (
    id      BLOB PRIMARY KEY CHECK (length(id) = 16),
    device  BLOB NOT NULL REFERENCES device(id),
    officer TEXT NOT NULL,
    subject TEXT NOT NULL,                 -- whom the identity provider named (`sub`); empty where policy asked for none
    session TEXT NOT NULL,                 -- and in which of its sessions (`sid`); empty where it names none
    started INTEGER NOT NULL,
    ends    INTEGER NOT NULL,              -- by itself
    ended   INTEGER,                       -- by something else, before
    why     TEXT                           -- `next` (another began), `logout`, `suspended`, `revoked`
) STRICT, WITHOUT ROWID;
CREATE INDEX shift_device ON shift(device, started);
CREATE INDEX shift_subject ON shift(subject, session) WHERE ended IS NULL;

-- Back-channel logout tokens that were obeyed, by their `jti`: each works once.
CREATE TABLE logout_seen (
    jti  TEXT PRIMARY KEY,
    seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
