//! The size of what a page has to load, against the budget in `js/size-budget.json`.

use std::collections::BTreeMap;

use crate::build;
use crate::measure::{Measure, tables};
use crate::process::{Outcome, expect_success, run_lines};
use crate::tools::Toolbox;

/// Builds the package and measures it: raw, gzip and brotli.
pub(crate) fn measure(toolbox: &Toolbox) -> Outcome<Vec<Measure>> {
    build::package(toolbox)?;
    let mut command = toolbox.command("node");
    let mut lines = Vec::new();
    let status = run_lines(command.args(["xtask/sizes.mjs", "js/dist"]), |line| {
        lines.push(Measure::parse(line));
    })?;
    expect_success(&command, status)?;
    lines.into_iter().collect()
}

/// Fails where the package is over its budget.
pub(crate) fn check(toolbox: &Toolbox) -> Outcome {
    let measures = measure(toolbox)?;
    eprint!("{}", tables(&measures));
    let path = toolbox.workspace().path("js/size-budget.json");
    let budget = std::fs::read_to_string(&path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    within(&measures, &budget)
}

/// Compares what was measured with a budget: for each case, the most bytes in each encoding.
fn within(measures: &[Measure], budget: &str) -> Outcome {
    const SHAPE: &str = "js/size-budget.json should be like { \"total\": { \"gzip\": 32768 } }";
    let budget: BTreeMap<String, BTreeMap<String, f64>> =
        serde_json::from_str(budget).map_err(|error| format!("{SHAPE}: {error}"))?;
    let limits: Vec<_> = budget
        .iter()
        .flat_map(|(case, limits)| {
            limits
                .iter()
                .map(move |(encoding, limit)| (case, encoding, limit))
        })
        .collect();
    if limits.is_empty() {
        return Err(SHAPE.into());
    }
    let mut over = Vec::new();
    for (case, encoding, limit) in limits {
        let measured = measures
            .iter()
            .find(|measure| &measure.case == case && &measure.subject == encoding)
            .ok_or_else(|| format!("js/size-budget.json: no {case} is measured as `{encoding}`"))?;
        let line = format!("{case}, {encoding}: {} of {limit} B", measured.value);
        if measured.value > *limit {
            over.push(line);
        } else {
            eprintln!("{line}");
        }
    }
    match over.as_slice() {
        [] => Ok(()),
        over => Err(format!("over the size budget: {}", over.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(budget: &str) -> Outcome {
        let line = r#"{"suite":"size","case":"total","subject":"gzip","value":1000,"unit":"B"}"#;
        within(&[Measure::parse(line).unwrap()], budget)
    }

    #[test]
    fn the_limit_is_allowed_and_one_byte_more_is_not() {
        assert_eq!(check(r#"{"total": {"gzip": 1000}}"#), Ok(()));
        let error = check(r#"{"total": {"gzip": 999}}"#).unwrap_err();
        assert!(error.contains("total, gzip: 1000 of 999 B"), "{error}");
    }

    #[test]
    fn a_budget_that_limits_nothing_is_an_error() {
        for nothing in ["{}", r#"{"total": {}}"#, r#"{"gzip": 1000}"#] {
            assert!(check(nothing).is_err(), "{nothing}");
        }
        let error = check(r#"{"total": {"zstd": 1}}"#).unwrap_err();
        assert!(error.contains("no total is measured as `zstd`"), "{error}");
        assert!(check(r#"{"other": {"gzip": 1000}}"#).is_err());
    }
}
