//! Just enough of Rust's grammar to look at code alone.

use std::ops::Range;

/// `source` with comments and literals blanked out: every other byte keeps its place.
pub(crate) fn code(source: &str) -> String {
    let mut code = source.as_bytes().to_vec();
    let mut at = 0;
    while at < code.len() {
        let end =
            at + literal_or_comment(&source.as_bytes()[at..], at > 0 && is_word(code[at - 1]));
        if end == at {
            at += 1;
        } else {
            blank(&mut code[at..end]);
            at = end;
        }
    }
    // Blanked whole, or left as they were: no character is cut.
    String::from_utf8_lossy(&code).into_owned()
}

/// `code` with `ranges` blanked out too.
pub(crate) fn without(code: &str, ranges: &[Range<usize>]) -> String {
    let mut code = code.as_bytes().to_vec();
    ranges
        .iter()
        .for_each(|range| blank(&mut code[range.clone()]));
    String::from_utf8_lossy(&code).into_owned()
}

/// Where the modules under `#[cfg(test)]` stand in `code`.
pub(crate) fn test_modules(code: &str) -> Vec<Range<usize>> {
    let attribute = "#[cfg(test)]";
    let mut modules: Vec<Range<usize>> = Vec::new();
    for (start, _) in code.match_indices(attribute) {
        let rest = &code[start + attribute.len()..];
        let Some(open) = rest
            .find(['{', ';'])
            .filter(|open| rest[*open..].starts_with('{'))
        else {
            continue;
        };
        let nested = modules.last().is_some_and(|last| last.end > start);
        if !nested && words(&rest[..open], "mod").next().is_some() {
            let length = attribute.len() + open + braces(&rest[open..]);
            modules.push(start..start + length);
        }
    }
    modules
}

/// The length of `code`, which begins with a brace, up to and with the one that closes it.
fn braces(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// The places where the word `name` stands in `code`.
pub(crate) fn words<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let ends_at = |at: usize| !code.as_bytes().get(at).is_some_and(|byte| is_word(*byte));
    code.match_indices(name)
        .map(|(at, _)| at)
        .filter(move |at| (*at == 0 || ends_at(at - 1)) && ends_at(at + name.len()))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// How many bytes at the start of `rest` are a comment or a literal: 0 where neither begins here.
fn literal_or_comment(rest: &[u8], after_word: bool) -> usize {
    match rest {
        [b'/', b'/', ..] => position(rest, b"\n").unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => 1 + closing(&rest[1..], b'"'),
        [b'r', ..] | [b'b' | b'c', b'r', ..] if !after_word => raw_string(rest),
        // A lifetime has no second quote right after its first character.
        [b'\'', b'\\', ..] => 1 + closing(&rest[1..], b'\''),
        [b'\'', ..] => character(rest),
        _ => 0,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length up to and with the `quote` that no backslash escapes.
fn closing(rest: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string(rest: &[u8]) -> usize {
    let prefix = if rest[0] == b'r' { 1 } else { 2 };
    let hashes = rest[prefix..]
        .iter()
        .take_while(|byte| **byte == b'#')
        .count();
    let open = prefix + hashes;
    if rest.get(open) != Some(&b'"') {
        return 0;
    }
    let mut end = vec![b'"'];
    end.extend(std::iter::repeat_n(b'#', hashes));
    position(&rest[open + 1..], &end).map_or(rest.len(), |at| open + 1 + at + end.len())
}

fn character(rest: &[u8]) -> usize {
    // At most four bytes of UTF-8 between the quotes.
    let close = rest.iter().skip(1).take(5).position(|byte| *byte == b'\'');
    match close {
        // `'a'`, but not `'a, 'b`: more than one byte has to be one character.
        Some(1) => 3,
        Some(length) if length > 1 && rest[1] >= 0x80 => length + 2,
        _ => 0,
    }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squeeze(code: &str) -> String {
        code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_literals_are_blanked() {
        let check = |source: &str, expected: &str| {
            assert_eq!(squeeze(&code(source)), expected, "{source}");
            assert_eq!(code(source).len(), source.len());
        };
        check("a // b \"c\nd", "a d");
        check("a /* b /* c */ d */ e", "a e");
        check(r#"f("x \" // y", g)"#, "f( , g)");
        check(r###"f(r#"a " b"#, br"c\", c"d")"###, "f( , , c )");
        check(r"x('a', '\'', '\u{1f}', 'é', '漢')", "x( , , , , )");
        check("fn f<'a, 'b>(x: &'a str)", "fn f<'a, 'b>(x: &'a str)");
        check("for_ r#type bar\"s\"", "for_ r#type bar");
    }

    #[test]
    fn test_modules_are_found_and_other_test_items_are_not() {
        let check = |code: &str, expected: &str| {
            assert_eq!(
                squeeze(&without(code, &test_modules(code))),
                expected,
                "{code}"
            );
        };
        check(
            "a #[cfg(test)]\n#[x] mod t { fn f() { } } b #[cfg(test)] mod u { } c",
            "a b c",
        );
        check("#[cfg(test)] mod t { #[cfg(test)] mod u { } } a", "a");
        check(
            "#[cfg(test)] mod tests; fn f() {}",
            "#[cfg(test)] mod tests; fn f() {}",
        );
        check("#[cfg(test)] fn f() {}", "#[cfg(test)] fn f() {}");
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(
            words("server servers my_server ::server", "server").count(),
            2
        );
    }
}
