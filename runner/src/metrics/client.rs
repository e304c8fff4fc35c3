//! Our HTTP client: TLS by rustls with ring, credentials read from files at each use.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
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
    let mut builder = builder(timeout);
    if let Some(path) = ca_file {
        let pem = read(path)?;
        let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes())
            .map_err(|source| ClientError::Certificate { path: path.to_owned(), source })?;
        builder = builder.tls_certs_only(certificates);
    }
    builder.build().map_err(ClientError::Build)
}

/// The same for an address without TLS, on machines without certificates too. It trusts nobody, so it is led to no
/// `https` address.
///
/// # Errors
/// The system gives no sockets.
pub(super) fn plain_client(timeout: Duration) -> Result<reqwest::Client, ClientError> {
    let follow = reqwest::redirect::Policy::custom(|attempt| match attempt.url().scheme() {
        "https" => attempt.error("it leads to an `https` address: write that one"),
        _ => reqwest::redirect::Policy::default().redirect(attempt),
    });
    builder(timeout).tls_certs_only([]).redirect(follow).build().map_err(ClientError::Build)
}

fn builder(timeout: Duration) -> reqwest::ClientBuilder {
    // With two providers in the tree rustls panics at the first handshake unless one is chosen. A second
    // call finds it installed already, which is fine.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("squall/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(5)))
        // A proxy from the environment would see, and could change, what verdicts rest on.
        .no_proxy()
}

/// A client that is made when it is first needed: to read the system's certificates takes longer than all other work
/// of a short run, and a machine without any can run whatever needs none.
#[derive(Debug, Clone)]
pub struct HttpClient {
    timeout: Duration,
    made: Arc<OnceLock<reqwest::Client>>,
}

impl HttpClient {
    /// One that waits at most `timeout` for a whole answer.
    pub fn waiting(timeout: Duration) -> Self {
        Self { timeout, made: Arc::default() }
    }

    /// The client itself.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn get(&self) -> Result<&reqwest::Client, ClientError> {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let made = http_client(None, self.timeout)?;
        Ok(self.made.get_or_init(|| made))
    }
}

/// A file's text without the line end that editors add.
pub(super) fn read(path: &Path) -> Result<String, ClientError> {
    std::fs::read_to_string(path)
        .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
        .map_err(|source| ClientError::File { path: path.to_owned(), source })
}
