-- When the check was made that a late hit is about. Rows from before it say so in their text; no later than when it was noticed.
ALTER TABLE late_hit ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
UPDATE late_hit SET asked = at;
