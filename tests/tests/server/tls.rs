//! TLS: versions, certificates that change, certificates of clients, and pages that came without it.

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::{Router, extract::Extension, routing::get};
use mirrorball_server::{Juggler, Remote, Server, State, Tls, server::Builder};
use rcgen::{CertifiedIssuer, CertifiedKey, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
    version::{TLS12, TLS13},
};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::http::{UPGRADE, ask};

type Made = CertifiedKey<KeyPair>;

fn make() -> Made {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

fn pem(kind: &str, der: &[u8]) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let body = BASE64_STANDARD.encode(der);
    format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n")
}

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new(made: &Made) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Self { folder };
        files.write(made);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, made: &Made) {
        fs::write(
            self.path("key.pem"),
            pem("PRIVATE KEY", &made.signing_key.serialize_der()),
        )
        .unwrap();
        fs::write(self.path("cert.pem"), pem("CERTIFICATE", made.cert.der())).unwrap();
    }

    fn tls(&self) -> Tls {
        Tls::from_files(self.path("cert.pem"), self.path("key.pem")).unwrap()
    }
}

async fn serve(builder: Builder) -> (SocketAddr, Server) {
    let scheme = get(|Extension(remote): Extension<Remote>| async move {
        remote.scheme().map_or("?", |scheme| scheme.as_str())
    });
    let server = builder
        .juggler(Juggler::builder(State::new(7)).build())
        .additional_routes(Router::new().route("/scheme", scheme))
        .bind("127.0.0.1:0")
        .await
        .unwrap()
        .serve();
    (server.addresses()[0], server)
}

fn trusting(
    certificate: &CertificateDer<'static>,
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    trusting_with(certificate, &[&TLS13, &TLS12])
}

fn trusting_with(
    certificate: &CertificateDer<'static>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
}

async fn connect(
    address: SocketAddr,
    config: ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// Whether a client that trusts this certificate only connects.
async fn shows(address: SocketAddr, certificate: &CertificateDer<'static>) -> bool {
    connect(address, trusting(certificate).with_no_client_auth())
        .await
        .is_ok()
}

/// Requests and WebSockets come over TLS 1.2 and 1.3, and are known to.
#[tokio::test]
async fn requests_come_over_tls() {
    let made = make();
    let files = Files::new(&made);
    let (address, _server) = serve(Server::builder().tls(files.tls())).await;
    for version in [&TLS12, &TLS13] {
        let mut config = trusting_with(made.cert.der(), &[version]).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut stream = connect(address, config).await.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version().unwrap(), version.version);
        assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
        let answer = ask(
            &mut stream,
            "GET /scheme HTTP/1.1\r\nHost: localhost\r\n\r\n",
        )
        .await;
        assert_eq!(answer.body, "https");
    }
    let stream = connect(address, trusting(made.cert.der()).with_no_client_auth())
        .await
        .unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("wss://localhost/ws", stream)
        .await
        .unwrap();
    let first = futures_util::StreamExt::next(&mut socket)
        .await
        .unwrap()
        .unwrap();
    assert!(first.to_text().unwrap().contains("\"value\":7"), "{first}");
}

/// A page that came without TLS opens no WebSocket over it, though its name is the same.
#[tokio::test]
async fn pages_without_tls_are_foreign() {
    let made = make();
    let files = Files::new(&made);
    let (address, _server) = serve(Server::builder().tls(files.tls())).await;
    for (origin, status) in [
        ("https://localhost", 101),
        ("https://LOCALHOST", 101),
        ("http://localhost", 403),
        ("https://localhost:8443", 403),
        ("https://evil.example", 403),
        ("null", 403),
    ] {
        let config = trusting(made.cert.der()).with_no_client_auth();
        let mut stream = connect(address, config).await.unwrap();
        let request =
            format!("GET /ws HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n{UPGRADE}\r\n");
        assert_eq!(ask(&mut stream, &request).await.status, status, "{origin}");
    }
}

/// A new certificate is shown to whoever connects from then on; one that cannot be used changes nothing.
#[tokio::test]
async fn certificates_change() {
    let [old, new] = [make(), make()];
    let files = Files::new(&old);
    let tls = Arc::new(files.tls());
    let fingerprint = tls.fingerprint().unwrap();
    let builder = Server::builder()
        .tls(Arc::clone(&tls))
        .reload_interval(None);
    let (address, server) = serve(builder).await;
    let config = trusting(old.cert.der()).with_no_client_auth();
    let mut before = connect(address, config).await.unwrap();

    // The new certificate with the old key.
    fs::write(files.path("cert.pem"), pem("CERTIFICATE", new.cert.der())).unwrap();
    assert!(!server.reload().await);
    assert!(shows(address, old.cert.der()).await);
    files.write(&new);
    assert!(server.reload().await);
    assert!(shows(address, new.cert.der()).await);
    assert!(!shows(address, old.cert.der()).await);
    assert_ne!(tls.fingerprint().unwrap(), fingerprint);
    let answer = ask(
        &mut before,
        "GET /scheme HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    .await;
    assert_eq!(answer.status, 200);
}

/// Files that change are read again by themselves.
#[tokio::test]
async fn changed_certificates_are_seen() {
    let [old, new] = [make(), make()];
    let files = Files::new(&old);
    let soon = Some(Duration::from_millis(20));
    let (address, _server) = serve(Server::builder().tls(files.tls()).reload_interval(soon)).await;
    assert!(shows(address, old.cert.der()).await);
    files.write(&new);
    let seen = async {
        while !shows(address, new.cert.der()).await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), seen).await.unwrap();
}

