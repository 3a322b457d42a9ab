//! Sums: how much the system is used, and by nobody in particular. Small numbers are not told.

use super::frame;
use super::journal::day;
use crate::chart;
use crate::gate::Ask;
use crate::reply::Reply;
use crate::session::Who;
use beatcheck_hub::{Aggregates, Cell, Hub, HubError};
use maud::{Markup, html};

const DAY_S: i64 = 24 * 3600;
/// Days shown where none are asked for.
const DAYS: i64 = 28;
const HOURS: usize = 24;

pub(super) fn page(hub: &Hub, who: &Who, ask: &Ask) -> Result<Reply, HubError> {
    let until = day(ask.field("until"))?.unwrap_or_else(|| hub.now()).plus_secs(1);
    let since = day(ask.field("since"))?.unwrap_or_else(|| until.plus_secs(-(DAYS - 1) * DAY_S));
    let sums = hub.aggregates(since, until)?;
    let input = |name: &str, title: &str, value: String| html! { div { label for=(name) { (title) } input id=(name) name=(name) type="date" value=(value); } };
    let tables: [(&str, &[Cell]); 7] = [
        ("By purpose", &sums.by_purpose),
        ("By role", &sums.by_role),
        ("By outcome", &sums.by_outcome),
        ("Refused, by why", &sums.refused),
        ("Unusual use", &sums.unusual),
        ("Break-glass", &sums.break_glass),
        ("Late hits", &sums.late_hits),
    ];
    Ok(Reply::ok(frame(
        who,
        "/sums",
        "Sums",
        &html! {
            h1 { "Sums" }
            p.lead { "How checks are used, by nobody in particular: no person, no officer, no device. On a day, fewer than " (sums.small) " of a kind are not told." }
            section.card { form.row method="get" action="/sums" {
                (input("since", "From day (UTC)", sums.since.date().to_string()))
                (input("until", "To day", sums.until.plus_secs(-1).date().to_string()))
                button { "Show" }
            } }
            @if sums.waiting > 0 { p.say.warn { (sums.waiting) " entries are not counted yet." } }
            div.two {
                section.card { h2 { "Checks by day" } (days(&sums)) }
                section.card { h2 { "Checks by hour of the day (UTC)" } (hours(&sums)) }
            }
            div.two { @for (title, cells) in tables { section.card { h2 { (title) } (table(cells)) } } }
        },
    )))
}

fn days(sums: &Aggregates) -> Markup {
    let first = sums.since;
    let count = usize::try_from(sums.until.secs_since(first) / DAY_S).unwrap_or(0);
    let mut values = vec![0; count];
    for (n, value) in values.iter_mut().enumerate() {
        let name = first.plus_secs(n as i64 * DAY_S).date().to_string();
        *value = sums.by_day.iter().find(|c| c.value == name).map_or(0, |c| c.n);
    }
    let (sum, left): (u64, u64) = (values.iter().sum(), sums.by_day.iter().map(|c| c.left_out).sum());
    let says = format!("Checks told on {count} days: {sum}. Hours left out because too few were made in them: {left}.");
    chart::bars(&values, &first.date().to_string(), &sums.until.plus_secs(-1).date().to_string(), &says)
}

fn hours(sums: &Aggregates) -> Markup {
    let mut values = [0; HOURS];
    for cell in &sums.by_hour {
        if let Some(slot) = cell.value.parse().ok().and_then(|h: usize| values.get_mut(h)) {
            *slot = cell.n;
        }
    }
    let most: (&u64, usize) = values.iter().zip(0..).max().unwrap_or((&0, 0));
    let says = match most {
        (0, _) => "No hour has enough checks to be told.".to_owned(),
        (_, hour) => format!("Most checks are made from {hour:02} to {:02} o'clock.", hour + 1),
    };
    chart::bars(&values, "00", "23", &says)
}

fn table(cells: &[Cell]) -> Markup {
    html! {
        @if cells.is_empty() { p.soft { "None." } } @else { table {
            thead { tr { th scope="col" { "What" } th scope="col" { "Number" } th scope="col" { "Days not told" } } }
            tbody { @for c in cells { tr { td { (c.value.replace('_', " ")) } td.num { @if c.n > 0 { (c.n) } @else { span.soft { "not told" } } } td.num { (c.left_out) } } } }
        } }
    }
}
