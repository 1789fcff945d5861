//! Measurements as the benchmarks print them, and the tables made of them.

use std::fmt::Write;

use serde_json::Value;

use crate::process::Outcome;

/// The subject that the others are compared with, where a suite has it.
const FLOOR: &str = "hand";

/// One number: `{"suite": …, "case": …, "subject": …, "value": number, "unit": …}`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measure {
    pub(crate) suite: String,
    pub(crate) case: String,
    pub(crate) subject: String,
    pub(crate) value: f64,
    pub(crate) unit: String,
}

impl Measure {
    /// Reads one line of a benchmark's output.
    pub(crate) fn parse(line: &str) -> Outcome<Self> {
        let object: Value = serde_json::from_str(line)
            .map_err(|error| format!("a benchmark printed what is not JSON ({error}): {line}"))?;
        let field = |name: &str| {
            object[name]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| format!("a measurement has no string `{name}`: {line}"))
        };
        Ok(Self {
            suite: field("suite")?,
            case: field("case")?,
            subject: field("subject")?,
            value: object["value"]
                .as_f64()
                .ok_or_else(|| format!("a measurement has no number `value`: {line}"))?,
            unit: field("unit")?,
        })
    }

    /// The same as JSON.
    pub(crate) fn to_json(&self) -> Value {
        serde_json::json!({
            "suite": self.suite,
            "case": self.case,
            "subject": self.subject,
            "value": self.value,
            "unit": self.unit,
        })
    }
}

/// One table per suite: a row per case, a column per subject, everything in order of appearance.
pub(crate) fn tables(measures: &[Measure]) -> String {
    let mut text = String::new();
    for suite in unique(measures.iter().map(|measure| &measure.suite)) {
        let rows: Vec<&Measure> = measures.iter().filter(|m| &m.suite == suite).collect();
        if !text.is_empty() {
            text.push('\n');
        }
        table(suite, &rows, &mut text);
    }
    text
}

fn table(suite: &str, measures: &[&Measure], text: &mut String) {
    let subjects = unique(measures.iter().map(|measure| &measure.subject));
    let mut grid = vec![vec![suite.to_owned()]];
    grid[0].extend(subjects.iter().map(|subject| (*subject).clone()));
    for case in unique(measures.iter().map(|measure| &measure.case)) {
        let of = |subject: &str| {
            measures
                .iter()
                .find(|m| &m.case == case && m.subject == subject)
                .copied()
        };
        let floor = of(FLOOR);
        let cells = subjects.iter().map(|subject| match (of(subject), floor) {
            (None, _) => "—".to_owned(),
            (Some(m), Some(floor)) if m.subject != FLOOR && m.unit == floor.unit => {
                format!(
                    "{} {} (×{})",
                    number(m.value),
                    m.unit,
                    number(m.value / floor.value)
                )
            }
            (Some(m), _) => format!("{} {}", number(m.value), m.unit),
        });
        grid.push(std::iter::once(case.clone()).chain(cells).collect());
    }
    let width = |column: usize| {
        grid.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..grid[0].len()).map(width).collect();
    for (index, row) in grid.iter().enumerate() {
        let _ = write!(text, "{:<1$}", row[0], widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
        if index == 0 {
            let rule = widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
            let _ = writeln!(text, "{}", "─".repeat(rule));
        }
    }
}

/// Three significant digits, or all of a whole number.
fn number(value: f64) -> String {
    if value.fract() == 0.0 {
        return format!("{value}");
    }
    let decimals = match value.abs() {
        large if large >= 100.0 => 0,
        large if large >= 10.0 => 1,
        large if large >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

fn unique<'a>(values: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
    let mut seen = Vec::new();
    for value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measures(lines: &[&str]) -> Vec<Measure> {
        lines
            .iter()
            .map(|line| Measure::parse(line).unwrap())
            .collect()
    }

    #[test]
    fn subjects_become_columns_and_are_compared_with_the_floor() {
        let table = tables(&measures(&[
            r#"{"suite":"patch","case":"leaf","subject":"hand","value":1.04,"unit":"µs"}"#,
            r#"{"suite":"patch","case":"leaf","subject":"mirrorball","value":2.08,"unit":"µs"}"#,
            r#"{"suite":"patch","case":"rows","subject":"mirrorball","value":370,"unit":"µs"}"#,
            r#"{"suite":"size","case":"total","subject":"gzip","value":20000,"unit":"B"}"#,
        ]));
        let expected = "\
patch     hand    mirrorball
────────────────────────────
leaf   1.04 µs  2.08 µs (×2)
rows         —        370 µs

size      gzip
──────────────
total  20000 B
";
        assert_eq!(table, expected);
    }

    #[test]
    fn what_breaks_the_contract_is_shown() {
        let error = Measure::parse("Debugger attached").unwrap_err();
        assert!(
            error.contains("not JSON") && error.contains("Debugger attached"),
            "{error}"
        );
        let error = Measure::parse(r#"{"suite":"s","case":"c","subject":"x","unit":"B"}"#);
        assert!(error.unwrap_err().contains("no number `value`"));
        let error = Measure::parse(r#"{"suite":"s","case":1}"#).unwrap_err();
        assert!(error.contains("no string `case`"), "{error}");
    }

    #[test]
    fn json_round_trips() {
        let line = r#"{"suite":"s","case":"c","subject":"x","value":1.5,"unit":"ms"}"#;
        let measure = Measure::parse(line).unwrap();
        assert_eq!(
            Measure::parse(&measure.to_json().to_string()).unwrap(),
            measure
        );
    }
}
