//! Servers of ours, and what may be in the way to them.

use std::{
    future::pending,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use mirrorball_server::{
    Bayeux, RequestError, Server, Value,
    bayeux::{BrokerOptions, Builder},
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::{oneshot, watch},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::soon;

/// A server, gone with all its connections when it is dropped.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) bayeux: Bayeux,
    runtime: Option<Runtime>,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::serve(service(), 0).await
    }

    pub(crate) async fn with(options: BrokerOptions) -> Self {
        Self::serve(service().options(options), 0).await
    }

    /// At this port, where it is not zero.
    pub(crate) async fn serve(builder: Builder, port: u16) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (started, site) = oneshot::channel();
        runtime.spawn(async move {
            let bayeux = builder.build();
            let server = loop {
                let server = Server::builder().bayeux(bayeux.clone());
                match server.bind(format!("127.0.0.1:{port}")).await {
                    Ok(server) => break server.serve(),
                    // Where it comes back to a port, the one before may still be on its way out.
                    Err(_) => tokio::task::yield_now().await,
                }
            };
            let _ = started.send((server.addresses()[0], bayeux));
            let _server = server;
            pending::<()>().await;
        });
        let (address, bayeux) = soon("a server", site).await.unwrap();
        Self {
            address,
            bayeux,
            runtime: Some(runtime),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What the tests' servers do.
pub(crate) fn service() -> Builder {
    Bayeux::builder()
        .remote_call("rpc/echo", |_, data: Value| async move {
            Ok::<_, RequestError>(data)
        })
        .remote_call("rpc/fail", |_, data: Value| async move {
            Err::<Value, _>(RequestError::with_data(&data))
        })
}

/// What is between a client and a server: it counts connections, and cuts them.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
    /// Rises with each cut.
    cuts: watch::Sender<u32>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(target: SocketAddr) -> Self {
        Self::with(target, None).await
    }

    /// One that speaks TLS, and its certificate in PEM.
    pub(crate) async fn tls(target: SocketAddr) -> (Self, String) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::from_pem_slice(signing_key.serialize_pem().as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        (Self::with(target, Some(acceptor)).await, cert.pem())
    }

    async fn with(target: SocketAddr, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cuts, cut) = watch::channel(0);
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let (tls, mut cut) = (tls.clone(), cut.clone());
                cut.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        () = carry(stream, target, tls) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self {
            address,
            connections,
            cuts,
            task,
        }
    }

    /// Cuts every connection that there is.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

async fn carry(stream: TcpStream, target: SocketAddr, tls: Option<TlsAcceptor>) {
    match tls {
        None => join(stream, target).await,
        Some(tls) => {
            // Whoever does not trust it leaves here.
            if let Ok(stream) = tls.accept(stream).await {
                join(stream, target).await;
            }
        }
    }
}

async fn join(mut outer: impl AsyncRead + AsyncWrite + Unpin, target: SocketAddr) {
    if let Ok(mut inner) = TcpStream::connect(target).await {
        // It ends as its ends do.
        let _ = copy_bidirectional(&mut outer, &mut inner).await;
    }
}
