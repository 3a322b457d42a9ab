-- The longest that any entry took to arrive: what happened before a time was received not much later.
CREATE INDEX account_entry_lag ON account_entry (received - happened);
