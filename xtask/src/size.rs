//! The size of what a page has to load, against the budget in `js/size-budget.json`.

use serde_json::Value;

use crate::build;
use crate::measure::{Measure, tables};
use crate::process::{Outcome, expect_success, run_lines};
use crate::tools::Toolbox;

/// The case that a budget is about.
const TOTAL: &str = "total";

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

fn within(measures: &[Measure], budget: &str) -> Outcome {
    let budget: Value = serde_json::from_str(budget)
        .map_err(|error| format!("js/size-budget.json is not JSON: {error}"))?;
    let limits = budget.as_object().filter(|limits| !limits.is_empty());
    let limits = limits.ok_or("js/size-budget.json should be like { \"gzip\": 32768 }")?;
    let mut over = Vec::new();
    for (encoding, limit) in limits {
        let limit = limit
            .as_f64()
            .ok_or_else(|| format!("the {encoding} budget is no number"))?;
        let total = measures
            .iter()
            .find(|measure| measure.case == TOTAL && &measure.subject == encoding)
            .ok_or_else(|| format!("js/size-budget.json: nothing is measured as `{encoding}`"))?;
        if total.value > limit {
            over.push(format!("{encoding} {} B, allowed {limit} B", total.value));
        } else {
            eprintln!("{encoding}: {} of {limit} B", total.value);
        }
    }
    match over.as_slice() {
        [] => Ok(()),
        over => Err(format!(
            "the package is over its size budget: {}",
            over.join("; ")
        )),
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
        assert_eq!(check(r#"{"gzip": 1000}"#), Ok(()));
        let error = check(r#"{"gzip": 999}"#).unwrap_err();
        assert!(error.contains("gzip 1000 B, allowed 999 B"), "{error}");
    }

    #[test]
    fn a_budget_that_limits_nothing_is_an_error() {
        assert!(check("{}").is_err());
        assert!(
            check(r#"{"zstd": 1}"#)
                .unwrap_err()
                .contains("nothing is measured as `zstd`")
        );
    }
}
