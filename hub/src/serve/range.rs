//! One byte range of a segment (RFC 9110, section 14): that is all that resuming needs.

/// What a `Range` header asks of a body of `len` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ranged {
    /// All of it: there is no header, or one that may be ignored (another unit, several ranges, not readable).
    Whole,
    /// These bytes.
    Part(std::ops::Range<usize>),
    /// Bytes that are not there.
    Unsatisfiable,
}

/// Reads a `Range` header.
pub(crate) fn ranged(header: Option<&str>, len: usize) -> Ranged {
    let number = |s: &str| -> Option<usize> {
        (!s.is_empty() && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse().unwrap_or(usize::MAX))
    };
    let parts = header.and_then(|h| h.trim().strip_prefix("bytes=")).and_then(|r| r.trim().split_once('-'));
    let Some((first, last)) = parts else { return Ranged::Whole };
    let range = match (first.is_empty(), number(first), last.is_empty(), number(last)) {
        (false, Some(first), true, _) => first..len,
        (false, Some(first), false, Some(last)) if first <= last => first..last.saturating_add(1).min(len),
        (true, _, false, Some(0)) => return Ranged::Unsatisfiable,
        (true, _, false, Some(suffix)) => len.saturating_sub(suffix)..len,
        _ => return Ranged::Whole,
    };
    if range.start >= len { Ranged::Unsatisfiable } else { Ranged::Part(range) }
}

#[cfg(test)]
mod tests {
    use super::{Ranged, ranged};

    #[test]
    fn ranges_as_the_rfc_has_them() {
        let cases = [
            ("bytes=0-99", Ranged::Part(0..100)),
            ("bytes=990-", Ranged::Part(990..1000)),
            ("bytes=990-4000", Ranged::Part(990..1000)),
            ("bytes=-10", Ranged::Part(990..1000)),
            ("bytes=-4000", Ranged::Part(0..1000)),
            ("bytes=0-99999999999999999999999", Ranged::Part(0..1000)),
            ("bytes=1000-", Ranged::Unsatisfiable),
            ("bytes=1000-1001", Ranged::Unsatisfiable),
            ("bytes=-0", Ranged::Unsatisfiable),
            ("bytes=5-4", Ranged::Whole),
            ("bytes=0-1,5-6", Ranged::Whole),
            ("lines=0-1", Ranged::Whole),
            ("bytes=", Ranged::Whole),
            ("bytes=-", Ranged::Whole),
            ("bytes=+1-2", Ranged::Whole),
        ];
        for (header, want) in cases {
            assert_eq!(ranged(Some(header), 1000), want, "{header}");
        }
        assert_eq!(ranged(None, 1000), Ranged::Whole);
        assert_eq!(ranged(Some("bytes=0-0"), 0), Ranged::Unsatisfiable);
    }
}
