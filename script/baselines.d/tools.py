"""The tools: each is built over all persons and answers a question with (score, id), best first."""

import sqlite3
import tempfile

import numpy
import tantivy
from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

from data import ranked

CANDIDATES = 200


class Sql:
    """Equal names, or names that begin so, by an index: what a first version would do."""

    name = "exact or prefix SQL"
    slow = False

    def __init__(self, people):
        self.by_id = {p.id: p for p in people}
        self.db = sqlite3.connect(":memory:")
        self.db.execute("create table p(id text primary key, given text, surname text, dob text)")
        self.db.executemany("insert into p values(?,?,?,?)", ((p.id, p.given, p.surname, p.dob) for p in people))
        self.db.execute("create index sg on p(surname, given)")
        self.db.execute("create index gs on p(given, surname)")
        self.db.execute("create index d on p(dob)")

    def answer(self, q):
        where, args = [], []
        for column, text in (("surname", q.surname), ("given", q.given)):
            if text:
                begin = text.rstrip("*")
                where.append(f"{column} >= ? and {column} < ?")
                args += [begin, begin + "\U0010ffff"]
        found = self.rows(where, args) if where else []
        if q.dob and len(q.dob) == 10 and len(found) < CANDIDATES:
            found += self.rows(["dob = ?"], [q.dob])
        return ranked(q, {p.id: p for p in found}.values())

    def rows(self, where, args):
        sql = f"select id from p where {' and '.join(where)} limit 2000"
        return [self.by_id[i] for (i,) in self.db.execute(sql, args)]


class Fts5:
    """SQLite's full-text search by trigrams; its candidates are put in order by Jaro-Winkler."""

    name = "FTS5 trigram + Jaro-Winkler"
    slow = True

    def __init__(self, people):
        self.people = people
        self.db = sqlite3.connect(":memory:")
        self.db.execute("create virtual table f using fts5(name, tokenize='trigram', content='')")
        rows = ((i, f"{p.given} {p.surname}") for i, p in enumerate(people))
        self.db.executemany("insert into f(rowid, name) values(?,?)", rows)

    def answer(self, q):
        grams = set()
        for text in (q.given, q.surname):
            text = "".join(c for c in text if c.isalnum() or c == " ")
            grams |= {text[i : i + 3] for i in range(len(text) - 2)}
        if not grams:
            return []
        match = " OR ".join('"%s"' % g for g in sorted(grams))
        sql = "select rowid from f where f match ? order by rank limit ?"
        return ranked(q, [self.people[i] for (i,) in self.db.execute(sql, (match, CANDIDATES))])


class Brute:
    """RapidFuzz's Jaro-Winkler of everybody's names; dates of the best are then compared."""

    name = "brute-force Jaro-Winkler"
    slow = True

    def __init__(self, people):
        self.people = people
        self.names = {}
        for part in ("given", "surname"):
            distinct = sorted({getattr(p, part) for p in people})
            at = {n: i for i, n in enumerate(distinct)}
            self.names[part] = (distinct, numpy.array([at[getattr(p, part)] for p in people]))

    def similar(self, asked, part):
        distinct, index = self.names[part]
        asked = asked.rstrip("*")
        held = [n[: len(asked)] for n in distinct] if asked and len(asked) < 5 else distinct
        return process.cdist([asked], held, scorer=JaroWinkler.similarity)[0][index]

    def answer(self, q):
        total = numpy.zeros(len(self.people), dtype=numpy.float32)
        for text, part in ((q.surname, "surname"), (q.given, "given")):
            if text:
                total += self.similar(text, part)
        exchanged = numpy.zeros_like(total)
        for text, part in ((q.surname, "given"), (q.given, "surname")):
            if text:
                exchanged += self.similar(text, part)
        total = numpy.maximum(total, exchanged)
        most = min(CANDIDATES * 5, len(total) - 1)
        best = numpy.argpartition(-total, most)[:most]
        return ranked(q, [self.people[i] for i in best])


class Tantivy:
    """Fuzzy terms, two edits and exchanges, beginnings where `*` was asked; candidates in order by Jaro-Winkler."""

    name = "Tantivy fuzzy + Jaro-Winkler"
    slow = False

    def __init__(self, people):
        self.people = people
        schema = tantivy.SchemaBuilder()
        schema.add_unsigned_field("row", stored=True)
        for field in ("given", "surname", "dob", "year"):
            schema.add_text_field(field, tokenizer_name="default" if field in ("given", "surname") else "raw")
        self.schema = schema.build()
        self.folder = tempfile.TemporaryDirectory()
        index = tantivy.Index(self.schema, path=self.folder.name)
        writer = index.writer(200_000_000, 1)
        for i, p in enumerate(people):
            writer.add_document(tantivy.Document(row=i, given=p.given, surname=p.surname, dob=p.dob, year=p.dob[:4]))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self.searcher = index.searcher()

    def answer(self, q):
        should = []
        for field, text in (("surname", q.surname), ("given", q.given)):
            for other in ("surname", "given"):
                for word in text.split():
                    begin = word.rstrip("*")
                    word = "".join(c for c in begin if c.isalnum())
                    if not word:
                        continue
                    edits = 0 if begin != text.split()[-1] and "*" in text else (2 if len(word) > 4 else 1)
                    prefix = "*" in text
                    edits = 0 if prefix else edits
                    fuzzy = tantivy.Query.fuzzy_term_query(self.schema, other, word, edits, True, prefix)
                    should.append((tantivy.Occur.Should, tantivy.Query.boost_query(fuzzy, 2.0 if other == field else 1.0)))
        if len(q.dob) >= 4:
            field = "dob" if len(q.dob) == 10 else "year"
            should.append((tantivy.Occur.Should, tantivy.Query.term_query(self.schema, field, q.dob)))
        if not should:
            return []
        found = self.searcher.search(tantivy.Query.boolean_query(should), CANDIDATES).hits
        rows = [self.searcher.doc(at)["row"][0] for _, at in found]
        return ranked(q, [self.people[i] for i in rows])
