//! Reasons: stable codes, and the words an officer can say for them. The one table of both.

use beatcheck_model::Reason;

/// The reason with this code, in its fixed words. Codes are this crate's own; an unknown one would say itself.
pub(crate) fn reason(code: &'static str) -> Reason {
    Reason { code: code.to_owned(), text: words(code).to_owned() }
}

/// A reason whose words depend on the record.
pub(crate) fn reason_saying(code: &'static str, text: String) -> Reason {
    Reason { code: code.to_owned(), text }
}

fn words(code: &'static str) -> &'static str {
    match code {
        "vrm_exact" => "registration mark as written",
        "vrm_format_decided" => "registration mark as the plate's format must be read",
        "vrm_part" => "the part of the mark that was seen agrees: compare make and colour",
        "vrm_differs" => "the VIN is this vehicle's, but it is recorded with another mark",
        "vin_exact" => "VIN as written",
        "vin_check_digit" => "the VIN's check digit does not fit: read it again",
        "vin_tail" => "the VIN ends so: compare the rest of it, make and colour",
        "vin_differs" => "the mark is this vehicle's, but it is recorded with another VIN: compare make and colour",
        "surname_exact" => "same surname",
        "surname_near" => "surname one letter different",
        "surname_prefix" => "surname begins so",
        "surname_near_two" => "similar surname",
        "surname_variant" => "another spelling of the surname",
        "surname_sound" => "same surname by sound",
        "surname_within" => "one surname stands within the other",
        "surname_alike" => "surname somewhat alike",
        "surname_initial" => "same initial of the surname",
        "surname_part" => "part of the surname",
        "surname_differs" => "surname differs",
        "given_exact" => "same given name",
        "given_near" => "given name one letter different",
        "given_prefix" => "given name begins so",
        "given_near_two" => "similar given name",
        "given_nickname" => "short form or other spelling of the given name",
        "given_sound" => "same given name by sound",
        "given_within" => "one given name stands within the other",
        "given_alike" => "given name somewhat alike",
        "given_initial" => "same initial of the given name",
        "given_differs" => "given name differs",
        "names_swapped" => "given and surname swapped",
        "alias" => "an alias",
        "dob_exact" => "same date of birth",
        "dob_day_month_swapped" => "day and month of birth swapped",
        "dob_one_digit" => "one digit of the date of birth different",
        "dob_digits_transposed" => "two digits of the date of birth exchanged",
        "dob_year_month" => "month and year of birth only",
        "dob_year" => "year of birth only",
        "dob_year_near" => "year of birth near",
        "dob_first_of_january" => "same date of birth, 1 January: often written for an unknown day",
        "dob_age" => "of the age asked",
        "dob_differs" => "date of birth differs",
        "dob_other" => "another date of birth given on occasion",
        "sex_agrees" => "same sex",
        "sex_differs" => "sex differs",
        "identifier_exact" => "identifier as written",
        "identifier_not_held" => "the identifier given is not on this record",
        "driver_number" => "date of birth, sex and name as the driver number has them",
        "driver_number_dob" => "the driver number has another date of birth than the one given",
        "driver_number_surname" => "the driver number has another surname than the one given",
        "driver_number_sex" => "the driver number has another sex than the one given",
        "height_agrees" => "height agrees",
        "height_differs" => "height differs",
        "address_agrees" => "address as asked",
        "address_part" => "part of the address",
        "address_differs" => "another address",
        "make_agrees" => "make agrees",
        "make_near" => "make nearly agrees",
        "make_differs" => "another make: compare, plates may be false",
        "colour_agrees" => "colour agrees",
        "colour_near" => "a colour like the one asked",
        "colour_differs" => "another colour: compare, plates may be false",
        "type_agrees" => "type agrees",
        "type_near" => "type nearly agrees",
        "type_differs" => "another type: compare, plates may be false",
        "year_agrees" => "year agrees",
        "year_near" => "a year off",
        "year_differs" => "another year: compare, plates may be false",
        other => other,
    }
}
