//! [`Peer`]: which server, and who asks.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use mirrorball_client::{
    Address, ConnectionError, Credentials, Fingerprint, Tls, bayeux,
    juggler::{Builder, Client},
};

use crate::ending::Ending;

/// Where a password is looked for.
const PASSWORD: &str = "MIRRORBALL_PASSWORD";

/// Which server, and who asks.
#[derive(Debug, Args)]
pub(crate) struct Peer {
    /// Where the server is, such as ws://127.0.0.1:8080/ws
    // Not parsed by clap, which would repeat a password that is no part of an address.
    #[arg(value_name = "URL")]
    url: String,

    /// Log in as this user, by HTTP Basic authentication; the password is in MIRRORBALL_PASSWORD
    #[arg(long, env = "MIRRORBALL_USER", value_name = "NAME")]
    user: Option<String>,

    /// Read the password from the first line of stdin
    #[arg(long, requires = "user")]
    pub(super) password_stdin: bool,

    /// Trust the authorities in this file, PEM, instead of the system's
    #[arg(long, env = "MIRRORBALL_CA", value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Show the certificate in this file, PEM
    #[arg(long, env = "MIRRORBALL_CERT", value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// The key to --cert, PEM
    #[arg(long, env = "MIRRORBALL_KEY", value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// Trust the server that has the certificate with this SHA-256 only, whoever signed it; may be repeated
    #[arg(long, value_name = "SHA256", conflicts_with = "ca")]
    fingerprint: Vec<Fingerprint>,

    /// Trust anybody: whoever is on the way can read and change everything, the password included
    #[arg(long, conflicts_with_all = ["ca", "fingerprint"])]
    danger_accept_any_certificate: bool,

    /// Seconds to wait for a connection, and then for an answer
    #[arg(long, env = "MIRRORBALL_TIMEOUT", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(super) timeout: Duration,
}

impl Peer {
    /// A client of this server.
    pub(super) fn client(&self) -> Result<Builder, Ending> {
        let address: Address = self.url.parse().map_err(misused)?;
        let mut builder = Client::builder(&address)
            .connect_timeout(self.timeout)
            .tls(self.tls()?);
        if let Some(user) = &self.user {
            let credentials = Credentials::new(user, &self.password()?).map_err(misused)?;
            builder = builder.auth(credentials);
        }
        Ok(builder)
    }

    /// A client of this server, for channels.
    pub(super) fn bus_builder(&self) -> Result<bayeux::Builder, Ending> {
        let address: Address = self.url.parse().map_err(misused)?;
        let mut builder = bayeux::Client::builder(&address)
            .connect_timeout(self.timeout)
            .max_network_delay(self.timeout)
            .request_timeout(Some(self.timeout))
            .tls(self.tls()?);
        if let Some(user) = &self.user {
            let credentials = Credentials::new(user, &self.password()?).map_err(misused)?;
            builder = builder.credentials(credentials);
        }
        Ok(builder)
    }

    /// Why there is no connection, with the address.
    pub(super) fn failed(&self, error: &ConnectionError) -> Ending {
        self.failed_at("/ws", error)
    }

    /// As [`failed`](Self::failed), where this is the path of an address that has none.
    pub(super) fn failed_at(&self, path: &str, error: &ConnectionError) -> Ending {
        // An address that is none is not repeated.
        match self.url.parse::<Address>() {
            Ok(address) => Ending::failed(format_args!("{}: {error}", address.or_path(path))),
            Err(error) => misused(error),
        }
    }

    /// The address as it is shown.
    pub(super) fn name(&self) -> String {
        self.url
            .parse::<Address>()
            .map_or_else(|_| String::new(), |address| address.to_string())
    }

    fn password(&self) -> Result<String, Ending> {
        if !self.password_stdin {
            return std::env::var(PASSWORD).map_err(|_| {
                misused(format_args!(
                    "--user: a password was expected in the environment, {PASSWORD}, or on stdin with --password-stdin"
                ))
            });
        }
        let mut line = String::new();
        io::stdin()
            .read_line(&mut line)
            .map_err(|error| Ending::failed(format_args!("no password on stdin: {error}")))?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn tls(&self) -> Result<Tls, Ending> {
        let mut tls = Tls::default();
        if let Some(path) = &self.ca {
            tls = tls
                .roots(&read(path)?)
                .map_err(|error| about(path, &error))?;
        }
        for fingerprint in &self.fingerprint {
            tls = tls.fingerprint(*fingerprint);
        }
        if self.danger_accept_any_certificate {
            tls = tls.danger_accept_any_certificate();
        }
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            tls = tls
                .identity(&read(cert)?, &read(key)?)
                .map_err(|error| about(cert, &error))?;
        }
        Ok(tls)
    }
}

pub(super) fn misused(reason: impl std::fmt::Display) -> Ending {
    Ending::Misused(reason.to_string())
}

fn read(path: &Path) -> Result<Vec<u8>, Ending> {
    fs::read(path).map_err(|error| about(path, &error))
}

fn about(path: &Path, error: &dyn std::fmt::Display) -> Ending {
    Ending::failed(format_args!("{}: {error}", path.display()))
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or("seconds were expected, more than 0")
}
