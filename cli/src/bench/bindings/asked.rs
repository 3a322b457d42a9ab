//! The questions, as every language reads them: a line each, cells parted by tabs.

use crate::bench::queries::{self, Known, Rows};
use serde_json::Value;

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Vehicle { vrm: String },
    Person { surname: String, given: String, dob: String },
}

/// Marks and names as recorded, and as many marks that are not.
pub(super) fn make(vehicles: &Rows<'_>, n: usize, persons: &Rows<'_>, m: usize) -> Vec<Question> {
    let cell = |line: &str, name: &str| {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        line[name].as_str().unwrap_or_default().to_owned()
    };
    let marks = queries::marks(vehicles, n / 2).into_iter().chain(queries::unknown_marks(vehicles, n / 2));
    let marks = marks.map(|a| Question::Vehicle { vrm: cell(&a.line, "vrm") });
    let named = queries::persons(persons, m, Known::NameAndBirth).into_iter().map(|a| Question::Person {
        surname: cell(&a.line, "surname"),
        given: cell(&a.line, "given"),
        dob: cell(&a.line, "dob"),
    });
    marks.chain(named).collect()
}

/// The list as a file.
pub(super) fn write(questions: &[Question]) -> String {
    let line = |q: &Question| match q {
        Question::Vehicle { vrm } => format!("v\t{vrm}\n"),
        Question::Person { surname, given, dob } => format!("p\t{surname}\t{given}\t{dob}\n"),
    };
    questions.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{Question, write};

    #[test]
    fn a_line_a_question() {
        let person = Question::Person { surname: "Abbott".into(), given: "Jo".into(), dob: "1990-01-02".into() };
        let list = [Question::Vehicle { vrm: "AB12CDE".into() }, person];
        assert_eq!(write(&list), "v\tAB12CDE\np\tAbbott\tJo\t1990-01-02\n");
    }
}
