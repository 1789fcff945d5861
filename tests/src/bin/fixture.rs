//! Starts and kills servers for tests that run elsewhere.
//!
//! `fixture [PORT]` is the controller. It says where it listens, on port 18080 by default or any free one
//! where that is taken, and ends with its standard input or by SIGTERM; its servers end with it.
//! `fixture server` is one of those.

use std::{env, io, process::ExitCode, thread};

use mirrorball_tests::{
    child::{ARGUMENT, GREETING},
    controller,
    plan::Plan,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// Where the controller listens, and where tests look for it that are not told.
const PORT: u16 = 18_080;

fn main() -> ExitCode {
    let argument = env::args().nth(1);
    let result = match argument.as_deref() {
        Some(ARGUMENT) => serve(),
        None => control(PORT),
        Some(port) => port
            .parse()
            .map_err(|error| format!("`{port}` is no port: {error}"))
            .and_then(control),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("fixture: {message}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn control(port: u16) -> Result<(), String> {
    let listener = match TcpListener::bind(("127.0.0.1", port)).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            TcpListener::bind("127.0.0.1:0").await
        }
        bound => bound,
    };
    let listener = listener.map_err(|error| format!("cannot listen: {error}"))?;
    let address = listener
        .local_addr()
        .map_err(|error| format!("the listener has no address: {error}"))?;
    let mut terminated =
        signal(SignalKind::terminate()).map_err(|error| format!("no SIGTERM: {error}"))?;
    println!("fixture listening on http://{address}");
    end_with_input();
    tokio::select! {
        ended = async { axum::serve(listener, controller::app()).await } => {
            ended.map_err(|error| format!("the controller ended: {error}"))
        }
        _ = terminated.recv() => Ok(()),
    }
}

#[tokio::main]
async fn serve() -> Result<(), String> {
    let mut line = String::new();
    io::stdin()
        .read_line(&mut line)
        .map_err(|error| format!("no plan: {error}"))?;
    let plan: Plan = serde_json::from_str(&line).map_err(|error| format!("no plan: {error}"))?;
    end_with_input();
    plan.serve(|address| println!("{GREETING}{address}")).await
}

/// Ends the process when whoever started it does.
fn end_with_input() {
    thread::spawn(|| {
        // An error is an end as well.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(0);
    });
}
