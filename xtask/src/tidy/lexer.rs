//! Just enough of Rust's grammar to tell code from text and from comments.
//!
//! A rule that greps raw lines finds `unsafe` in an essay and misses nothing in a string; both teach people to ignore
//! it. This reads comments (nested ones too), strings (raw, byte and C ones too), characters and lifetimes, and no
//! more: macros are not expanded and nothing is parsed.

use std::ops::Range;

/// What a byte of a source file is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Code,
    Text,
    Comment,
}

/// The source with every byte outside `keep` turned into a space; lines stay where they were.
pub(super) fn view(source: &str, keep: &[Class]) -> String {
    let classes = classify(source);
    let bytes = source
        .bytes()
        .zip(classes)
        .map(|(byte, class)| if byte == b'\n' || keep.contains(&class) { byte } else { b' ' });
    String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned()
}

/// The class of every byte.
fn classify(source: &str) -> Vec<Class> {
    let bytes = source.as_bytes();
    let mut classes = vec![Class::Code; bytes.len()];
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (class, length) = if rest.starts_with(b"//") {
            (Class::Comment, rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()))
        } else if rest.starts_with(b"/*") {
            (Class::Comment, block_comment(rest))
        } else if let Some(length) = raw_string(rest).filter(|_| !follows_word(bytes, at)) {
            (Class::Text, length)
        } else if rest[0] == b'"' {
            (Class::Text, quoted(rest))
        } else if let Some(length) = character(&source[at..]) {
            (Class::Text, length)
        } else {
            (Class::Code, 1)
        };
        classes[at..at + length].fill(class);
        at += length;
    }
    classes
}

fn follows_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && is_word(bytes[at - 1])
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut at, mut depth) = (2, 1);
    while at < rest.len() && depth > 0 {
        match &rest[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    at
}

/// The length of a raw string (`r"…"`, `r#"…"#`, also after `b` or `c`) that starts here.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let prefix = match rest {
        [b'r', ..] => 1,
        [b'b' | b'c', b'r', ..] => 2,
        _ => return None,
    };
    let hashes = rest[prefix..].iter().take_while(|byte| **byte == b'#').count();
    let open = prefix + hashes;
    if rest.get(open) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let body = &rest[open + 1..];
    let end = body.windows(close.len()).position(|window| window == close);
    Some(end.map_or(rest.len(), |end| open + 1 + end + close.len()))
}

fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a character literal that starts here; none for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    let mut chars = body.char_indices();
    match chars.next()? {
        (_, '\\') => {
            // Past the escaped character itself, which may be a quote.
            chars.next()?;
            chars.find(|(_, c)| *c == '\'').map(|(at, _)| at + 2)
        }
        (_, '\'') => None,
        _ => chars.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 2),
    }
}

/// Whether each line stands inside an item under `#[cfg(test)]`. Takes the view of code alone.
pub(super) fn test_lines(code: &str) -> Vec<bool> {
    const MARK: &str = "#[cfg(test)]";
    let mut inside = vec![false; code.lines().count() + 1];
    for (start, _) in code.match_indices(MARK) {
        let end = item_end(code, start + MARK.len());
        for line in lines_of(code, start..end) {
            inside[line] = true;
        }
    }
    inside
}

/// Where the item ends that begins at `from`: after its closing brace, or its semicolon if it has no body.
fn item_end(code: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && byte == b'}' {
                    return at + 1;
                }
            }
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Line indices (from 0) that a range of bytes touches.
fn lines_of(text: &str, range: Range<usize>) -> Range<usize> {
    let line = |at: usize| text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
    line(range.start)..line(range.end) + 1
}

/// Byte offsets at which `word` stands in `line`, not as a part of a longer word where it begins or ends with one.
pub(super) fn word_in(line: &str, word: &str) -> bool {
    let (bytes, edge) = (line.as_bytes(), word.as_bytes());
    line.match_indices(word).any(|(at, _)| {
        let after = at + word.len();
        let joined_before = is_word(edge[0]) && at > 0 && is_word(bytes[at - 1]);
        let joined_after = is_word(edge[edge.len() - 1]) && after < bytes.len() && is_word(bytes[after]);
        !joined_before && !joined_after
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_text_are_not_code() {
        let source = "a // b\n/* c /* d */ e */ f \"g \\\" h\" i r#\"j \" k\"# l b\"m\" br##\"n\"# o\"## p";
        let code: String = view(source, &[Class::Code]).split_whitespace().collect();
        assert_eq!(code, "afilbp");
    }

    #[test]
    fn lifetimes_are_code_and_characters_are_not() {
        let source = r"fn f<'a>(x: &'a str) -> char { '\'' } fn g() { ('x', '\u{1F4}', '£', '{') }";
        let code = view(source, &[Class::Code]);
        assert!(code.contains("fn f<'a>(x: &'a str) -> char {") && code.contains("} fn g() {"), "{code}");
        assert!(!code.contains('x') || !code.contains("'x'"), "{code}");
        assert_eq!(code.matches('{').count(), code.matches('}').count());
    }

    #[test]
    fn what_never_closes_ends_with_the_file() {
        for source in ["\"abc", "/* abc", "r#\"abc\"", "'\\", "b"] {
            assert_eq!(view(source, &[Class::Code, Class::Text, Class::Comment]), source);
        }
    }

    #[test]
    fn test_items_are_known() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nuse d;\nfn e() {}\n";
        let marked: Vec<usize> =
            test_lines(code).iter().enumerate().filter(|(_, inside)| **inside).map(|(line, _)| line + 1).collect();
        assert_eq!(marked, [2, 3, 4, 5, 7, 8]);
    }

    #[test]
    fn words_are_whole() {
        assert!(word_in("x = unsafe {", "unsafe") && word_in("println!(1)", "println!"));
        assert!(!word_in("#![forbid(unsafe_code)]", "unsafe") && !word_in("eprintln!(1)", "println!"));
    }
}
