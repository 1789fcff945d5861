//! Whom a client trusts, and what it shows to be trusted.

use std::{fmt, str::FromStr, sync::Arc};

use ring::digest::{SHA256, digest};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{
        CryptoProvider, ring::default_provider, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use tokio::sync::OnceCell;

/// Whom a client trusts, and what it shows to be trusted. The default trusts whom the system trusts.
///
/// ```
/// use mirrorball_client::{Fingerprint, Tls};
///
/// let pin: Fingerprint = "B9:4D:27:B9:93:4D:3E:08:A5:2E:52:D7:DA:7D:AB:FA:\
///                         C4:84:EF:E3:7A:53:80:EE:90:88:F7:AC:E2:EF:CD:E9".parse()?;
/// let tls = Tls::default().fingerprint(pin);
/// # let _ = tls;
/// # Ok::<(), mirrorball_client::TlsError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Tls {
    trust: Trust,
    identity: Option<Arc<Identity>>,
}

/// Whom a client trusts.
#[derive(Clone, Debug, Default)]
enum Trust {
    /// Whom the system trusts.
    #[default]
    System,
    /// Whom these authorities vouch for.
    Roots(Arc<RootCertStore>),
    /// Who has one of these certificates.
    Pinned(Vec<Fingerprint>),
    /// Anybody.
    Anybody,
    /// Whatever the application has set up itself.
    Config(Arc<ClientConfig>),
}

/// A client's own certificate.
#[derive(Debug)]
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// What a client trusts or shows cannot be read, or does not fit together. Who gave it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

impl TlsError {
    fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }
}

impl Tls {
    /// Trusts the authorities in `pem`, one or more certificates in PEM, and none beside them.
    ///
    /// # Errors
    ///
    /// Where there is no certificate in it, or one that is broken.
    pub fn roots(mut self, pem: &[u8]) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in read_certificates(pem)? {
            roots.add(certificate).map_err(TlsError::new)?;
        }
        self.trust = Trust::Roots(Arc::new(roots));
        Ok(self)
    }

    /// Trusts a server that has the certificate with this fingerprint, whoever signed it and whatever its name. May
    /// be repeated: any of them will do.
    #[must_use]
    pub fn fingerprint(mut self, fingerprint: Fingerprint) -> Self {
        match &mut self.trust {
            Trust::Pinned(pinned) => pinned.push(fingerprint),
            trust => *trust = Trust::Pinned(vec![fingerprint]),
        }
        self
    }

    /// Trusts anybody: whoever is on the way can read and change everything, passwords included. For tests.
    #[must_use]
    pub fn danger_accept_any_certificate(mut self) -> Self {
        self.trust = Trust::Anybody;
        self
    }

    /// Shows this certificate, with those that vouch for it, and proves it with this key, both in PEM.
    ///
    /// # Errors
    ///
    /// Where either is missing or broken.
    pub fn identity(mut self, chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| TlsError::new(format_args!("no private key in PEM: {error}")))?;
        let chain = read_certificates(chain)?;
        self.identity = Some(Arc::new(Identity { chain, key }));
        self.check()
    }

    /// Does as `config` says, in everything; nothing else that is set here counts.
    #[must_use]
    pub fn config(config: Arc<ClientConfig>) -> Self {
        Self {
            trust: Trust::Config(config),
            identity: None,
        }
    }

    /// Finds out at once whether a certificate and its key belong together.
    fn check(self) -> Result<Self, TlsError> {
        self.build(RootCertStore::empty())?;
        Ok(self)
    }

    /// The configuration, where `system` is whom the system trusts.
    fn build(&self, system: RootCertStore) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = Arc::new(default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::new)?;
        let by = |trusted| Verifier { trusted, provider };
        let builder = match &self.trust {
            Trust::Config(config) => return Ok(Arc::clone(config)),
            Trust::System => builder.with_root_certificates(system),
            Trust::Roots(roots) => builder.with_root_certificates(Arc::clone(roots)),
            Trust::Pinned(fingerprints) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(by(Some(fingerprints.clone())))),
            Trust::Anybody => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(by(None))),
        };
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
                .map_err(|error| {
                    TlsError::new(format_args!(
                        "the client's certificate and key do not fit: {error}"
                    ))
                })?,
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// The configuration that a [`Tls`] comes to, made once it is needed: the system's authorities are in files.
#[derive(Debug, Default)]
pub(crate) struct TlsSetup {
    tls: Tls,
    config: OnceCell<Arc<ClientConfig>>,
}

