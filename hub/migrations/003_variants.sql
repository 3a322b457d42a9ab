-- A third kind of record: names that are forms of one name. Only the check is widened; a rebuild of the table would drag
-- along every table that refers to it.
PRAGMA writable_schema=ON;
UPDATE sqlite_schema SET sql=replace(sql, 'kind IN (''vehicle'', ''person'')', 'kind IN (''vehicle'', ''person'', ''variant'')')
 WHERE type='table' AND sql LIKE '%kind IN (''vehicle'', ''person'')%';
PRAGMA writable_schema=RESET;
