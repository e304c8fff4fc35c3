//! Our HTTP client: TLS by rustls with ring, credentials read from files at each use.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How to reach a metric source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Its address, with a path prefix if it has one.
    pub url: String,
    /// A file with a bearer token.
    pub bearer_token_file: Option<PathBuf>,
    /// A user name, and a file with the password.
    pub basic_auth: Option<(String, PathBuf)>,
    /// A file with the certificates to trust, instead of the system's.
    pub ca_file: Option<PathBuf>,
}

impl Access {
    /// Without credentials.
    pub fn open(url: impl Into<String>) -> Self {
        Self { url: url.into(), bearer_token_file: None, basic_auth: None, ca_file: None }
    }
}

/// Why no client could be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A file named in the settings cannot be read.
    #[error("read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A certificate file without certificates.
    #[error("find a PEM certificate in `{}`", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The address is none.
    #[error("read the address `{url}`: write `http://HOST:PORT` or `https://HOST:PORT`")]
    Address {
        /// As written.
        url: String,
    },
    /// TLS could not be set up.
    #[error("set up an HTTP client")]
    Build(#[source] reqwest::Error),
}

/// A client that waits at most `timeout` for a whole answer.
///
/// # Errors
/// A certificate file that cannot be read, or TLS that cannot be set up.
pub fn http_client(ca_file: Option<&Path>, timeout: Duration) -> Result<reqwest::Client, ClientError> {
    // With two providers in the tree rustls panics at the first handshake unless one is chosen. A second
    // call finds it installed already, which is fine.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("squall/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(5)))
        // A proxy from the environment would see, and could change, what verdicts rest on.
        .no_proxy();
    if let Some(path) = ca_file {
        let pem = read(path)?;
        let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes())
            .map_err(|source| ClientError::Certificate { path: path.to_owned(), source })?;
        builder = builder.tls_certs_only(certificates);
    }
    builder.build().map_err(ClientError::Build)
}

/// A file's text without the line end that editors add.
pub(super) fn read(path: &Path) -> Result<String, ClientError> {
    std::fs::read_to_string(path)
        .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
        .map_err(|source| ClientError::File { path: path.to_owned(), source })
}
