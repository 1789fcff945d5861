//! A broker whose clients, application, network and clock do anything.
//!
//! A script says what happens, one step a line: a letter for the kind of step, digits that pick who and how, and what is said.
//! After each step the broker is compared with what it told and with its bounds; in the end everything is delivered, nobody
//! waits in vain, and nothing is left.

mod actions;
mod bench;
mod ending;
mod queues;

use self::bench::Bench;

/// Plays a script; its first line says how the broker is configured.
pub fn bayeux_broker(data: &[u8]) {
    let mut lines = super::lines(data);
    let mut bench = Bench::new(&lines.next().unwrap_or_default());
    for line in lines {
        bench.act(&line);
        bench.check();
    }
    bench.end();
}
