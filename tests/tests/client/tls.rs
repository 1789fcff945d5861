//! Whom a client trusts, and what it shows.

use std::{net::SocketAddr, sync::Arc};

use mirrorball_client::{ConnectionError, Fingerprint, Tls};
use mirrorball_tests::plan::Plan;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::{client, site::Site, soon};

/// An authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
struct Identity {
    certificate: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn issue(&self, name: &str) -> Identity {
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        Identity {
            certificate: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Identity {
    fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }
}

/// Puts TLS before a server; where there is an authority for clients, they have to have a certificate of it.
async fn wrap(server: SocketAddr, identity: &Identity, clients: Option<&Authority>) -> u16 {
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.0.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let config = builder.with_single_cert(vec![identity.der()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Whoever is not trusted leaves here.
                if let Ok(mut outer) = acceptor.accept(stream).await {
                    let mut inner = TcpStream::connect(server).await.unwrap();
                    let _ = copy_bidirectional(&mut outer, &mut inner).await;
                }
            });
        }
    });
    port
}

async fn site() -> Site {
    Site::start(Plan {
        state: "there".into(),
        ..Plan::default()
    })
    .await
}

async fn connect(port: u16, tls: Tls) -> Result<(), ConnectionError> {
    let builder = client(format!("wss://localhost:{port}")).tls(tls);
    let client = soon("an end", builder.connect()).await?;
    assert_eq!(client.state(), "there".into());
    assert_eq!(client.request("", "é").await, Ok("é".into()));
    client.close().await;
    Ok(())
}

fn refusal(result: Result<(), ConnectionError>) -> String {
    match result {
        Err(ConnectionError::Tls(why)) => why,
        other => panic!("no TLS error: {other:?}"),
    }
}

#[tokio::test]
async fn a_server_is_trusted_by_its_authority() {
    let (site, authority) = (site().await, Authority::new("authority"));
    let port = wrap(site.address, &authority.issue("localhost"), None).await;
    let tls = Tls::default().roots(authority.pem().as_bytes()).unwrap();
    assert_eq!(connect(port, tls).await, Ok(()));

    let other = Authority::new("another");
    let tls = Tls::default().roots(other.pem().as_bytes()).unwrap();
    let why = refusal(connect(port, tls).await);
    assert!(why.contains("name its authority"), "{why}");
    // The system knows neither; or it knows nobody, and says so.
    refusal(connect(port, Tls::default()).await);

    let port = wrap(site.address, &authority.issue("elsewhere"), None).await;
    let tls = Tls::default().roots(authority.pem().as_bytes()).unwrap();
    let why = refusal(connect(port, tls).await);
    assert!(why.contains("localhost"), "{why}");
}

#[tokio::test]
async fn a_server_is_trusted_by_its_fingerprint() {
    let (site, authority) = (site().await, Authority::new("authority"));
    let (identity, other) = (authority.issue("elsewhere"), authority.issue("elsewhere"));
    let port = wrap(site.address, &identity, None).await;
    let own = Fingerprint::of(&identity.der());
    assert_eq!(connect(port, Tls::default().fingerprint(own)).await, Ok(()));
    let other = Fingerprint::of(&other.der());
    let why = refusal(connect(port, Tls::default().fingerprint(other)).await);
    assert!(why.contains(&own.to_string()), "{why}");
    let either = Tls::default().fingerprint(other).fingerprint(own);
    assert_eq!(connect(port, either).await, Ok(()));
}

#[tokio::test]
async fn anybody_is_trusted_where_that_is_wanted() {
    let (site, authority) = (site().await, Authority::new("authority"));
    let port = wrap(site.address, &authority.issue("elsewhere"), None).await;
    let tls = Tls::default().danger_accept_any_certificate();
    assert_eq!(connect(port, tls).await, Ok(()));
}

#[tokio::test]
async fn a_client_shows_its_certificate() {
    let (site, authority) = (site().await, Authority::new("authority"));
    let port = wrap(
        site.address,
        &authority.issue("localhost"),
        Some(&authority),
    )
    .await;
    let trusting = || Tls::default().roots(authority.pem().as_bytes()).unwrap();
    let showing = |identity: &Identity| {
        let (certificate, key) = (identity.certificate.as_bytes(), identity.key.as_bytes());
        trusting().identity(certificate, key).unwrap()
    };
    assert_eq!(
        connect(port, showing(&authority.issue("client"))).await,
        Ok(())
    );
    let why = refusal(connect(port, trusting()).await);
    assert!(why.contains("certificate of the client"), "{why}");
    refusal(connect(port, showing(&Authority::new("another").issue("client"))).await);
}

#[tokio::test]
async fn a_server_without_tls_is_told_apart() {
    let site = site().await;
    let why = refusal(
        connect(
            site.address.port(),
            Tls::default().danger_accept_any_certificate(),
        )
        .await,
    );
    assert!(why.contains("speak no TLS"), "{why}");
}