/// Where clients have to have certificates, only those connect that have one of the right authority.
#[tokio::test]
async fn clients_have_certificates() {
    let made = make();
    let files = Files::new(&made);
    let authority = || {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let [right, wrong] = [authority(), authority()];
    fs::write(files.path("ca.pem"), pem("CERTIFICATE", right.der())).unwrap();
    let tls = Tls::with_client_authorities(
        files.path("cert.pem"),
        files.path("key.pem"),
        files.path("ca.pem"),
    );
    let (address, _server) = serve(Server::builder().tls(tls.unwrap())).await;
    let request = "GET /scheme HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for (issuer, expect) in [(Some(&right), true), (Some(&wrong), false), (None, false)] {
        let trusting = trusting(made.cert.der());
        let config = match issuer {
            Some(issuer) => {
                let key = KeyPair::generate().unwrap();
                let params = rcgen::CertificateParams::new(vec!["client".to_owned()]).unwrap();
                let certificate = params.signed_by(&key, issuer).unwrap();
                let key = PrivatePkcs8KeyDer::from(key.serialize_der());
                trusting
                    .with_client_auth_cert(
                        vec![certificate.der().clone()],
                        PrivateKeyDer::from(key),
                    )
                    .unwrap()
            }
            None => trusting.with_no_client_auth(),
        };
        let answered = match connect(address, config).await {
            Ok(mut stream) => {
                use tokio::io::AsyncWriteExt;
                // Under TLS 1.3 the client learns of a refusal after its handshake.
                let _ = stream.write_all(request.as_bytes()).await;
                crate::http::rest(&mut stream).await.ends_with("https")
            }
            Err(_) => false,
        };
        assert_eq!(answered, expect);
    }
}

/// Whatever rustls can do is taken as it is.
#[tokio::test]
async fn a_configuration_of_ones_own_is_taken() {
    let made = make();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let (address, server) = serve(Server::builder().tls(Tls::from_config(config.into()))).await;
    assert!(shows(address, made.cert.der()).await);
    assert!(server.reload().await);
    let old = trusting_with(made.cert.der(), &[&TLS12]).with_no_client_auth();
    assert!(connect(address, old).await.is_err());
}

/// The head of a handshake, by hand: no library of today speaks these versions any more.
fn client_hello(version: u8) -> Vec<u8> {
    let suites = [
        0x00, 0x2f, 0x00, 0x35, 0xc0, 0x13, 0xc0, 0x14, 0xc0, 0x09, 0xc0, 0x0a,
    ];
    let mut hello = vec![3, version];
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend([0, suites.len() as u8]);
    hello.extend(suites);
    hello.extend([1, 0]);
    // Groups, point formats, and signatures, as a client of those days sends them.
    let extensions = [
        &[0, 10, 0, 4, 0, 2, 0, 23][..],
        &[0, 11, 0, 2, 1, 0],
        &[0, 13, 0, 6, 0, 4, 4, 3, 2, 1],
    ]
    .concat();
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    let mut message = vec![1, 0];
    message.extend((hello.len() as u16).to_be_bytes());
    message.extend(hello);
    let mut record = vec![22, 3, 1];
    record.extend((message.len() as u16).to_be_bytes());
    record.extend(message);
    record
}

/// SSL 3, TLS 1.0 and TLS 1.1 are refused, with the alert that says why.
#[tokio::test]
async fn old_versions_are_refused() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let files = Files::new(&make());
    let (address, _server) = serve(Server::builder().tls(files.tls())).await;
    for (version, name) in [(0, "SSL 3"), (1, "TLS 1.0"), (2, "TLS 1.1")] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&client_hello(version)).await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(Duration::from_secs(30), stream.read_to_end(&mut answer))
            .await
            .expect("the connection stays open");
        // A record of an alert: fatal, protocol_version.
        assert_eq!(
            (answer[0], &answer[5..7]),
            (21, &[2, 70][..]),
            "{name}: {answer:?}"
        );
    }
    // The same in the version after those goes further than that.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&client_hello(3)).await.unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).await.unwrap();
    assert_ne!(answer[5..7], [2, 70]);
}
