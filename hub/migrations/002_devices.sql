-- Policy, enrolment, devices and their journals. Times are milliseconds since 1970 UTC; ids and hashes are raw bytes.

CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE root_document (
    version INTEGER PRIMARY KEY,
    signed  BLOB NOT NULL
) STRICT;

-- Every policy that was ever in force: an account entry names the version that it was decided by.
CREATE TABLE policy (
    version INTEGER PRIMARY KEY,
    signed  BLOB NOT NULL,
    set_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE device (
    id             BLOB PRIMARY KEY,
    officer        TEXT NOT NULL,
    role           TEXT NOT NULL,
    vault          TEXT NOT NULL,
    attestation    BLOB NOT NULL,
    app_version    TEXT NOT NULL,
    receipt_key    BLOB NOT NULL,
    tls_key        BLOB NOT NULL,          -- SubjectPublicKeyInfo of the enrolment's request
    enrolled       INTEGER NOT NULL,
    revoked        INTEGER,
    wipe_ordered   INTEGER,
    wiped          INTEGER,                -- when it reported that it had wiped itself
    last_seen      INTEGER,
    grant_version  INTEGER NOT NULL DEFAULT 0,
    grant_content  BLOB,                   -- what grant_version stands for: a grant without its version and time
    acked_seq      INTEGER NOT NULL DEFAULT 0,
    chain          BLOB NOT NULL,          -- link of entry acked_seq
    journal_fault  TEXT,                   -- the last upload that did not continue the chain
    reported       INTEGER,                -- device's time of its last report
    reported_policy INTEGER,
    reported_grant  INTEGER
) STRICT;

-- One-time codes: only the hash of the secret is kept.
CREATE TABLE enrol_code (
    secret_sha256 BLOB PRIMARY KEY,
    officer       TEXT NOT NULL,
    role          TEXT NOT NULL,
    created       INTEGER NOT NULL,
    expires       INTEGER NOT NULL,
    device        BLOB REFERENCES device(id)
) STRICT;

CREATE TABLE enrol_failure (
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX enrol_failure_at ON enrol_failure(at);

CREATE TABLE certificate (
    serial  BLOB PRIMARY KEY,
    device  BLOB NOT NULL REFERENCES device(id),
    der     BLOB NOT NULL,
    issued  INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX certificate_device ON certificate(device, issued);

-- Compartments that one device may not hold, whatever its role says.
CREATE TABLE withdrawal (
    device      BLOB NOT NULL REFERENCES device(id),
    compartment TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (device, compartment)
) STRICT, WITHOUT ROWID;

-- Entries as they came: sealed to the audit key, so that this database does not read them by itself.
CREATE TABLE journal (
    device   BLOB NOT NULL REFERENCES device(id),
    seq      INTEGER NOT NULL,
    hash     BLOB NOT NULL,
    sealed   BLOB NOT NULL,
    received INTEGER NOT NULL,
    PRIMARY KEY (device, seq)
) STRICT;

-- What each device last said it holds: evidence from an unbroken client.
CREATE TABLE held (
    device           BLOB NOT NULL REFERENCES device(id),
    compartment      BLOB NOT NULL,
    manifest_version INTEGER NOT NULL,
    watermark        INTEGER NOT NULL,
    digest           BLOB NOT NULL,
    PRIMARY KEY (device, compartment)
) STRICT, WITHOUT ROWID;
