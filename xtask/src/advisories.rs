//! Known vulnerabilities, where the list of them can be had.

use std::time::Duration;

use crate::process::{Outcome, expect_success, run, run_within};
use crate::tools::Toolbox;

/// How long fetching the advisory database may take: some closed networks drop what others refuse.
const FETCH: Duration = Duration::from_secs(60);

/// Bans, licences and sources always; advisories where their database is reachable.
pub(crate) fn check(toolbox: &Toolbox) -> Outcome {
    let deny = |line: &str| {
        let mut command = toolbox.command("cargo");
        command.arg("deny").args(line.split(' '));
        command
    };
    run(&mut deny("check bans licenses sources"))?;
    let fetched = run_within(&mut deny("fetch db"), FETCH)?;
    if fetched.is_none_or(|status| !status.success()) {
        eprintln!(
            "advisories: NOT checked, their database is not reachable from here \
             (bans, licenses and sources were)"
        );
        return Ok(());
    }
    let mut advisories = deny("check --disable-fetch advisories");
    let status = run_within(&mut advisories, FETCH)?.ok_or("cargo deny did not end")?;
    expect_success(&advisories, status)?;
    eprintln!("advisories: checked");
    Ok(())
}