impl TlsSetup {
    pub(crate) const fn new(tls: Tls) -> Self {
        Self {
            tls,
            config: OnceCell::const_new(),
        }
    }

    pub(crate) async fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let make = || async {
            let tls = self.tls.clone();
            let made = tokio::task::spawn_blocking(move || {
                let system = match tls.trust {
                    Trust::System => system_roots()?,
                    _ => RootCertStore::empty(),
                };
                tls.build(system)
            });
            made.await.map_err(TlsError::new)?
        };
        self.config.get_or_try_init(make).await.cloned()
    }
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(roots);
    }
    let why = found
        .errors
        .first()
        .map_or_else(String::new, |error| format!(" ({error})"));
    Err(TlsError::new(format_args!(
        "this system names no authorities that it trusts{why}: install them, such as by the package \
         ca-certificates, or name them yourself"
    )))
}

fn read_certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(TlsError::new("no certificate in PEM")),
        Err(error) => Err(TlsError::new(format_args!(
            "no certificate in PEM: {error}"
        ))),
    }
}

/// The SHA-256 of a certificate in DER: 64 hexadecimal digits, with or without colons between them, as
/// `openssl x509 -fingerprint -sha256` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes
            .iter_mut()
            .zip(digest(&SHA256, certificate).as_ref())
            .for_each(|(byte, digest)| *byte = *digest);
        Self(bytes)
    }
}

impl FromStr for Fingerprint {
    type Err = TlsError;

    fn from_str(text: &str) -> Result<Self, TlsError> {
        let wrong = || {
            TlsError::new(
                "a fingerprint of 64 hexadecimal digits was expected, the certificate's SHA-256",
            )
        };
        let digits: Vec<u8> = text
            .chars()
            .filter(|c| *c != ':' && !c.is_whitespace())
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()
            .ok_or_else(wrong)?;
        let bytes: Vec<u8> = digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect();
        if digits.len() != 64 {
            return Err(wrong());
        }
        bytes.try_into().map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index > 0 { ":" } else { "" };
            write!(out, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

/// Does not ask authorities. That a certificate is the server's own is proved all the same.
#[derive(Debug)]
struct Verifier {
    /// The certificates that are trusted; `None` for any.
    trusted: Option<Vec<Fingerprint>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let fingerprint = Fingerprint::of(certificate);
        if self
            .trusted
            .as_ref()
            .is_none_or(|trusted| trusted.contains(&fingerprint))
        {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::Other(rustls::OtherError(Arc::new(Unpinned(fingerprint)))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// A certificate other than those that were pinned.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is another than the pinned one; its fingerprint is {0}")]
pub(crate) struct Unpinned(Fingerprint);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_sha256() {
        let expected = "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";
        let fingerprint = Fingerprint::of(b"abc");
        assert_eq!(fingerprint.to_string(), expected);
        assert_eq!(expected.parse(), Ok(fingerprint));
        assert_eq!(
            expected.replace(':', "").to_lowercase().parse(),
            Ok(fingerprint)
        );
        for text in [
            "",
            "ba",
            &expected[1..],
            &format!("{expected}00"),
            &"g".repeat(64),
        ] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_refused_at_once() {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let other = rcgen::KeyPair::generate().unwrap();
        let (pem, key) = (own.cert.pem(), own.signing_key.serialize_pem());
        assert!(Tls::default().roots(pem.as_bytes()).is_ok());
        assert!(
            Tls::default()
                .identity(pem.as_bytes(), key.as_bytes())
                .is_ok()
        );
        let error = |result: Result<Tls, TlsError>| result.unwrap_err().to_string();
        assert_eq!(error(Tls::default().roots(b"")), "no certificate in PEM");
        assert_eq!(
            error(Tls::default().identity(key.as_bytes(), key.as_bytes())),
            "no certificate in PEM"
        );
        assert!(error(Tls::default().identity(pem.as_bytes(), b"x")).contains("no private key"));
        let other = other.serialize_pem();
        assert!(
            error(Tls::default().identity(pem.as_bytes(), other.as_bytes())).contains("do not fit")
        );
    }
}
