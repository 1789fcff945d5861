//! [`Tls`]: the certificate that a server shows, from files that may change, or made for itself.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use ring::digest::{SHA256, digest};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring as provider},
    pki_types::{
        CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer,
        pem::{self, PemObject},
    },
    server::WebPkiClientVerifier,
};
use thiserror::Error;

use crate::watched::Watched;

/// What the server speaks over TLS: no HTTP/2, in which a browser would open no WebSocket here.
const PROTOCOL: &[u8] = b"http/1.1";
/// Bytes of a file of certificates or of a key; one that is longer is none.
const MAX_FILE: u64 = 1 << 20;

/// TLS for a [`Server`](crate::Server), versions 1.2 and 1.3.
///
/// ```
/// use mirrorball_server::Tls;
///
/// let tls = Tls::self_signed(["localhost", "127.0.0.1"])?;
/// println!("SHA-256 {}", tls.fingerprint().unwrap_or_default());
/// # Ok::<(), mirrorball_server::tls::TlsError>(())
/// ```
pub struct Tls {
    files: Option<Files>,
    watched: Watched,
    current: RwLock<Current>,
}

#[derive(Clone)]
struct Current {
    config: Arc<ServerConfig>,
    fingerprint: Option<String>,
}

/// Where certificates come from.
#[derive(Clone, Debug)]
struct Files {
    certificates: PathBuf,
    key: PathBuf,
    client_authorities: Option<PathBuf>,
}

/// What TLS needs cannot be had.
#[derive(Debug, Error)]
#[error("TLS: {}: {fault}", .file.display())]
pub struct TlsError {
    /// The file that is at fault.
    pub file: PathBuf,
    /// What is wrong with it.
    pub fault: TlsFault,
}

/// What is wrong with a file that TLS needs.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[source] io::Error),
    /// It is no PEM file.
    #[error("no PEM file was found ({0}): one with a `-----BEGIN …-----` line was expected")]
    NotPem(pem::Error),
    /// There is no certificate in it.
    #[error("it holds no certificate: a block `BEGIN CERTIFICATE` was expected")]
    NoCertificate,
    /// There is no private key in it.
    #[error(
        "it holds no private key: a block `BEGIN PRIVATE KEY` was expected, without a passphrase"
    )]
    NoKey,
    /// Certificate or key are refused.
    #[error(
        "{0}: a certificate chain, the server's own first, and the key that belongs to it were expected"
    )]
    Refused(#[source] rustls::Error),
    /// No client could be checked against it.
    #[error("no client's certificate can be checked against it: {0}")]
    Authority(String),
    /// No certificate can be made.
    #[error("no certificate can be made for these names: {0}")]
    Making(String),
}

impl Tls {
    /// The certificate chain and the private key in these PEM files. A [`Server`](crate::Server) reads them
    /// again when they change.
    ///
    /// # Errors
    ///
    /// Where a file cannot be used; it says which, and why.
    pub fn from_files(
        certificates: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<Self, TlsError> {
        Self::read(Files {
            certificates: certificates.into(),
            key: key.into(),
            client_authorities: None,
        })
    }

    /// As [`from_files`](Self::from_files), and only clients connect whose certificate comes from one of the
    /// authorities in a third PEM file.
    ///
    /// # Errors
    ///
    /// Where a file cannot be used; it says which, and why.
    pub fn with_client_authorities(
        certificates: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
        authorities: impl Into<PathBuf>,
    ) -> Result<Self, TlsError> {
        Self::read(Files {
            certificates: certificates.into(),
            key: key.into(),
            client_authorities: Some(authorities.into()),
        })
    }

    fn read(files: Files) -> Result<Self, TlsError> {
        let watched = Watched::new(files.paths());
        let current = RwLock::new(files.read()?);
        Ok(Self {
            files: Some(files),
            watched,
            current,
        })
    }

    /// A certificate that nobody vouches for, made now, for these host names and addresses. For development:
    /// browsers warn of it; native clients can be told its [fingerprint](Self::fingerprint).
    ///
    /// # Errors
    ///
    /// Where one of the names can stand in no certificate.
    pub fn self_signed(
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, TlsError> {
        let at_fault = |fault| TlsError {
            file: "(self-signed)".into(),
            fault,
        };
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let made = rcgen::generate_simple_self_signed(names)
            .map_err(|error| at_fault(TlsFault::Making(error.to_string())))?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let current =
            Current::new(vec![made.cert.der().clone()], key.into(), None).map_err(at_fault)?;
        Ok(Self {
            files: None,
            watched: Watched::default(),
            current: RwLock::new(current),
        })
    }

    /// Whatever rustls can do. Its `alpn_protocols` should be empty, or `http/1.1` alone.
    #[must_use]
    pub fn from_config(config: Arc<ServerConfig>) -> Self {
        Self {
            files: None,
            watched: Watched::default(),
            current: RwLock::new(Current {
                config,
                fingerprint: None,
            }),
        }
    }

    /// The SHA-256 fingerprint of the certificate, as `AB:CD:…`, where it is known.
    #[must_use]
    pub fn fingerprint(&self) -> Option<String> {
        self.current().fingerprint
    }

    /// Reads the files again, for connections that are accepted from now on. Returns whether the certificate is
    /// another one. Without files there is nothing to read.
    ///
    /// # Errors
    ///
    /// Where a file cannot be used; then what was there stays in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let Some(files) = &self.files else {
            return Ok(false);
        };
        let read = files.read()?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let changed = current.fingerprint != read.fingerprint;
        *current = read;
        Ok(changed)
    }

