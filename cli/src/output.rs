//! What goes to stdout: JSON on one line, or text for people. Everything is put together first and written at once.

use crate::args::Global;
use crate::exit::Failure;
use beatcheck_client::{Env, FixedClock};
use beatcheck_hub::Clock;
use beatcheck_model::Timestamp;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::Arc;

/// How this run speaks, and what time it is.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    json: bool,
    colour: bool,
    fixed: Option<Timestamp>,
}

impl Context {
    pub(crate) fn new(global: &Global) -> Self {
        Self { json: global.json, colour: std::io::stdout().is_terminal(), fixed: global.now }
    }

    /// Whether it speaks JSON.
    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// The hub's clock.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        match self.fixed {
            Some(at) => Arc::new(beatcheck_hub::FixedClock::new(at)),
            None => Arc::new(beatcheck_hub::SystemClock),
        }
    }

    /// The device's clock and randomness.
    pub(crate) fn env(&self) -> Env {
        match self.fixed {
            Some(at) => Env::with_clock(Arc::new(FixedClock::on_this_machine(at))),
            None => Env::system(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock().now()
    }

    /// Prints `value` as JSON, or what `human` writes.
    pub(crate) fn emit(&self, value: &impl Serialize, human: impl FnOnce(&mut Screen)) -> Result<(), Failure> {
        if self.json {
            return print(&(json(value)? + "\n"));
        }
        let mut screen = Screen::new(self.colour);
        human(&mut screen);
        print(&screen.into_text())
    }
}

/// `value` as JSON on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|e| Failure::new("output", format!("writing JSON: {e}")))
}

/// Writes and flushes.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| Failure::output(&e))
}

/// Text without control characters: what an extract says must not be able to move the cursor.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_bidi(c) { '\u{fffd}' } else { c }).collect()
}

/// Characters that turn the direction of what follows.
const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Emphasis, shown on a terminal only; the words never depend on it. There is no green: nothing is ever 'clear'.
#[derive(Clone, Copy)]
pub(crate) enum Style {
    Bold,
    Danger,
    Caution,
    Dim,
}

/// Text for people.
pub(crate) struct Screen {
    colour: bool,
    text: String,
}

impl Screen {
    pub(crate) const fn new(colour: bool) -> Self {
        Self { colour, text: String::new() }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// One line.
    pub(crate) fn line(&mut self, text: &str) {
        self.text.push_str(&plain(text));
        self.text.push('\n');
    }

    /// One line with emphasis.
    pub(crate) fn styled(&mut self, style: Style, text: &str) {
        let code = match style {
            Style::Bold => "1",
            Style::Danger => "1;31",
            Style::Caution => "1;33",
            Style::Dim => "2",
        };
        let text = plain(text);
        let _ = if self.colour {
            writeln!(self.text, "\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            writeln!(self.text, "{text}")
        };
    }

    /// A heading, after an empty line.
    pub(crate) fn heading(&mut self, text: &str) {
        self.text.push('\n');
        self.styled(Style::Bold, text);
    }

    /// Label and value, aligned.
    pub(crate) fn fields(&mut self, fields: &[(&str, String)]) {
        let width = fields.iter().map(|(l, _)| l.chars().count()).max().unwrap_or(0);
        for (label, value) in fields.iter().filter(|(_, v)| !v.is_empty()) {
            let pad = " ".repeat(width - label.chars().count());
            self.line(&format!("{label}{pad}  {value}"));
        }
    }

    /// A table: columns as wide as their widest cell; columns in which every cell is empty are left out.
    pub(crate) fn table(&mut self, headers: &[&str], rows: &[Vec<String>]) {
        let cell = |row: &Vec<String>, i: usize| row.get(i).map(|c| plain(c)).unwrap_or_default();
        let shown: Vec<usize> = (0..headers.len()).filter(|i| rows.iter().any(|r| !cell(r, *i).is_empty())).collect();
        let width = |i: usize| {
            rows.iter().map(|r| cell(r, i).chars().count()).chain([headers[i].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = shown.iter().map(|i| width(*i)).collect();
        let layout = |cells: Vec<String>| {
            let padded = cells.iter().zip(&widths).map(|(c, w)| format!("{c}{}", " ".repeat(w - c.chars().count())));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        if rows.is_empty() {
            return;
        }
        let head = layout(shown.iter().map(|i| headers[*i].to_owned()).collect());
        self.styled(Style::Dim, &head);
        for row in rows {
            let line = layout(shown.iter().map(|i| cell(row, *i)).collect());
            self.line(&line);
        }
    }
}

/// A time, or a dash.
pub(crate) fn when(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".into(), |t| t.to_string())
}

/// How long ago, in words.
pub(crate) fn age(time: Option<Timestamp>, now: Timestamp) -> String {
    let Some(time) = time else { return String::new() };
    match now.secs_since(time) {
        i64::MIN..=-1 => "in the future".into(),
        s @ 0..120 => format!("{s} s"),
        s @ 120..7200 => format!("{} min", s / 60),
        s @ 7200..172_800 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}

/// Bytes in a unit that reads well.
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..10_000 => format!("{n} B"),
        10_000..10_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.1} GB", n as f64 / 1e9),
    }
}

/// The JSON word of a value that serialises as one.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(s)) => s,
        Ok(serde_json::Value::Null) | Err(_) => String::new(),
        Ok(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_cannot_move_the_cursor() {
        let mut s = Screen::new(false);
        s.table(&["a", "b", "none"], &[vec!["x\u{1b}[2J".into(), "y\n\u{202e}z".into(), String::new()]]);
        assert!(!s.text.contains('\u{1b}') && !s.text.contains('\u{202e}') && !s.text.contains("none"));
        assert_eq!(s.text.lines().count(), 2);
    }

    #[test]
    fn ages_read_well() {
        let at = |s: i64| age(Some(Timestamp(0)), Timestamp(s * 1000));
        assert_eq!(
            [at(5), at(600), at(7200), at(200_000), at(-5)],
            ["5 s", "10 min", "2 h", "2 days", "in the future"]
        );
        assert_eq!(age(None, Timestamp(0)), "");
        assert_eq!([bytes(9), bytes(12_345), bytes(12_345_678)], ["9 B", "12.3 kB", "12.3 MB"]);
    }
}
