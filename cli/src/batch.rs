//! `device batch`: one JSON query a line in, one JSON answer a line out, in order.
//!
//! Lines are answered in chunks: what has arrived, at most as many as share one write of the account, is asked,
//! written and flushed before more is awaited. So a program that sends one line and waits gets its answer, and one
//! that sends a million costs bounded memory. Every line is answered, a line that cannot be read too.

use crate::exit::{Exit, Failure};
use crate::output::json;
use beatcheck_client::{CheckRequest, Device, Question};
use beatcheck_model::{Query, sex_text};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};
use std::io::{BufRead, Read, Write};
use std::sync::mpsc::{Receiver, sync_channel};

/// Lines of one chunk.
const CHUNK: usize = 64;
/// Lines read ahead.
const AHEAD: usize = 4 * CHUNK;
/// Longest line that is read as a query, in bytes; of a longer one the beginning is put on record.
const MAX_LINE: u64 = 1 << 20;
const VEHICLE_FIELDS: [&str; 6] = ["vrm", "vin", "make", "colour", "body_type", "year"];
const PERSON_FIELDS: [&str; 10] =
    ["surname", "given", "name", "dob", "sex", "identifier", "age", "height", "address", "postcode"];
const LINKED_FIELDS: [&str; 2] = ["of", "record"];

pub(crate) fn run(device: &Device, purpose: &str) -> Result<Exit, Failure> {
    let lines = read_ahead();
    let mut out = std::io::stdout().lock();
    while let Ok(first) = lines.recv() {
        let chunk = std::iter::once(first).chain(lines.try_iter().take(CHUNK - 1));
        let mut asked = Vec::with_capacity(CHUNK);
        // A read error ends the input; what came before it is answered first.
        let mut broken = None;
        for line in chunk {
            match line {
                Ok(line) => asked.push(Line::read(&line, purpose)),
                Err(e) => broken = Some(e),
            }
        }
        let (ids, requests): (Vec<_>, Vec<_>) = asked.into_iter().map(|l| (l.id, l.request)).unzip();
        for (id, answer) in ids.iter().zip(device.check_many(&requests)?) {
            let line = with_id(id.as_deref(), &json(&answer)?);
            writeln!(out, "{line}").map_err(|e| Failure::output(&e))?;
        }
        out.flush().map_err(|e| Failure::output(&e))?;
        if let Some(e) = broken {
            return Err(Failure::new("io", format!("reading the queries: {e}")));
        }
    }
    Ok(Exit::Done)
}

/// Reads stdin in a thread of its own, so that a chunk can end where nothing more has arrived.
fn read_ahead() -> Receiver<std::io::Result<Vec<u8>>> {
    let (lines, out) = sync_channel(AHEAD);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        loop {
            let line = match next_line(&mut input) {
                Ok(None) => return,
                Ok(Some(line)) if line.trim_ascii().is_empty() => continue,
                Ok(Some(line)) => Ok(line),
                Err(e) => Err(e),
            };
            let last = line.is_err();
            if lines.send(line).is_err() || last {
                return;
            }
        }
    });
    out
}

/// The next line, cut one byte after the longest that is read; `None` at the end.
fn next_line(input: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if input.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if !line.ends_with(b"\n") && line.len() as u64 > MAX_LINE {
        input.skip_until(b'\n')?;
    }
    Ok(Some(line))
}

/// What a line asks, and the id to give back, as it was written.
struct Line {
    id: Option<String>,
    request: CheckRequest,
}

impl Line {
    fn read(bytes: &[u8], default_purpose: &str) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start_matches('\u{feff}').trim();
        let mut why = [default_purpose.to_owned(), String::new(), String::new()];
        let mut id = None;
        let question = match parse(bytes, text, &mut id, &mut why) {
            Ok(query) => Question::Query(query),
            Err(problem) => Question::Unreadable { text: text.to_owned(), problem },
        };
        let [purpose, reason, incident] = why;
        Self { id, request: CheckRequest { question, purpose, reason, incident } }
    }
}

/// The query of a line; or what is wrong with it, in words that quote nothing of it.
fn parse(bytes: &[u8], text: &str, id: &mut Option<String>, why: &mut [String; 3]) -> Result<Query, String> {
    if bytes.len() as u64 > MAX_LINE {
        return Err(format!("the line is longer than {MAX_LINE} bytes"));
    }
    if std::str::from_utf8(bytes).is_err() {
        return Err("the line is not UTF-8".into());
    }
    let value: Value =
        serde_json::from_str(text).map_err(|e| format!("the line is not JSON (column {})", e.column()))?;
    let Value::Object(fields) = value else { return Err("the line is not a JSON object".into()) };
    *id = raw_member(text, "id").map(str::to_owned);
    for (name, given) in ["purpose", "reason", "incident"].into_iter().zip(why) {
        match fields.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(own)) => own.clone_into(given),
            Some(_) => return Err(format!("\"{name}\" must be a text")),
        }
    }
    query(fields)
}

