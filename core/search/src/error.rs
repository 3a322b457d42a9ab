//! The one error of this crate: a question that cannot be searched.
//!
//! It is not an empty answer: 'no trace' after a typing error would be read as 'not wanted'. Both fields are fixed texts,
//! so that no part of what was typed (personal data) can travel in a log line or an error report.

/// Why a question cannot be searched. Holds a stable code and a fixed text; never any part of the question.
///
/// | code | when |
/// |---|---|
/// | `nothing_asked` | no field holds anything that can be searched |
/// | `field_too_long` | a field is longer than `MAX_FIELD_BYTES`, or an identifier than `MAX_IDENTIFIER_LEN` |
/// | `invalid_dob` | the date of birth is in none of the accepted forms |
/// | `invalid_vrm` | the mark has no letter or digit, or more than `MAX_VRM_LEN` |
/// | `invalid_vin` | the VIN has no letter or digit, or more than `MAX_VIN_LEN` |
/// | `invalid_year` | a year of manufacture is in none of the accepted forms |
/// | `invalid_age` | an age is in none of the accepted forms |
/// | `invalid_height` | a height is in none of the accepted forms |
/// | `invalid_postcode` | a postcode has no letter or digit |
/// | `dob_and_age` | both a date of birth and an age were given |
/// | `invalid_record` | a record's id is not one that an answer shows |
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct InvalidQuery {
    /// Stable code from the table above.
    pub code: &'static str,
    /// What to do, in words.
    pub text: &'static str,
}

impl InvalidQuery {
    pub(crate) const NOTHING_ASKED: Self = Self {
        code: "nothing_asked",
        text: "nothing to search for: give a mark, a VIN, a name, a date of birth, an identifier or an address",
    };
    pub(crate) const FIELD_TOO_LONG: Self =
        Self { code: "field_too_long", text: "a field is too long: shorten what was typed" };
    pub(crate) const INVALID_DOB: Self = Self {
        code: "invalid_dob",
        text: "date of birth not understood: write 1984-03-02, 02/03/1984, 1984-03, 1984 or ~1984",
    };
    pub(crate) const INVALID_VRM: Self =
        Self { code: "invalid_vrm", text: "registration mark not understood: it has 1 to 16 letters and digits" };
    pub(crate) const INVALID_PATTERN: Self = Self {
        code: "invalid_vrm",
        text: "part of a mark not understood: ? stands for one character, * for any number; give at least two that were seen",
    };
    pub(crate) const INVALID_YEAR: Self =
        Self { code: "invalid_year", text: "year of manufacture not understood: write 2015, 2010-2014 or ~2015" };
    pub(crate) const INVALID_AGE: Self =
        Self { code: "invalid_age", text: "age not understood: write 30, 30-35 or ~30, in years" };
    pub(crate) const INVALID_HEIGHT: Self =
        Self { code: "invalid_height", text: "height not understood: write 172, 170-175 (centimetres) or 5'8\"" };
    pub(crate) const INVALID_POSTCODE: Self =
        Self { code: "invalid_postcode", text: "postcode not understood: write B15 2TT, B15 2 or B15" };
    pub(crate) const DOB_AND_AGE: Self = Self { code: "dob_and_age", text: "give a date of birth or an age, not both" };
    /// The id of a record is not 32 hexadecimal digits.
    pub const INVALID_RECORD: Self =
        Self { code: "invalid_record", text: "record not understood: give its id as an answer shows it" };
    pub(crate) const INVALID_VIN: Self =
        Self { code: "invalid_vin", text: "VIN not understood: it has 1 to 20 letters and digits" };
}
