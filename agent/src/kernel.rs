//! Entering a network namespace.
//!
//! `setns(2)` moves the calling *thread*, so it happens on a short-lived thread of its own: a tokio
//! worker that changed its namespace would keep it for every task it runs later. A socket belongs
//! for life to the namespace it was opened in, so whatever `f` opens can be used from any thread.

use nix::sched::CloneFlags;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::os::fd::BorrowedFd;

/// Why a namespace was not entered.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// No thread.
    #[error("start a thread to enter a network namespace")]
    Thread(#[source] std::io::Error),
    /// The kernel said no.
    #[error("enter the network namespace of the target")]
    Enter(#[source] std::io::Error),
    /// No new namespace.
    #[error("make a scratch network namespace")]
    Unshare(#[source] std::io::Error),
}

/// Runs `f` inside `namespace` (an open `/proc/PID/ns/net` or `/run/netns/NAME`, or a pidfd) and waits for it.
///
/// # Errors
/// When the thread cannot be started or may not enter. `f` has not run then.
pub fn in_namespace<T: Send>(namespace: BorrowedFd<'_>, f: impl FnOnce() -> T + Send) -> Result<T, NamespaceError> {
    on_own_thread(|| {
        move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network))
            .map_err(|errno| NamespaceError::Enter(errno.into()))?;
        Ok(f())
    })
}

/// Runs `f` inside a new, empty network namespace that vanishes when nothing holds it any more.
///
/// # Errors
/// When the thread cannot be started or may not make namespaces. `f` has not run then.
pub fn in_scratch_namespace<T: Send>(f: impl FnOnce() -> T + Send) -> Result<T, NamespaceError> {
    on_own_thread(|| {
        nix::sched::unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| NamespaceError::Unshare(errno.into()))?;
        Ok(f())
    })
}

fn on_own_thread<T: Send>(f: impl FnOnce() -> Result<T, NamespaceError> + Send) -> Result<T, NamespaceError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("namespace".into());
        let handle = thread.spawn_scoped(scope, f).map_err(NamespaceError::Thread)?;
        handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
