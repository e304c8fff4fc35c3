//! What went wrong, in the kernel's own words.

use nix::errno::Errno;

/// A request that the kernel refused, or an answer that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{doing}: {}{errno}", said(text))]
pub struct NetlinkError {
    /// What we were doing, and to what.
    pub doing: String,
    /// The kernel's error number.
    pub errno: Errno,
    /// The kernel's explanation, where it gave one (`NLMSGERR_ATTR_MSG`).
    pub text: Option<String>,
}

impl NetlinkError {
    /// An error without an explanation.
    pub fn new(doing: impl Into<String>, errno: Errno) -> Self {
        Self { doing: doing.into(), errno, text: None }
    }

    /// From what rustix says.
    pub fn from_call(doing: impl Into<String>, errno: rustix::io::Errno) -> Self {
        Self::new(doing, Errno::from_raw(errno.raw_os_error()))
    }
}

fn said(text: &Option<String>) -> String {
    text.as_deref().map(|text| format!("{text} ")).unwrap_or_default()
}
