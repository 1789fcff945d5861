//! [`Report`]: what was measured, medians of it, and what is expected.

use serde_json::json;

use crate::{scenario::Scenario, session::Transport, subject::Subject};

/// What was measured in one scenario.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    /// Whom it is measured of now.
    pub(crate) subject: Option<Subject>,
}

/// One figure of one subject, from every round.
struct Row {
    suite: String,
    case: String,
    subject: Subject,
    unit: &'static str,
    values: Vec<f64>,
}

/// What ours is expected to be.
struct Goal {
    what: String,
    case: String,
    figure: Figure,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Figure {
    /// Our own.
    Ours,
    /// Ours, where the bare server's is 1.
    TimesBare,
    /// A peer's, where ours is 1.
    TimesOurs(Subject),
}

#[derive(Clone, Copy)]
enum Bound {
    Most(f64),
    Least(f64),
}

impl Report {
    /// Adds a figure of the subject that is measured now.
    pub(crate) fn add(&mut self, suite: &str, case: &str, value: f64, unit: &'static str) {
        let Some(subject) = self.subject else {
            return;
        };
        let known = self
            .rows
            .iter_mut()
            .find(|row| row.suite == suite && row.case == case && row.subject == subject);
        match known {
            Some(row) => row.values.push(value),
            None => self.rows.push(Row {
                suite: suite.to_owned(),
                case: case.to_owned(),
                subject,
                unit,
                values: vec![value],
            }),
        }
    }

    /// Prints the medians, what they come to beside each other, and what is expected of them.
    pub(crate) fn print(&mut self, scenario: Scenario) {
        for row in &mut self.rows {
            row.values.sort_by(f64::total_cmp);
        }
        for row in &self.rows {
            let line = json!({
                "suite": row.suite, "case": row.case, "subject": row.subject.to_string(),
                "value": row.median(), "unit": row.unit,
                "low": row.values.first(), "high": row.values.last(),
            });
            println!("{line}");
        }
        // Behind all subjects, so that the columns come in this order.
        for row in &self.rows {
            let (figure, name) = match row.subject {
                Subject::Bare => continue,
                Subject::Ours => (Figure::TimesBare, "mirrorball / bare".to_owned()),
                peer => (Figure::TimesOurs(peer), format!("{peer} / mirrorball")),
            };
            if let Some(value) = self.figure(&row.case, figure) {
                let line = json!({
                    "suite": row.suite, "case": row.case, "subject": name,
                    "value": value, "unit": "×",
                });
                println!("{line}");
            }
        }
        for Goal {
            what,
            case,
            figure,
            bound,
        } in goals(scenario)
        {
            let Some(value) = self.figure(&case, figure) else {
                continue;
            };
            let unit = match figure {
                Figure::Ours => self.row(&case, Subject::Ours).map_or("", |row| row.unit),
                Figure::TimesBare | Figure::TimesOurs(_) => "×",
            };
            let (name, limit) = match bound {
                Bound::Most(limit) => ("most", limit),
                Bound::Least(limit) => ("least", limit),
            };
            let line = json!({
                "suite": "what is expected", "case": what, "subject": "measured",
                "value": value, "unit": unit, name: limit,
            });
            println!("{line}");
        }
    }

    fn row(&self, case: &str, subject: Subject) -> Option<&Row> {
        self.rows
            .iter()
            .find(|row| row.case == case && row.subject == subject)
    }

    fn figure(&self, case: &str, figure: Figure) -> Option<f64> {
        let of = |subject| Some(self.row(case, subject)?.median());
        let ours = of(Subject::Ours)?;
        let value = match figure {
            Figure::Ours => ours,
            Figure::TimesBare => ours / of(Subject::Bare)?,
            Figure::TimesOurs(peer) => of(peer)? / ours,
        };
        value.is_finite().then_some(value)
    }
}

impl Row {
    fn median(&self) -> f64 {
        self.values
            .get(self.values.len() / 2)
            .copied()
            .unwrap_or_default()
    }
}

fn goals(scenario: Scenario) -> Vec<Goal> {
    let goal = |what: String, case: String, figure, bound| Goal {
        what,
        case,
        figure,
        bound,
    };
    match scenario {
        Scenario::FanOut(size) => {
            let cpu = format!("server CPU for each state delivered, {size} connections");
            let mut goals = vec![
                goal(
                    format!("fan-out to {size}: beside bare"),
                    cpu.clone(),
                    Figure::TimesBare,
                    Bound::Most(1.5),
                ),
                goal(
                    format!("fan-out to {size}: hat-juggler beside it"),
                    cpu,
                    Figure::TimesOurs(Subject::Hat),
                    Bound::Least(15.0),
                ),
                goal(
                    format!("fan-out to {size}: states delivered in time"),
                    format!("states delivered in time, {size} connections"),
                    Figure::Ours,
                    Bound::Least(100.0),
                ),
            ];
            if size == 1_000 {
                goals.push(goal(
                    format!("fan-out to {size}: latency p99 beside bare"),
                    format!("latency p99, {size} connections"),
                    Figure::TimesBare,
                    Bound::Most(2.0),
                ));
            }
            goals
        }
        Scenario::Change(leaves) => vec![goal(
            format!("one of {leaves} leaves changed: server CPU"),
            format!("server CPU for each change, 1 of {leaves} leaves"),
            Figure::Ours,
            Bound::Most(40.0),
        )],
        Scenario::Request => vec![goal(
            "a request: server CPU beside bare".to_owned(),
            "server CPU for each request".to_owned(),
            Figure::TimesBare,
            Bound::Most(1.5),
        )],
        Scenario::Connect(_) => vec![
            goal(
                "handshakes with first state".to_owned(),
                "handshakes with first state".to_owned(),
                Figure::Ours,
                Bound::Least(2_000.0),
            ),
            goal(
                "memory of an idle connection".to_owned(),
                "memory of each when idle".to_owned(),
                Figure::Ours,
                Bound::Most(10.0),
            ),
        ],
        Scenario::Publish(transport, size) => {
            let who = format!("{size} sessions, {transport}");
            let cpu = format!("server CPU for each event delivered, {who}");
            let mut goals = vec![goal(
                format!("events to {who}: arrived"),
                format!("events that arrived, {who}"),
                Figure::Ours,
                Bound::Least(100.0),
            )];
            match transport {
                Transport::WebSocket => goals.push(goal(
                    format!("events to {who}: beside bare"),
                    cpu,
                    Figure::TimesBare,
                    Bound::Most(1.5),
                )),
                Transport::LongPolling if size == 1_000 => goals.push(goal(
                    format!("events to {who}: server CPU"),
                    cpu,
                    Figure::Ours,
                    Bound::Most(20.0),
                )),
                Transport::LongPolling => {}
            }
            goals
        }
        Scenario::Rooms { size, .. } => vec![
            goal(
                format!("events to {size} sessions in rooms: arrived"),
                "events that arrived".to_owned(),
                Figure::Ours,
                Bound::Least(100.0),
            ),
            goal(
                format!("events to {size} sessions in rooms: beside bare"),
                "server CPU for each event delivered".to_owned(),
                Figure::TimesBare,
                Bound::Most(1.5),
            ),
        ],
        Scenario::Idle(transport, size) => vec![goal(
            format!("memory of an idle session, {transport}"),
            format!("memory of each of {size}, {transport}"),
            Figure::Ours,
            Bound::Most(12.0),
        )],
    }
}