    /// The files that are read.
    pub(crate) const fn watched(&self) -> &Watched {
        &self.watched
    }

    /// What the next connection is accepted with.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.current().config
    }

    fn current(&self) -> Current {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Tls {
    /// Without the key.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Tls")
            .field("files", &self.files)
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}

impl Files {
    fn paths(&self) -> Vec<PathBuf> {
        let own = [&self.certificates, &self.key];
        let all = own.into_iter().chain(&self.client_authorities);
        all.cloned().collect()
    }

    fn read(&self) -> Result<Current, TlsError> {
        let blame = |file: &Path| {
            let file = file.to_owned();
            |fault| TlsError { file, fault }
        };
        let certificates = certificates(&self.certificates).map_err(blame(&self.certificates))?;
        let key = key(&self.key).map_err(blame(&self.key))?;
        let authorities = match &self.client_authorities {
            Some(path) => Some(authorities(path).map_err(blame(path))?),
            None => None,
        };
        Current::new(certificates, key, authorities).map_err(blame(&self.certificates))
    }
}

impl Current {
    fn new(
        certificates: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        client_authorities: Option<RootCertStore>,
    ) -> Result<Self, TlsFault> {
        let fingerprint = certificates.first().map(|first| fingerprint(first));
        let builder = ServerConfig::builder_with_provider(crypto())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsFault::Refused)?;
        let builder = match client_authorities {
            None => builder.with_no_client_auth(),
            Some(authorities) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(authorities.into(), crypto());
                let verifier = verifier
                    .build()
                    .map_err(|error| TlsFault::Authority(error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(certificates, key)
            .map_err(TlsFault::Refused)?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Self {
            config: config.into(),
            fingerprint,
        })
    }
}

fn crypto() -> Arc<CryptoProvider> {
    provider::default_provider().into()
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFault> {
    let metadata = fs::metadata(path).map_err(TlsFault::Unreadable)?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        let error = io::Error::other("a file of at most 1 MiB was expected");
        return Err(TlsFault::Unreadable(error));
    }
    fs::read(path).map_err(TlsFault::Unreadable)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    let found = found.map_err(TlsFault::NotPem)?;
    if found.is_empty() {
        return Err(TlsFault::NoCertificate);
    }
    Ok(found)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFault> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsFault::NoKey,
        error => TlsFault::NotPem(error),
    })
}

fn authorities(path: &Path) -> Result<RootCertStore, TlsFault> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path)? {
        store
            .add(certificate)
            .map_err(|error| TlsFault::Authority(error.to_string()))?;
    }
    Ok(store)
}

fn fingerprint(certificate: &[u8]) -> String {
    let hash = digest(&SHA256, certificate);
    let bytes: Vec<String> = hash
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    bytes.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_file_is_at_fault_and_why() {
        let folder = tempfile::tempdir().unwrap();
        let pem = |name: &str, kind: &str, der: &[u8]| {
            use base64::{Engine, prelude::BASE64_STANDARD};
            let path = folder.path().join(name);
            let body = BASE64_STANDARD.encode(der);
            fs::write(
                &path,
                format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n"),
            )
            .unwrap();
            path
        };
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let cert = pem("cert.pem", "CERTIFICATE", made.cert.der());
        let key = pem("key.pem", "PRIVATE KEY", &made.signing_key.serialize_der());
        let other_key = pem(
            "other.pem",
            "PRIVATE KEY",
            &other.signing_key.serialize_der(),
        );
        let garbage = pem("garbage.pem", "CERTIFICATE", b"garbage");
        let text = folder.path().join("text.pem");
        fs::write(&text, "hello").unwrap();
        let missing = folder.path().join("missing.pem");

        let tls = Tls::from_files(&cert, &key).unwrap();
        assert_eq!(tls.fingerprint().unwrap().len(), 32 * 3 - 1);
        assert!(!tls.reload().unwrap());
        Tls::with_client_authorities(&cert, &key, &cert).unwrap();

        let check = |cert: &Path, key: &Path, at_fault: &Path, expect: &str| {
            let error = Tls::from_files(cert, key).unwrap_err();
            assert_eq!(error.file, at_fault);
            let error = error.to_string();
            assert!(
                error.contains(expect) && error.contains("expected"),
                "{error}"
            );
        };
        check(&text, &key, &text, "it holds no certificate");
        check(&key, &key, &key, "it holds no certificate");
        check(&cert, &cert, &cert, "it holds no private key");
        check(&cert, &other_key, &cert, "the key that belongs to it");
        check(&garbage, &key, &garbage, "a certificate chain");
        check(
            &cert,
            folder.path(),
            folder.path(),
            "a file of at most 1 MiB",
        );
        let error = Tls::from_files(&missing, &key).unwrap_err().to_string();
        assert!(error.contains("missing.pem: No such file"), "{error}");
        let error = Tls::with_client_authorities(&cert, &key, &garbage).unwrap_err();
        assert!(
            error.to_string().contains("garbage.pem: no client's"),
            "{error}"
        );
        let error = Tls::self_signed(["käse"]).unwrap_err().to_string();
        assert!(error.contains("no certificate can be made"), "{error}");
    }
}
