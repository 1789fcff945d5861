//! How large the values in a text can be, without parsing it.

use super::Size;

/// Counts brackets and commas of a JSON text that comes in pieces.
///
/// On a text that is JSON the count is right; on any other it means nothing, and nothing comes of it.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    size: Size,
    open: usize,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// Takes the next piece.
    pub fn feed(&mut self, piece: &str) {
        self.size.bytes += piece.len();
        for byte in piece.bytes() {
            if self.in_string {
                if self.escaped {
                    self.escaped = false;
                } else if byte == b'\\' {
                    self.escaped = true;
                } else if byte == b'"' {
                    self.in_string = false;
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'[' | b'{' => {
                    self.open += 1;
                    self.size.depth = self.size.depth.max(self.open);
                    // A container, and its first value where it has one.
                    self.size.nodes += 1;
                }
                b']' | b'}' => self.open = self.open.saturating_sub(1),
                b',' => self.size.nodes += 1,
                _ => {}
            }
        }
    }

    /// The depth of the text, and at most how many values and bytes are in it.
    #[must_use]
    pub const fn size(&self) -> Size {
        let Size {
            depth,
            nodes,
            bytes,
        } = self.size;
        Size {
            depth,
            nodes: nodes + 1,
            bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Json, Limits, Value};

    #[test]
    fn no_value_is_larger_than_its_text_says() {
        for text in [
            "1",
            "[]",
            "{}",
            "[1,2,[3,{}]]",
            r#"{"a":{"b":[1]},"c":"]}[{,","d":"\"[\\"}"#,
            r#"["\\","[[[[","\\\"]"]"#,
        ] {
            let value = Value::parse(text, &Limits::default()).unwrap();
            let exact = value.measure(&Limits::default()).unwrap();
            for cut in 0..text.len() {
                let (one, two) = text.split_at(cut);
                let mut scan = Scan::default();
                scan.feed(one);
                scan.feed(two);
                let size = scan.size();
                assert_eq!(size.depth, exact.depth, "{text}");
                assert!(size.nodes >= exact.nodes, "{text}");
                assert_eq!(size.bytes, text.len());
            }
        }
    }
}
