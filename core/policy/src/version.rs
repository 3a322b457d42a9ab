//! Versions of an app, as far as they can be compared.

/// Whether `version` is older than `needed`, or says nothing that can be compared.
///
/// The first run of numbers with dots counts (`beat 1.10.0-rc1` is 1.10.0); what is left out is 0.
pub(crate) fn older(version: &str, needed: &str) -> bool {
    match (numbers(version), numbers(needed)) {
        (Some(v), Some(n)) => v < n,
        // A needed version that cannot be read is refused where policies are written: it keeps nobody out here.
        (_, None) => false,
        (None, Some(_)) => true,
    }
}

/// Whether a text can stand as `min_app_version`.
#[must_use]
pub fn is_app_version(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && numbers(text).is_some()
}

fn numbers(text: &str) -> Option<[u64; 4]> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let run = text[start..].split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut out = [0; 4];
    for (place, part) in out.iter_mut().zip(run.split('.')) {
        *place = part.parse().ok().or_else(|| part.is_empty().then_some(0))?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(older("1.9.3", "1.10"));
        assert!(!older("beat 1.10.0-rc1", "1.10"));
        assert!(!older("2", "1.99.99"));
        assert!(older("none", "1"));
        assert!(!older("1.2", "soon"));
        assert!(
            is_app_version("1.2.3")
                && !is_app_version("v1")
                && !is_app_version("")
                && !is_app_version("99999999999999999999999")
        );
    }
}
