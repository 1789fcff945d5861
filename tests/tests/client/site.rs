//! Servers of ours: in this process, or in one of their own.

use std::{net::SocketAddr, path::Path};

use axum::Router;
use mirrorball_tests::{child::Child, mirror, plan::Plan};
use tokio::{net::TcpListener, task::JoinHandle};

/// A server in this process, gone when it is dropped.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    server: JoinHandle<()>,
}

impl Site {
    /// A server of this plan.
    pub(crate) async fn start(plan: Plan) -> Self {
        Self::serve(mirror::juggler(&plan).unwrap().into_router()).await
    }

    pub(crate) async fn serve(app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self {
            address,
            server: tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A server of this plan in a process of its own.
pub(crate) async fn start_process(plan: &Plan) -> Child {
    let program = Path::new(env!("CARGO_BIN_EXE_fixture"));
    Child::start(program, plan).await.unwrap()
}

/// Where a process listens.
pub(crate) fn url(child: &Child) -> String {
    format!("ws://127.0.0.1:{}/ws", child.port())
}
