//! Counting what test runners report.

use std::ops::AddAssign;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

impl Tally {
    /// Reads one line of a runner's output: cargo's and wasm-bindgen-test's `test result: …`, or
    /// one of the lines that close node's report. Any other line adds nothing.
    pub(crate) fn of_line(line: &str) -> Self {
        let mut tally = Self::default();
        if let Some(counts) = line.trim_start().strip_prefix("test result: ") {
            for part in counts.split(['.', ';']) {
                match part.trim().split_once(' ') {
                    Some((number, "passed")) => tally.passed = number.parse().unwrap_or(0),
                    Some((number, "failed")) => tally.failed = number.parse().unwrap_or(0),
                    _ => {}
                }
            }
        } else if let Some((name, number)) = line
            .strip_prefix("ℹ ")
            .and_then(|rest| rest.split_once(' '))
        {
            let number = number.parse().unwrap_or(0);
            match name {
                "pass" => tally.passed = number,
                // Cancelled: a hook failed or the time ran out before the test could.
                "fail" | "cancelled" => tally.failed = number,
                _ => {}
            }
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(output: &str, passed: u64, failed: u64) {
        let mut tally = Tally::default();
        output
            .lines()
            .for_each(|line| tally += Tally::of_line(line));
        assert_eq!(tally, Tally { passed, failed }, "{output}");
    }

    #[test]
    fn cargo_reports_once_per_binary() {
        check(
            "running 2 tests\ntest a ... ok\n\n\
             test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             test result: FAILED. 10 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s",
            12,
            3,
        );
    }

    #[test]
    fn wasm_bindgen_test_says_the_same_with_fewer_counts() {
        check(
            "test result: ok. 7 passed; 0 failed; 0 ignored; 0 filtered out; finished in 0.01s",
            7,
            0,
        );
        check(
            "    test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 filtered out",
            1,
            1,
        );
    }

    #[test]
    fn node_closes_with_one_line_per_count() {
        check(
            "✔ works (1.2ms)\nℹ tests 6\nℹ suites 2\nℹ pass 3\nℹ fail 1\nℹ cancelled 2\nℹ skipped 0\nℹ todo 0",
            3,
            3,
        );
    }

    #[test]
    fn other_lines_count_nothing() {
        check("3 passed, 4 failed\npass 3\nℹ passing 3\ntest result", 0, 0);
    }
}
