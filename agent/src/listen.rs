//! The agent's Unix socket: mode 0600, never taken from a living agent, and only for root and the
//! agent's own user.

use rustix::process::geteuid;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::net::{UnixListener, UnixStream};
use tokio_stream::Stream;

/// Why the agent cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another one answers there.
    #[error("listen at `{}`: somebody answers there already", .0.display())]
    Answered(PathBuf),
    /// Something else stands there, and it is not ours to remove.
    #[error("listen at `{}`: what is there is no socket", .0.display())]
    NoSocket(PathBuf),
    /// The kernel refused.
    #[error("listen at `{}`", path.display())]
    Bind {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The socket. Its file goes with it.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    own: u32,
}

impl Listener {
    /// Listens at a path. A socket left by an agent that is gone is replaced.
    pub fn bind(path: &Path) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Bind { path: path.to_owned(), source };
        match fs::symlink_metadata(path) {
            Ok(facts) if !facts.file_type().is_socket() => return Err(ListenError::NoSocket(path.to_owned())),
            Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    fs::remove_file(path).map_err(failed)?;
                }
                Err(source) => return Err(failed(source)),
                Ok(_) => return Err(ListenError::Answered(path.to_owned())),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed(source)),
        }
        // The file must never be open to others, not even between `bind` and a `chmod`.
        let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
        let socket = UnixListener::bind(path);
        rustix::process::umask(before);
        Ok(Self { socket: socket.map_err(failed)?, path: path.to_owned(), own: geteuid().as_raw() })
    }

    fn may_call(&self, stream: &UnixStream) -> bool {
        match stream.peer_cred() {
            Ok(peer) if peer.uid() == 0 || peer.uid() == self.own => true,
            Ok(peer) => {
                tracing::warn!(uid = peer.uid(), pid = peer.pid(), "turned a caller away: not this agent's user");
                false
            }
            Err(error) => {
                tracing::warn!(%error, "turned a caller away: the kernel does not say who it is");
                false
            }
        }
    }
}

impl Stream for Listener {
    type Item = io::Result<UnixStream>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(self.socket.poll_accept(context)) {
                Ok((stream, _)) if self.may_call(&stream) => return Poll::Ready(Some(Ok(stream))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _gone_already = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "std leaves its file");
        let listener = Listener::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(Listener::bind(&path), Err(ListenError::Answered(_))));
        drop(listener);
        assert!(!path.exists());
        fs::write(&path, "precious").unwrap();
        assert!(matches!(Listener::bind(&path), Err(ListenError::NoSocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