fn query(fields: Map<String, Value>) -> Result<Query, String> {
    let known: &[&str] = match fields.get("kind").and_then(Value::as_str) {
        Some("vehicle") => &VEHICLE_FIELDS,
        Some("person") => &PERSON_FIELDS,
        Some("linked") => &LINKED_FIELDS,
        _ => return Err("\"kind\" must be \"vehicle\", \"person\" or \"linked\"".into()),
    };
    let is_text = |name: &&&str| !matches!(fields.get(**name), None | Some(Value::Null | Value::String(_)));
    if let Some(name) = known.iter().find(is_text) {
        return Err(format!("\"{name}\" must be a text"));
    }
    if !matches!(fields.get("page"), None | Some(Value::Null))
        && !fields.get("page").is_some_and(|p| p.as_u64().is_some_and(|p| (1..=u64::from(u32::MAX)).contains(&p)))
    {
        return Err("\"page\" must be a number from 1".into());
    }
    let sex = fields.get("sex").and_then(Value::as_str).unwrap_or_default();
    if known.contains(&"sex") && !sex.trim().is_empty() && sex_text::parse(sex).is_none() {
        return Err("\"sex\" must be m, f, other or unknown".into());
    }
    serde_json::from_value(Value::Object(fields)).map_err(|_| "the line is not a query".into())
}

/// A member of an object as it was written, to the letter: `1.50` stays `1.50`. `text` must be a JSON object.
fn raw_member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = text.trim_start().strip_prefix('{')?;
    loop {
        rest = rest.trim_start();
        let (key, end): (String, usize) = value_at(rest)?;
        rest = rest.get(end..)?.trim_start().strip_prefix(':')?.trim_start();
        let (_, end): (IgnoredAny, usize) = value_at(rest)?;
        if key == name {
            return rest.get(..end).map(str::trim);
        }
        rest = rest.get(end..)?.trim_start().strip_prefix(',')?;
    }
}

/// The JSON value at the start of `text`, and where it ends.
fn value_at<T: DeserializeOwned>(text: &str) -> Option<(T, usize)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
    let value = values.next()?.ok()?;
    Some((value, values.byte_offset()))
}

/// The answer's JSON with the id in front.
fn with_id(id: Option<&str>, answer: &str) -> String {
    match (id, answer.strip_prefix('{')) {
        (Some(id), Some(rest)) => format!("{{\"id\":{id},{rest}"),
        _ => answer.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use beatcheck_model::VehicleQuery;

    fn line(text: &str) -> Line {
        Line::read(text.as_bytes(), "welfare")
    }

    fn problem(text: &str) -> String {
        match line(text).request.question {
            Question::Unreadable { problem, .. } => problem,
            Question::Query(q) => panic!("read as {q:?}"),
        }
    }

    #[test]
    fn an_id_comes_back_to_the_letter() {
        for id in ["1.50", "\"a\\u0041,}\"", "null", "[1, {\"id\": 2}]", "123456789012345678901234567890", "true"] {
            for text in [
                format!("{{\"id\": {id} ,\"kind\":\"vehicle\",\"vrm\":\"A1\"}}"),
                format!("{{\"kind\":\"vehicle\",\"x\":{{\"id\":9}},\"vrm\":\"A,1\",\"id\":{id}}}"),
            ] {
                let line = line(&text);
                assert_eq!(line.id.as_deref(), Some(id), "{text}");
                let answer = with_id(line.id.as_deref(), "{\"outcome\":\"hit\"}");
                assert_eq!(answer, format!("{{\"id\":{id},\"outcome\":\"hit\"}}"));
            }
        }
        assert!(line("{\"kind\":\"vehicle\"}").id.is_none());
        assert_eq!(line("{\"id\":7,\"kind\":\"boat\"}").id.as_deref(), Some("7"));
    }

    #[test]
    fn a_line_s_own_purpose_wins() {
        assert_eq!(line("{\"kind\":\"vehicle\",\"vrm\":\"A1\"}").request.purpose, "welfare");
        let own = line("\u{feff}{\"kind\":\"vehicle\",\"vrm\":\"A1\",\"purpose\":\"warrant\"}").request;
        assert_eq!(own.purpose, "warrant");
        let Question::Query(query) = own.question else { panic!("not a query") };
        assert_eq!(
            query,
            Query::Vehicle(VehicleQuery { vrm: Some("A1".into()), vin: None, ..VehicleQuery::default() })
        );
    }

    #[test]
    fn what_is_wrong_is_said_without_quoting_it() {
        for (text, said) in [
            ("secret", "not JSON"),
            ("[\"secret\"]", "not a JSON object"),
            ("{\"kind\":\"secret\"}", "kind"),
            ("{\"kind\":\"person\",\"dob\":[\"secret\"]}", "dob"),
            ("{\"kind\":\"person\",\"sex\":\"secret\"}", "sex"),
            ("{\"kind\":\"person\",\"page\":\"secret\"}", "page"),
            ("{\"kind\":\"person\",\"page\":0}", "page"),
            ("{\"kind\":\"vehicle\",\"purpose\":5,\"vrm\":\"secret\"}", "purpose"),
        ] {
            let problem = problem(text);
            assert!(problem.contains(said) && !problem.contains("secret"), "{text}: {problem}");
        }
        let Question::Unreadable { problem, .. } = Line::read(b"{\"kind\":\"\xff\"}", "").request.question else {
            panic!("read")
        };
        assert!(problem.contains("UTF-8"));
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_is_read() {
        let long = vec![b'x'; 3 * MAX_LINE as usize];
        let mut input = std::io::BufReader::new(long.as_slice().chain(b"\nnext\n\nlast".as_slice()));
        let first = next_line(&mut input).unwrap().unwrap();
        assert_eq!(first.len() as u64, MAX_LINE + 1);
        assert!(matches!(Line::read(&first, "").request.question, Question::Unreadable { .. }));
        let rest: Vec<_> = std::iter::from_fn(|| next_line(&mut input).unwrap()).collect();
        assert_eq!(rest, [b"next\n".to_vec(), b"\n".to_vec(), b"last".to_vec()]);
    }
}
