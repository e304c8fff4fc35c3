//! The only `unsafe` of the project: system calls for which neither rustix nor nix has a safe face.
//!
//! Each function here is safe to call with any argument; its one block says why.
#![expect(unsafe_code, reason = "the one module where it is allowed: each block says why it is sound")]

use nix::errno::Errno;
use nix::libc;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A boolean option of a netlink socket, linux/netlink.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetlinkOption {
    /// `NETLINK_NO_ENOBUFS`: a full receive buffer loses messages in silence instead of failing the next call.
    NoBufferErrors,
    /// `NETLINK_CAP_ACK`: an error comes with the header of its request, not the whole of it.
    ShortAcknowledgements,
    /// `NETLINK_EXT_ACK`: an error comes with the kernel's own words.
    ErrorTexts,
}

impl NetlinkOption {
    fn number(self) -> libc::c_int {
        match self {
            Self::NoBufferErrors => libc::NETLINK_NO_ENOBUFS,
            Self::ShortAcknowledgements => libc::NETLINK_CAP_ACK,
            Self::ErrorTexts => libc::NETLINK_EXT_ACK,
        }
    }
}

/// Turns an option of a netlink socket on.
///
/// # Errors
/// Whatever setsockopt(2) says; `ENOPROTOOPT` on a kernel without the option.
pub fn turn_on(socket: BorrowedFd<'_>, option: NetlinkOption) -> Result<(), Errno> {
    let on: libc::c_int = 1;
    let length = libc::socklen_t::try_from(size_of_val(&on)).expect("an int is four bytes");
    // SAFETY: the descriptor is open for as long as it is borrowed; the pointer is to a live `int`
    // on this stack, `length` is its size, and setsockopt only reads it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_NETLINK,
            option.number(),
            std::ptr::from_ref(&on).cast::<libc::c_void>(),
            length,
        )
    };
    Errno::result(result).map(drop)
}
