//! Persons and vehicles in any number, for the benches of this crate.
#![allow(dead_code, unreachable_pub)]

use crate::common::{person, upsert, vehicle, word};
use beatcheck_model::PartialDate;
use beatcheck_wire::batch::Change;

/// Few are common and many rare, roughly as names are.
fn skewed(n: u32, of: u32) -> u32 {
    let x = f64::from(n.wrapping_mul(0x9E37_79B1)) / f64::from(u32::MAX);
    (x.powi(5) * f64::from(of)) as u32
}

pub fn a_person(n: u32) -> Change {
    let dob = PartialDate::new(1940 + (n % 65) as u16, 1 + (n / 65 % 12) as u8, 1 + (n / 780 % 28) as u8);
    let surname = word(skewed(n, 40_000), 3);
    let given =
        format!("{} {}", word(skewed(n.wrapping_mul(31), 5_000), 2), word(skewed(n.wrapping_mul(77), 5_000), 2));
    upsert(1, person(n, 1, &given, &surname, dob, &format!("{}/{n}A", n % 100)))
}

pub fn a_vehicle(n: u32) -> Change {
    upsert(1, vehicle(n, 1, &format!("{}{:02}{}", word(n % 85, 1), n % 100, n / 100), &format!("WVWZZZ1JZ{n:08}")))
}
