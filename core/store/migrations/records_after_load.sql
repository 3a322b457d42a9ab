CREATE UNIQUE INDEX rec_id ON rec(id);
