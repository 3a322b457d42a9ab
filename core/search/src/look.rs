//! What a vehicle looks like: make and model, colour, type, year, as filters of a mark of which only part was seen.
//!
//! What a record does not say excludes nothing. Colours that are taken for each other in street light count as near; makes
//! have short forms. None of it finds a vehicle by itself, and none of it takes away a mark that is as written: there it is
//! said, since a car that does not look like its record is how false plates show.

use crate::error::InvalidQuery;
use crate::name::name_tokens;
use crate::reason::reason;
use beatcheck_model::{Reason, Vehicle, VehicleQuery};

/// Colours that are written or taken for each other: spellings of one colour stand in one word, neighbours in one list.
const COLOURS: [&[&str]; 8] = [
    &["silver", "grey gray aluminium", "white cream ivory"],
    &["grey gray", "black charcoal"],
    &["white cream ivory", "beige fawn"],
    &["beige fawn", "gold", "brown bronze tan", "yellow"],
    &["red maroon burgundy crimson", "brown bronze tan", "orange"],
    &["orange", "yellow", "gold"],
    &["blue navy", "black charcoal", "purple violet mauve", "green turquoise teal"],
    &["pink", "red maroon burgundy crimson", "purple violet mauve"],
];
/// Short forms of makes.
const MAKES: [(&str, &str); 8] = [
    ("vw", "volkswagen"),
    ("merc", "mercedes"),
    ("beemer", "bmw"),
    ("chevy", "chevrolet"),
    ("landy", "land"),
    ("mitsi", "mitsubishi"),
    ("jag", "jaguar"),
    ("citreon", "citroen"),
];
/// Words for one type of body.
const TYPES: [&[&str]; 7] = [
    &["saloon", "sedan"],
    &["estate", "stationwagon", "wagon", "tourer"],
    &["hatchback", "hatch"],
    &["van", "lightvan", "panelvan", "minivan"],
    &["motorcycle", "motorbike", "bike", "moped", "scooter"],
    &["pickup", "utility", "ute"],
    &["lorry", "truck", "hgv", "heavyvan"],
];
/// Words of a make, colour or type that are read, at most.
const WORDS_MAX: usize = 6;

/// What is asked of a vehicle's looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookQuery {
    /// Words of make or model.
    pub make: Vec<String>,
    /// Words of the colour.
    pub colour: Vec<String>,
    /// Words of the body type.
    pub body: Vec<String>,
    /// Years of manufacture, both ends in it.
    pub years: Option<(u16, u16)>,
}

/// How one part of a vehicle's looks agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookFit {
    /// Not asked, or the record does not say.
    Neutral,
    /// As asked.
    Agrees,
    /// Taken for each other: a colour beside it, a year off.
    Near,
    /// Another.
    Differs,
}

impl LookQuery {
    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How a make and model agree: every word asked begins a word of the record, a letter off allowed in longer ones.
    #[must_use]
    pub fn make(&self, held: &str) -> LookFit {
        words_fit(&self.make, &makes(held), |asked, held| {
            held.starts_with(asked)
                || (asked.chars().count() > 4 && rapidfuzz::distance::osa::distance(asked.chars(), held.chars()) <= 1)
        })
    }

    /// How a colour agrees.
    #[must_use]
    pub fn colour(&self, held: &str) -> LookFit {
        let held = words(held);
        match words_fit(&self.colour, &held, |a, h| a == h || same_colour(a, h)) {
            LookFit::Differs if self.colour.iter().any(|a| held.iter().any(|h| near_colours(a, h))) => LookFit::Near,
            fit => fit,
        }
    }

    /// How a body type agrees.
    #[must_use]
    pub fn body(&self, held: &str) -> LookFit {
        let one = |a: &str, h: &str| a == h || TYPES.iter().any(|t| t.contains(&a) && t.contains(&h));
        words_fit(&self.body, &words(held), one)
    }

    /// How a year of manufacture agrees; 0 is unknown.
    #[must_use]
    pub fn year(&self, held: u16) -> LookFit {
        match self.years {
            None => LookFit::Neutral,
            Some(_) if held == 0 => LookFit::Neutral,
            Some((from, to)) if (from..=to).contains(&held) => LookFit::Agrees,
            Some((from, to)) if (from.saturating_sub(1)..=to.saturating_add(1)).contains(&held) => LookFit::Near,
            Some(_) => LookFit::Differs,
        }
    }

    /// How a vehicle looks beside what was asked.
    #[must_use]
    pub fn fit(&self, v: &Vehicle) -> Look {
        Look {
            make: self.make(&format!("{} {}", v.make, v.model)),
            colour: self.colour(&v.colour),
            body: self.body(&v.body_type),
            year: self.year(v.year),
        }
    }
}

/// How a vehicle looks beside what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    make: LookFit,
    colour: LookFit,
    body: LookFit,
    year: LookFit,
}

