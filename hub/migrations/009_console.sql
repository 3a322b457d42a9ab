-- The console: who may log in, and what they did there. Times are milliseconds since 1970 UTC.

CREATE TABLE console_account (
    name     TEXT PRIMARY KEY,
    role     TEXT NOT NULL CHECK (role IN ('administrator', 'auditor', 'data_owner', 'ethics')),
    officer  TEXT NOT NULL DEFAULT '',    -- their own id as an officer: nobody reviews their own
    password TEXT NOT NULL,               -- PHC string of Argon2id
    made     INTEGER NOT NULL,
    changed  INTEGER NOT NULL             -- of the password or the role: sessions that began before are over
) STRICT;

-- What was looked at and done. `link` is the hash of this row after the one before it.
CREATE TABLE console_log (
    n       INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    account TEXT NOT NULL,
    role    TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    link    BLOB NOT NULL CHECK (length(link) = 32)
) STRICT;

-- The fleet's pages go by these.
CREATE INDEX device_enrolled ON device (enrolled, id);
CREATE INDEX journal_received ON journal (received);
