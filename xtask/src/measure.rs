//! Measurements as the benchmarks print them, and the tables made of them.

use std::fmt::Write;

use serde_json::Value;

use crate::process::Outcome;

/// The subject that the others are compared with, where a suite has it.
const FLOOR: &str = "hand";

/// One number: `{"suite": …, "case": …, "subject": …, "value": number, "unit": …}`, and where they are known
/// the extremes of all rounds, `"low"` and `"high"`, and what is expected of it, `"most"` or `"least"`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measure {
    pub(crate) suite: String,
    pub(crate) case: String,
    pub(crate) subject: String,
    pub(crate) value: f64,
    pub(crate) unit: String,
    pub(crate) extremes: Option<(f64, f64)>,
    pub(crate) bound: Option<Bound>,
}

/// What is expected of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    Most(f64),
    Least(f64),
}

impl Bound {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::Most(limit) => value <= limit,
            Self::Least(limit) => value >= limit,
        }
    }
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
            extremes: object["low"].as_f64().zip(object["high"].as_f64()),
            bound: match (object["most"].as_f64(), object["least"].as_f64()) {
                (Some(limit), _) => Some(Bound::Most(limit)),
                (None, limit) => limit.map(Bound::Least),
            },
        })
    }

    /// The same as JSON.
    pub(crate) fn to_json(&self) -> Value {
        let mut object = serde_json::json!({
            "suite": self.suite,
            "case": self.case,
            "subject": self.subject,
            "value": self.value,
            "unit": self.unit,
        });
        if let Some((low, high)) = self.extremes {
            object["low"] = low.into();
            object["high"] = high.into();
        }
        match self.bound {
            Some(Bound::Most(limit)) => object["most"] = limit.into(),
            Some(Bound::Least(limit)) => object["least"] = limit.into(),
            None => {}
        }
        if let Some(bound) = self.bound {
            object["met"] = bound.is_met(self.value).into();
        }
        object
    }

    /// The value as a table shows it, with its spread and with what is expected of it.
    fn cell(&self) -> String {
        let mut text = format!("{} {}", number(self.value), self.unit);
        if let Some((low, high)) = self.extremes.filter(|(low, high)| low < high) {
            let _ = write!(text, " ±{:.0}%", 50.0 * (high - low) / self.value);
        }
        if let Some(bound) = self.bound {
            let (name, limit) = match bound {
                Bound::Most(limit) => ("at most", limit),
                Bound::Least(limit) => ("at least", limit),
            };
            let verdict = if bound.is_met(self.value) {
                "met"
            } else {
                "MISSED"
            };
            let _ = write!(text, ", {name} {}: {verdict}", number(limit));
        }
        text
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
            (Some(m), _) => m.cell(),
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
    fn spread_and_expectation_are_shown() {
        let table = tables(&measures(&[
            r#"{"suite":"s","case":"a","subject":"m","value":10.5,"low":10,"high":12.1,"unit":"µs"}"#,
            r#"{"suite":"s","case":"b","subject":"m","value":1.51,"most":1.5,"unit":"×"}"#,
            r#"{"suite":"s","case":"c","subject":"m","value":2000,"least":2000,"unit":"/s"}"#,
        ]));
        let expected = "\
s                             m
───────────────────────────────
a                  10.5 µs ±10%
b  1.51 ×, at most 1.50: MISSED
c   2000 /s, at least 2000: met
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
        for line in [
            r#"{"suite":"s","case":"c","subject":"x","value":1.5,"unit":"ms"}"#,
            r#"{"suite":"s","case":"c","subject":"x","value":1.5,"unit":"ms","low":1,"high":2,"most":3}"#,
        ] {
            let measure = Measure::parse(line).unwrap();
            assert_eq!(
                Measure::parse(&measure.to_json().to_string()).unwrap(),
                measure
            );
        }
    }
}