impl Look {
    fn parts(self) -> [(LookFit, [&'static str; 3]); 4] {
        [
            (self.make, ["make_agrees", "make_near", "make_differs"]),
            (self.colour, ["colour_agrees", "colour_near", "colour_differs"]),
            (self.body, ["type_agrees", "type_near", "type_differs"]),
            (self.year, ["year_agrees", "year_near", "year_differs"]),
        ]
    }

    /// Whether any part is another than asked.
    #[must_use]
    pub fn differs(self) -> bool {
        self.parts().iter().any(|(f, _)| *f == LookFit::Differs)
    }

    /// 0 to 1: the share of the parts that agree, near ones by half. For sorting.
    #[must_use]
    pub fn share(self) -> f64 {
        let worth = self.parts().map(|(f, _)| match f {
            LookFit::Agrees => 1.0,
            LookFit::Near => 0.5,
            LookFit::Neutral | LookFit::Differs => 0.0,
        });
        worth.iter().sum::<f64>() / 4.0
    }

    pub(crate) fn reasons(self) -> impl Iterator<Item = Reason> {
        self.parts().into_iter().filter_map(|(fit, [agrees, near, differs])| match fit {
            LookFit::Neutral => None,
            LookFit::Agrees => Some(reason(agrees)),
            LookFit::Near => Some(reason(near)),
            LookFit::Differs => Some(reason(differs)),
        })
    }
}

/// Reads the filters of a vehicle question.
///
/// # Errors
/// [`InvalidQuery`] with code `invalid_year` for years other than `2015`, `2010-2014` or `~2015` (two years either way), and
/// `field_too_long`.
pub fn parse_look(q: &VehicleQuery) -> Result<LookQuery, InvalidQuery> {
    let field = |t: &Option<String>| crate::vehicle::field(t.as_deref()).map(|t| t.unwrap_or_default().to_owned());
    let years = field(&q.year)?;
    Ok(LookQuery {
        make: makes(&field(&q.make)?),
        colour: words(&field(&q.colour)?),
        body: words(&field(&q.body_type)?),
        years: (!years.is_empty()).then(|| parse_years(&years)).transpose()?,
    })
}

fn parse_years(text: &str) -> Result<(u16, u16), InvalidQuery> {
    const BAD: InvalidQuery = InvalidQuery::INVALID_YEAR;
    let year = |t: &str| t.trim().parse::<u16>().ok().filter(|y| (1880..=2100).contains(y));
    let text = text.trim();
    if let Some(about) = text.strip_prefix('~') {
        return year(about).map(|y| (y - 2, y + 2)).ok_or(BAD);
    }
    let (from, to) = text.split_once(['-', '\u{2013}']).unwrap_or((text, text));
    match (year(from), year(to)) {
        (Some(from), Some(to)) if from <= to => Ok((from, to)),
        _ => Err(BAD),
    }
}

fn words(text: &str) -> Vec<String> {
    name_tokens(text).into_iter().take(WORDS_MAX).collect()
}

/// Words of a make or model, short forms written out.
fn makes(text: &str) -> Vec<String> {
    let long = |w: String| MAKES.iter().find(|(short, _)| *short == w).map_or(w, |(_, long)| (*long).to_owned());
    words(text).into_iter().map(long).collect()
}

fn words_fit(asked: &[String], held: &[String], same: impl Fn(&str, &str) -> bool) -> LookFit {
    if asked.is_empty() || held.is_empty() {
        return LookFit::Neutral;
    }
    if asked.iter().all(|a| held.iter().any(|h| same(a, h))) { LookFit::Agrees } else { LookFit::Differs }
}

fn same_colour(a: &str, b: &str) -> bool {
    let has = |words: &str, w: &str| words.split(' ').any(|x| x == w);
    COLOURS.iter().flat_map(|l| l.iter()).any(|one| has(one, a) && has(one, b))
}

fn near_colours(a: &str, b: &str) -> bool {
    let has = |list: &[&str], w: &str| list.iter().any(|one| one.split(' ').any(|x| x == w));
    COLOURS.iter().any(|list| has(list, a) && has(list, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(make: &str, colour: &str, body: &str, year: &str) -> LookQuery {
        let of = |t: &str| Some(t.to_owned());
        let q = VehicleQuery {
            make: of(make),
            colour: of(colour),
            body_type: of(body),
            year: of(year),
            ..VehicleQuery::default()
        };
        parse_look(&q).expect("filters")
    }

    #[test]
    fn parts() {
        use LookFit::*;
        let q = asked("VW Golf", "silver", "estate", "2010-2014");
        for (held, fit) in
            [("Volkswagen Golf GTI", Agrees), ("Volkswagon Golf", Agrees), ("Volkswagen Polo", Differs), ("", Neutral)]
        {
            assert_eq!(q.make(held), fit, "{held}");
        }
        for (held, fit) in
            [("Silver", Agrees), ("Grey", Near), ("Red", Differs), ("", Neutral), ("Silver/Black", Agrees)]
        {
            assert_eq!(q.colour(held), fit, "{held}");
        }
        assert_eq!((q.body("Stationwagon"), q.body("Saloon")), (Agrees, Differs));
        assert_eq!((q.year(2012), q.year(2015), q.year(2020), q.year(0)), (Agrees, Near, Differs, Neutral));
        assert_eq!(asked("", "gray", "", "").colour("Grey"), Agrees);
        assert!(asked("", " ", "", "").is_empty());
    }

    #[test]
    fn years_that_cannot_be_read() {
        for year in ["x", "15", "2014-2010", "2010-", "~", "1-2-3", "99999"] {
            let q = VehicleQuery { year: Some(year.into()), ..VehicleQuery::default() };
            assert_eq!(parse_look(&q).map_err(|e| e.code), Err("invalid_year"), "{year}");
        }
        assert_eq!(asked("", "", "", "~2015").years, Some((2013, 2017)));
    }
}
