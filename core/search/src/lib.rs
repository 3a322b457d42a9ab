//! How what an officer asks is compared with what a record says.
//!
//! Three steps, each a plain function of its arguments (no I/O, no clock, no randomness):
//!
//! 1. **Normalise.** A mark, a VIN, a name, a date or an identifier as typed becomes its comparable form
//!    ([`normalise_vrm`], [`name_tokens`], [`parse_dob`], [`normalise_identifier`]), and a whole question becomes a plan
//!    ([`plan_vehicle`], [`plan_person`]). What cannot be searched is an [`InvalidQuery`], never an empty answer.
//! 2. **Find candidates.** Not here: the store does it. This crate says under which tokens a person is indexed
//!    ([`index_names`]) and how near a token of the vocabulary is to one asked ([`token_level`]).
//! 3. **Score.** [`score_vehicle`] and [`score_person`] say whether a candidate is shown, as a hit or as a possible
//!    match, how well it agrees in a word, and why in words an officer can say aloud.
//!
//! The rules come from `PRODUCT.md` (rule 3: a possible match is not a match) and `MATCHING.md`. Nothing is rejected for
//! its shape: an odd mark or an impossible date is compared as it was given.

mod assign;
mod dob;
mod driver;
mod error;
mod grade;
mod height;
mod identifier;
mod look;
mod name;
mod near;
mod nickname;
mod pattern;
mod person;
mod place;
mod reason;
mod score;
mod slip;
mod token;
mod vehicle;
mod vrm;
mod weigh;

pub use dob::{ABOUT_AGE, ABOUT_YEARS, DOB_BITS_MOST, DobQuery, dob_bits, parse_age, parse_dob};
pub use driver::DriverNumber;
pub use error::InvalidQuery;
pub use height::{HEIGHT_AGREES, HEIGHT_DIFFERS, HEIGHT_SLACK_CM, HeightBand, heights_agree, parse_height};
pub use identifier::{AskedIdentifier, Checked, identifier_keys};
pub use look::{Look, LookFit, LookQuery, parse_look};
pub use name::{MAX_TOKEN_CHARS, MAX_TOKENS, name_tokens, phonetic_key};
pub use near::{NEAR_MARKS_MAX, NearMark, Slip, near_marks};
pub use nickname::same_nickname_class;
pub use pattern::{PATTERN_KNOWN_MIN, VrmPattern};
pub use person::{MAX_IDENTIFIER_LEN, PersonPlan, index_names, normalise_identifier, plan_person};
pub use place::{PLACE_WORDS_MAX, PlaceQuery, Postcode, parse_place, place_keys, place_words};
pub use score::{PersonMatch, PersonScorer, SEX_AGREES, SEX_DIFFERS, score_person};
pub use token::{PreparedToken, TokenLevel, TokenSketch, prepare_token, prepare_token_with, token_level};
pub use vehicle::{VehicleMatch, VehiclePlan, plan_vehicle, score_vehicle};
pub use vrm::{
    MAX_VIN_LEN, MAX_VRM_LEN, UkFormat, VIN_TAIL_MIN, decide_by_format, fold_vrm, normalise_vin, normalise_vrm,
    uk_format, vin_tail,
};
pub use weigh::{FURTHER_MOST, LEFT_OVER, LevelCounts, NameRole, NameWeights, SWAPPED, SumCounts};
