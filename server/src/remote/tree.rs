//! A state as a tree for people, with what is new in it marked.

use mirrorball_server::Value;

use super::escape;

/// What a change looks like.
const NEW: &str = "\x1b[1;33m";
const PLAIN: &str = "\x1b[0m";

/// The lines of a tree.
#[derive(Debug)]
pub(super) struct Tree {
    lines: Vec<String>,
    /// How many lines there may be.
    limit: usize,
    colour: bool,
    /// Whether there is more than that.
    cut: bool,
}

impl Tree {
    /// The first `limit` lines of `value`, with what differs from `before` marked by `*`, and what was not there by
    /// `+`; the last line says where there are more.
    pub(super) fn draw(
        before: Option<&Value>,
        value: &Value,
        limit: usize,
        colour: bool,
    ) -> Vec<String> {
        let mut tree = Self {
            lines: Vec::new(),
            limit: limit.max(1),
            colour,
            cut: false,
        };
        // What is there at first is not new.
        let before = before.unwrap_or(value);
        if value.is_container() {
            tree.members(Some(before), value, 0);
        } else {
            tree.leaf(Some(before), None, value, 0);
        }
        if tree.cut {
            tree.lines.pop();
            tree.lines.push("  …".to_owned());
        }
        tree.lines
    }

    fn members(&mut self, before: Option<&Value>, value: &Value, level: usize) {
        let is_empty = match value {
            Value::Array(array) => array.is_empty(),
            Value::Object(object) => object.is_empty(),
            _ => false,
        };
        if is_empty {
            self.leaf(before, None, value, level);
        }
        match value {
            Value::Object(object) => {
                for (key, member) in object.iter() {
                    let old = before.and_then(|before| before.get(key));
                    let key = escape(Value::from(key).to_text().trim_matches('"'));
                    if !self.member(old, &key, member, level) {
                        return;
                    }
                }
            }
            Value::Array(array) => {
                let before = before.and_then(Value::as_array);
                for (index, item) in array.iter().enumerate() {
                    let old = before.and_then(|before| before.get(index));
                    if !self.member(old, &index.to_string(), item, level) {
                        return;
                    }
                }
            }
            _ => {}
        }
    }

    /// Returns whether there is room for another one.
    fn member(&mut self, before: Option<&Value>, key: &str, value: &Value, level: usize) -> bool {
        if value.is_container() && width(value) > 0 {
            // Of what is gone only the place is left to be marked.
            let mark = match before {
                None => '+',
                Some(before) if width(before) > width(value) => '*',
                Some(_) => ' ',
            };
            self.push(mark, level, &format!("{key}:"));
            if !self.cut {
                self.members(before, value, level + 1);
            }
        } else {
            self.leaf(before, Some(key), value, level);
        }
        !self.cut
    }

    fn leaf(&mut self, before: Option<&Value>, key: Option<&str>, value: &Value, level: usize) {
        let mark = match before {
            None => '+',
            Some(before) if before == value => ' ',
            Some(_) => '*',
        };
        let value = escape(&value.to_text());
        let text = key.map_or_else(|| value.clone(), |key| format!("{key}: {value}"));
        self.push(mark, level, &text);
    }

    fn push(&mut self, mark: char, level: usize, text: &str) {
        if self.lines.len() == self.limit {
            self.cut = true;
            return;
        }
        let line = format!("{mark} {}{text}", "  ".repeat(level));
        let marked = self.colour && mark != ' ';
        self.lines.push(if marked {
            format!("{NEW}{line}{PLAIN}")
        } else {
            line
        });
    }
}

/// How many members there are.
fn width(value: &Value) -> usize {
    match value {
        Value::Array(array) => array.len(),
        Value::Object(object) => object.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn draw(before: &str, after: &str, limit: usize) -> Vec<String> {
        Tree::draw(Some(&value(before)), &value(after), limit, false)
    }

    #[test]
    fn a_tree_is_indented_and_its_changes_are_marked() {
        let before = r#"{"a":{"b":1,"c":[1,{"d":2}],"gone":0},"e":{},"f":"x"}"#;
        let after = r#"{"a":{"b":2,"c":[1,{"d":2},3]},"e":{},"f":"x","g":{"h":null}}"#;
        assert_eq!(
            draw(before, after, 100),
            [
                "* a:",
                "*   b: 2",
                "    c:",
                "      0: 1",
                "      1:",
                "        d: 2",
                "+     2: 3",
                "  e: {}",
                "  f: \"x\"",
                "+ g:",
                "+   h: null",
            ]
        );
        let first = Tree::draw(None, &value(r#"{"a":[1]}"#), 9, true);
        assert_eq!(first, ["  a:", "    0: 1"]);
    }

    #[test]
    fn scalars_and_empty_containers_are_one_line() {
        assert_eq!(draw("1", "2", 9), ["* 2"]);
        assert_eq!(draw("[]", "[]", 9), ["  []"]);
        assert_eq!(draw("[1]", "{}", 9), ["* {}"]);
        assert_eq!(draw(r#"{"a":1}"#, r#"{"a":[]}"#, 9), ["* a: []"]);
        let coloured = Tree::draw(Some(&value("1")), &value("2"), 9, true);
        assert_eq!(coloured, ["\x1b[1;33m* 2\x1b[0m"]);
    }

    #[test]
    fn a_long_tree_is_cut() {
        let long = format!("[{}0]", "0,".repeat(100_000));
        let lines = draw(&long, &long, 4);
        assert_eq!(lines, ["  0: 0", "  1: 0", "  2: 0", "  …"]);
    }

    #[test]
    fn a_terminal_is_told_nothing_by_the_state() {
        let nasty = r#"{"\u001b[2J\u009b1m":"\u0007\u007f\u009b\n"}"#;
        let lines = draw(nasty, nasty, 9).concat();
        assert!(!lines.chars().any(char::is_control), "{lines:?}");
        assert_eq!(lines, r#"  \u001b[2J\u009b1m: "\u0007\u007f\u009b\n""#);
    }
}
