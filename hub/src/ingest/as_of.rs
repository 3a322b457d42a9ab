//! The extract's own time: stated, or derived as the mapping says (PRODUCT, rule 1).

use crate::mapping::{AsOf, DateFormats, Mapping};
use beatcheck_model::{PartialDate, Timestamp};
use std::path::Path;

/// Gathers what the rows say about the extract's time.
pub(super) struct AsOfFinder<'m> {
    rule: Option<&'m AsOf>,
    dates: &'m DateFormats,
    now: Timestamp,
    newest: Option<Timestamp>,
    future: u64,
    differing: bool,
}

impl<'m> AsOfFinder<'m> {
    pub(super) fn new(mapping: &'m Mapping, now: Timestamp) -> Self {
        let rule = mapping.source.as_of.as_ref();
        Self { rule, dates: &mapping.dates, now, newest: None, future: 0, differing: false }
    }

    /// Takes note of a row's cell in the column that the rule names.
    pub(super) fn see(&mut self, text: &str) {
        let Some(t) = time(self.dates, text) else { return };
        if t > self.now {
            self.future += 1;
            return;
        }
        self.differing |= self.newest.is_some_and(|n| n != t);
        self.newest = self.newest.max(Some(t));
    }

    /// The time and how it was found.
    ///
    /// # Errors
    /// Why there is none, and what to do.
    pub(super) fn finish(&self, extract: &Path, warnings: &mut Vec<String>) -> Result<(Timestamp, String), String> {
        let state = "state it with --as-of";
        if self.future > 0 {
            warnings.push(format!("{} dates lie in the future and were not taken for the extract's time", self.future));
        }
        match self.rule {
            None => Err(format!("its own time is not known: the mapping derives none, {state}")),
            Some(AsOf::Newest(c)) => match self.newest {
                Some(t) => Ok((t, format!("the newest date in column `{c}`"))),
                None => Err(format!("column `{c}` holds no date to take its time from: {state}")),
            },
            Some(AsOf::Column(c)) => match self.newest {
                Some(t) => {
                    if self.differing {
                        warnings.push(format!("column `{c}` states different times; the newest was taken"));
                    }
                    Ok((t, format!("column `{c}`")))
                }
                None => Err(format!("column `{c}` states no time: {state}")),
            },
            Some(AsOf::FileName(pattern)) => {
                let name = extract.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                let group = pattern.captures(&name).and_then(|c| c.get(1)).map(|m| m.as_str());
                match group.and_then(|g| time(self.dates, g)) {
                    Some(t) if t > self.now => Err(format!("the time in its name lies in the future: {state}")),
                    Some(t) => Ok((t, "the file's name".into())),
                    None => Err(format!("its name holds no time where the mapping expects one: {state}")),
                }
            }
            Some(AsOf::IngestTime) => {
                warnings.push(
                    "the time of ingest stands for the extract's own: an old list would look fresh; --as-of is better"
                        .into(),
                );
                Ok((self.now, "the time of ingest".into()))
            }
        }
    }
}

/// An instant, or the beginning of a day, month or year in UTC: of what a text can mean, the earliest, so that data
/// never looks fresher than it is.
fn time(dates: &DateFormats, text: &str) -> Option<Timestamp> {
    if let Ok(t) = text.parse() {
        return Some(t);
    }
    let fallback = || DateFormats::default().parse(text);
    let d: PartialDate = dates.parse(text).or_else(|()| fallback()).ok()??;
    format!("{:04}-{:02}-{:02}T00:00:00Z", d.year, d.month.max(1), d.day.max(1)).parse().ok()
}
