-- Caches that may fetch segments: a row for every certificate that was issued to one. Times: milliseconds since 1970 UTC.
CREATE TABLE relay (
    serial  BLOB PRIMARY KEY CHECK (length(serial) = 16),
    name    TEXT NOT NULL,
    issued  INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    revoked INTEGER
) STRICT;
CREATE INDEX relay_name ON relay(name, issued);
