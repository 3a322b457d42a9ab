-- What was done once and is not to be put on record again, whoever is killed when: written with its entry. Where it obeys
-- an order, the order is told to the hub as a receipt until the hub has it.
CREATE TABLE once(name TEXT PRIMARY KEY, at INTEGER NOT NULL, order_id BLOB, told INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
