//! `mirrorball demo`: mirrors this host's metrics.
//!
//! Measuring blocks, so it has a thread of its own. That thread alone knows the view and the period;
//! requests reach it as commands, one after the other, between two samples.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use mirrorball_server::{Juggler, RequestError, State, Value, origin::Origins, to_value};
use serde::Serialize;
use serde_json::json;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::{
    host::{Crossing, ProcessView, SETTLE, Sampler, Threshold, ViewChange},
    settings::PERIODS,
};

/// Requests that wait for the sampler; one more is refused.
const COMMANDS_MAX: usize = 64;
/// Percent of the processor above which everybody is told.
const CPU_LIMIT: f64 = 90.0;
/// How long it has to stay above, or below again.
const CPU_HOLD: Duration = Duration::from_secs(3);

/// This host's metrics, mirrored for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Demo {
    juggler: Juggler,
    commands: SyncSender<Command>,
}

/// The demo cannot be started.
#[derive(Debug, Error)]
pub(crate) enum DemoError {
    /// There is nothing to show.
    #[error("this host cannot be measured: {0}")]
    Unsupported(#[from] sysinfo::Error),
    /// There is no thread to measure on.
    #[error("no thread for the measurements: {0}")]
    Thread(#[from] std::io::Error),
}

/// What requests ask the sampler for.
#[derive(Debug)]
enum Command {
    SetView(ViewChange, oneshot::Sender<ProcessView>),
    SetPeriod(Duration, oneshot::Sender<()>),
    Stop,
}

impl Demo {
    /// Starts to measure, and to mirror what is measured to pages of these origins.
    ///
    /// # Errors
    ///
    /// Where this operating system is not supported, or no thread can be had.
    pub(crate) fn start(period: Duration, origins: Origins) -> Result<Self, DemoError> {
        let sampler = Sampler::new()?;
        let (commands, received) = sync_channel(COMMANDS_MAX);
        let state = State::default();
        let requests = commands.clone();
        let juggler = Juggler::builder(state.clone())
            .origins(origins)
            // A sample is one change: there is nothing to wait for.
            .autoflush_delay(Some(Duration::ZERO))
            .on_request(move |_, name, data| answer(requests.clone(), name, data))
            .build();
        let mut mirror = Mirror {
            sampler,
            state,
            juggler: juggler.clone(),
            period,
            view: ProcessView::default(),
            cpu: Threshold::new(CPU_LIMIT, CPU_HOLD),
        };
        thread::Builder::new()
            .name("sampler".into())
            .spawn(move || mirror.run(&received))?;
        Ok(Self { juggler, commands })
    }

    /// The service that mirrors it.
    pub(crate) fn juggler(&self) -> &Juggler {
        &self.juggler
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // A sampler that does not even take commands any more ends with the process.
        let _ = self.commands.try_send(Command::Stop);
    }
}

/// The sampler's thread.
struct Mirror {
    sampler: Sampler,
    state: State,
    juggler: Juggler,
    period: Duration,
    view: ProcessView,
    cpu: Threshold,
}

impl Mirror {
    /// Samples, and obeys commands in between, until it is told to stop.
    fn run(&mut self, commands: &Receiver<Command>) {
        thread::sleep(SETTLE);
        let mut next = Instant::now();
        loop {
            // At most one of each a turn, so that neither samples nor commands wait for ever.
            if Instant::now() >= next {
                self.sample();
                // Samples that were missed are not made up for.
                next = (next + self.period).max(Instant::now());
            }
            let wait = next.saturating_duration_since(Instant::now());
            match commands.recv_timeout(wait) {
                // Whoever asked may be gone.
                Ok(Command::SetView(change, reply)) => {
                    self.view.apply(change);
                    self.show("/processes", &self.sampler.processes(&self.view));
                    let _ = reply.send(self.view.clone());
                }
                Ok(Command::SetPeriod(period, reply)) => {
                    self.period = period;
                    next = next.min(Instant::now() + period);
                    self.show("/sample/period", &period.as_millis());
                    let _ = reply.send(());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn sample(&mut self) {
        let (sample, events) = self.sampler.sample(self.period, &self.view);
        self.show("", &sample);
        for event in &events {
            self.notify("process", event);
        }
        let value = sample.cpu.total;
        if let Some(crossing) = self.cpu.update(Instant::now(), value) {
            let state = match crossing {
                Crossing::Crossed => "crossed",
                Crossing::Cleared => "cleared",
            };
            self.notify(
                "threshold",
                &json!({
                    "metric": "cpu",
                    "value": value,
                    "limit": CPU_LIMIT,
                    "seconds": CPU_HOLD.as_secs(),
                    "state": state,
                }),
            );
        }
    }

    fn show(&self, path: &str, data: &impl Serialize) {
        let shown = to_value(data)
            .map_err(|error| error.to_string())
            .and_then(|value| {
                self.state
                    .set(path, value)
                    .map_err(|error| error.to_string())
            });
        if let Err(error) = shown {
            tracing::error!(path, error, "a measurement cannot be shown");
        }
    }

    fn notify(&self, name: &str, data: &impl Serialize) {
        match to_value(data) {
            Ok(data) => self.juggler.notify(name, &data),
            Err(error) => tracing::error!(name, %error, "a notification cannot be sent"),
        }
    }
}

/// Answers a client's request.
async fn answer(
    commands: SyncSender<Command>,
    name: String,
    data: Value,
) -> Result<Value, RequestError> {
    let invalid = |what: &dyn std::fmt::Display| failure("invalid-data", what);
    let json = || serde_json::to_value(&data).map_err(|error| invalid(&error));
    match name.as_str() {
        "set-view" => {
            let change = ViewChange::from_json(&json()?).map_err(|error| invalid(&error))?;
            let view = ask(&commands, |reply| Command::SetView(change, reply)).await?;
            to_value(&view).map_err(RequestError::new)
        }
        "set-period" => {
            let period = period(&json()?).ok_or_else(|| {
                let (least, most) = PERIODS.into_inner();
                invalid(&format_args!(
                    "expected {{\"milliseconds\": n}}, a whole number from {least} to {most}"
                ))
            })?;
            ask(&commands, |reply| Command::SetPeriod(period, reply)).await?;
            Ok(data)
        }
        "fail" => Err(failure(
            "demo-failure",
            &"this request always fails, to show what that is like",
        )),
        other => Err(RequestError::unknown(other)),
    }
}

/// Has the sampler's thread carry out a command.
async fn ask<T>(
    commands: &SyncSender<Command>,
    command: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> Result<T, RequestError> {
    let (reply, answer) = oneshot::channel();
    let busy = |_| failure("busy", &"the sampler is busy or has ended: try again later");
    commands.try_send(command(reply)).map_err(busy)?;
    answer
        .await
        .map_err(|_| failure("busy", &"the sampler has ended: start the server anew"))
}

/// Reads `{"milliseconds": n}`.
fn period(data: &serde_json::Value) -> Option<Duration> {
    let data = data.as_object().filter(|data| data.len() == 1)?;
    let milliseconds = data.get("milliseconds")?.as_u64();
    milliseconds
        .filter(|milliseconds| PERIODS.contains(milliseconds))
        .map(Duration::from_millis)
}

fn failure(code: &str, message: &dyn std::fmt::Display) -> RequestError {
    RequestError::with_data(&json!({ "code": code, "message": message.to_string() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &serde_json::Value) -> Value {
        Value::from(json.clone())
    }

    /// The code and the message of a failed request.
    fn told(error: &RequestError) -> (String, String) {
        let data = serde_json::to_value(error.data()).unwrap();
        let text = |name: &str| data[name].as_str().unwrap().to_owned();
        (text("code"), text("message"))
    }

    async fn changed(
        state: &State,
        enough: impl Fn(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        let mut changes = state.changes();
        let wait = async {
            loop {
                let state = serde_json::to_value(state.snapshot()).unwrap();
                if enough(&state) {
                    return state;
                }
                changes.next().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn mirrors_samples_and_obeys() {
        let demo = Demo::start(Duration::from_secs(10), Origins::default()).unwrap();
        let state = demo.juggler().state().cloned().unwrap();
        let ask = async |name: &str, data: serde_json::Value| {
            answer(demo.commands.clone(), name.to_owned(), value(&data)).await
        };

        // Asked before there is anything to show, answered after.
        let view = ask("set-view", json!({"limit": 3})).await.unwrap();
        let all = json!({"sort": "cpu", "descending": true, "filter": "", "limit": 3});
        assert_eq!(view, value(&all));
        let first = serde_json::to_value(state.snapshot()).unwrap();
        assert_eq!(first["sample"]["count"], 1);
        assert_eq!(first["processes"]["view"], all);
        assert_eq!(first["processes"]["order"].as_array().unwrap().len(), 3);

        let own = std::process::id();
        ask(
            "set-view",
            json!({"sort": "pid", "filter": own.to_string()}),
        )
        .await
        .unwrap();
        let now = serde_json::to_value(state.snapshot()).unwrap();
        assert_eq!(now["processes"]["order"], json!([own]));
        assert_eq!(now["sample"]["count"], 1, "a view needs no new sample");

        let period = ask("set-period", json!({"milliseconds": 100}))
            .await
            .unwrap();
        assert_eq!(period, value(&json!({"milliseconds": 100})));
        let later = changed(&state, |state| state["sample"]["count"].as_u64() > Some(3)).await;
        assert_eq!(later["sample"]["period"], 100);
        assert_eq!(later["processes"]["view"]["sort"], "pid");
    }

    #[tokio::test]
    async fn says_what_was_expected() {
        let (commands, _received) = sync_channel(1);
        let cases = [
            (
                "set-view",
                json!({"sort": "size"}),
                "invalid-data",
                "cpu, memory, name, pid",
            ),
            (
                "set-view",
                json!(7),
                "invalid-data",
                "expected an object with any of",
            ),
            (
                "set-period",
                json!({"milliseconds": 99}),
                "invalid-data",
                "from 100 to 10000",
            ),
            (
                "set-period",
                json!({"milliseconds": 10001}),
                "invalid-data",
                "from 100 to 10000",
            ),
            (
                "set-period",
                json!({"milliseconds": "250"}),
                "invalid-data",
                "\"milliseconds\": n",
            ),
            (
                "set-period",
                json!({"milliseconds": 250, "x": 1}),
                "invalid-data",
                "expected {",
            ),
            ("set-period", json!(250), "invalid-data", "expected {"),
            ("fail", json!(null), "demo-failure", "always fails"),
            ("format-disk", json!(null), "unknown-request", "format-disk"),
        ];
        for (name, data, code, part) in cases {
            let error = answer(commands.clone(), name.to_owned(), value(&data))
                .await
                .unwrap_err();
            let (told_code, message) = told(&error);
            assert_eq!(told_code, code, "{name} {data}");
            assert!(message.contains(part), "{message}");
        }
    }

    #[tokio::test]
    async fn refuses_more_than_it_can_take() {
        let (commands, received) = sync_channel(1);
        let ask = || answer(commands.clone(), "set-view".to_owned(), value(&json!({})));
        let waiting = tokio::spawn(ask());
        tokio::task::yield_now().await;
        assert_eq!(told(&ask().await.unwrap_err()).0, "busy");
        drop(received);
        assert_eq!(told(&waiting.await.unwrap().unwrap_err()).0, "busy");
        assert_eq!(told(&ask().await.unwrap_err()).0, "busy");
    }
}
