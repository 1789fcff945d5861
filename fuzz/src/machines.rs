//! Both ends of a connection, with a peer that says anything.

use std::time::Duration;

use mirrorball_protocol::{
    Machine,
    json::{Value, diff},
    juggler::{
        Client, Server,
        client::{ClientEvent, ClientOptions, State},
        message,
        server::{ServerEvent, ServerOptions},
    },
    machine::{Input, Output},
    time::Instant,
};

/// What a request asks.
const ASK: &str = r#""name":"ask","data":[1],"key":"k""#;

/// The most messages that one input may be: enough for what takes several to go wrong.
const MESSAGES: usize = 64;

/// The messages in `data`: what is between line feeds.
fn messages(data: &[u8]) -> Vec<String> {
    let text = super::text(data);
    text.split('\n').take(MESSAGES).map(str::to_owned).collect()
}

/// A server's connection to a client that says anything: every request is answered once, nothing grows past its
/// bound, and after the end there is nothing more.
pub fn server(data: &[u8]) {
    let mut options = ServerOptions::default();
    options.assembly.message_bytes = 2_000;
    options.assembly.segments = 8;
    options.max_pending_requests = 4;
    options.send_queue_size = 16;
    let mut server = Server::<String>::new(options, Instant::default());
    server.set_state(Value::from("state"));
    let mut closed = false;
    for (index, text) in messages(data).into_iter().enumerate() {
        let now = Instant::default() + Duration::from_millis(50 * index as u64);
        server.handle(Input::Text { attempt: 0, text }, now);
        let mut asked = Vec::new();
        while let Some(output) = server.poll() {
            assert!(!closed, "something came after the end");
            match output {
                Output::Event(ServerEvent::Request(request)) => asked.push(request),
                Output::Event(ServerEvent::Diff { from, to, .. }) => {
                    let step = diff(&from.value, &to.value);
                    let text = message::state(&step, &message::Stamp::default());
                    server.mirror((!step.is_empty()).then(|| text.seal(1_000)));
                }
                Output::Event(ServerEvent::Closed(_)) => closed = true,
                Output::Send { frame, .. } => assert!(frame.len() <= 70_000),
                Output::Close { .. } | Output::Connect { .. } => {}
            }
        }
        // One answers what it was asked for before it is told more.
        for request in asked {
            server.respond(request.id, Ok(&request.data));
        }
        while let Some(output) = server.poll() {
            if let Output::Event(ServerEvent::Closed(_)) = output {
                closed = true;
            }
        }
    }
}

/// A client of a server that says anything: it keeps within its bounds, tells of no state that fails to parse, and gives up in
/// the end.
pub fn client(data: &[u8]) {
    let mut options = ClientOptions::default();
    options.assembly.message_bytes = 2_000;
    options.assembly.segments = 8;
    options.state = super::limits();
    let mut now = Instant::default();
    let mut client = Client::<Value>::new(options, now);
    let mut attempt = 0;
    let mut pending = 0_usize;
    for text in messages(data) {
        while let Some(output) = client.poll() {
            match output {
                Output::Connect { attempt: next, .. } => attempt = next,
                Output::Event(ClientEvent::Response { .. }) => pending -= 1,
                _ => {}
            }
        }
        if client.status().state == State::Failed {
            assert_eq!(pending, 0, "a request hangs");
            return;
        }
        client.handle(Input::Opened { attempt }, now);
        pending += usize::from(client.request(ASK, true, None, now).is_ok());
        let held = client.state();
        let before = held.to_text();
        client.handle(Input::Text { attempt, text }, now);
        assert_eq!(held.to_text(), before, "what was handed out changed");
        assert!(client.state().to_text().len() <= 400_000);
        if let Some(next) = client.status().next_retry {
            now = next;
            client.handle(Input::Tick, now);
        }
    }
    client.close();
    while let Some(output) = client.poll() {
        pending -= usize::from(matches!(
            output,
            Output::Event(ClientEvent::Response { .. })
        ));
    }
    assert_eq!(pending, 0, "a request hangs");
}
