//! Words for marks that are not as written: which character, and the slip that would explain it.

use crate::near::{NearMark, Slip};
use crate::reason::reason_saying;
use beatcheck_model::Reason;

/// Names the character, and the slip that would explain it.
pub(crate) fn near_reason(asked: &str, near: &NearMark) -> Reason {
    let (held, at) = (&near.mark, near.at);
    if let Some(what) = match near.slip {
        Slip::Missing => Some(format!(
            "character {} of the record, {}, was not asked",
            at + 1,
            held.get(at..=at).unwrap_or_default()
        )),
        Slip::Extra => Some(format!(
            "character {} asked, {}, is not on the record",
            at + 1,
            asked.get(at..=at).unwrap_or_default()
        )),
        _ => None,
    } {
        return reason_saying(
            "vrm_near",
            format!("another mark, one slip away: {what}; read it again, compare make and colour"),
        );
    }
    let one = |text: &str, n: usize| text.get(at..at + n).unwrap_or_default().to_owned();
    let two = asked.get(at + 1..at + 2) != held.get(at + 1..at + 2);
    let n = if two { 2 } else { 1 };
    let place = if two { format!("characters {} and {}", at + 1, at + 2) } else { format!("character {}", at + 1) };
    let why = match near.slip {
        Slip::LooksAlike => "looks alike",
        Slip::Exchanged => "two characters exchanged",
        Slip::SoundsAlike => "sounds alike",
        Slip::Mistyped | Slip::Missing | Slip::Extra => "next to it on a keyboard",
    };
    let text = format!(
        "another mark, one slip away: {place}, {} on the record, {} asked ({why}); read it again, compare make and colour",
        one(held, n),
        one(asked, n)
    );
    reason_saying("vrm_near", text)
}

/// Names the first character that differs, and what to do about it.
pub(crate) fn folded_reason(asked: &str, held: &str) -> Reason {
    let text = match asked.chars().zip(held.chars()).enumerate().find(|(_, (a, h))| a != h) {
        Some((i, (a, h))) => format!(
            "looks alike, character {} differs: {h} ({}) on the record, {a} ({}) asked; compare make and colour",
            i + 1,
            class(h),
            class(a)
        ),
        None => "looks alike; compare make and colour".to_owned(),
    };
    Reason { code: "vrm_folded".to_owned(), text }
}

fn class(c: char) -> &'static str {
    if c.is_ascii_digit() { "digit" } else { "letter" }
}
