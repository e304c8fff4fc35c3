//! Faults that share a network namespace, and what the end of one must not cost another.
//!
//! When *any* netfilter hook of a namespace goes, the kernel drops whatever waits in *any* of its queues
//! (`nf_queue_nf_hook_drop`). So while one fault holds packets, the tables of another that ends stay: its gate is shut,
//! so they do nothing, and its socket still owns them, so they go with the agent. The last to hold removes them.
//!
//! The one thing that faults share behind a lock: the kernel has joined them, and removal and the beginning of
//! another hold must not meet. The lock is a namespace's own, so that nothing that hangs in one holds up another.

use crate::netlink::nftables::{Batch, Family};
use crate::netlink::{NetlinkError, Socket};
use nix::errno::Errno;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Every namespace in which a fault is or was; those without any are forgotten.
static NAMESPACES: Mutex<BTreeMap<u64, Weak<Mutex<Shared>>>> = Mutex::new(BTreeMap::new());

#[derive(Debug, Default)]
struct Shared {
    /// Faults that hold packets.
    holding: usize,
    /// Tables of faults that are over.
    left: Vec<Tables>,
}

/// What a fault has put into the kernel, and who owns it.
#[derive(Debug)]
pub(super) struct Tables {
    pub owner: Socket,
    pub name: String,
    /// The families in which there is one.
    pub families: Vec<Family>,
}

/// A fault's place among those of its namespace.
#[derive(Debug)]
pub(super) struct Neighbours {
    shared: Arc<Mutex<Shared>>,
    holds: bool,
}

/// What became of the tables of a fault that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// They are gone.
    Removed,
    /// They stay, inert, until nobody holds packets.
    Left,
}

impl Neighbours {
    /// A fault in the namespace of this inode.
    pub fn of(namespace: u64) -> Self {
        let mut namespaces = lock(&NAMESPACES);
        namespaces.retain(|_, shared| shared.strong_count() > 0);
        let known = namespaces.get(&namespace).and_then(Weak::upgrade);
        let shared = known.unwrap_or_default();
        namespaces.insert(namespace, Arc::downgrade(&shared));
        Self { shared, holds: false }
    }

    /// The fault is going to hold packets. From here on no table goes but its own.
    pub fn begin_to_hold(&mut self) {
        if !std::mem::replace(&mut self.holds, true) {
            lock(&self.shared).holding += 1;
        }
    }

    /// Removes a fault's tables, its packets let go; or leaves them if another one holds packets. If this one was the last
    /// to hold, what others have left goes too.
    ///
    /// `is_shut`: its gate is. Tables that still act go at once: another fault may lose packets, but none outlives its end.
    pub fn remove(&mut self, tables: Tables, is_shut: bool) -> (Fate, Vec<NetlinkError>) {
        let mut shared = lock(&self.shared);
        if std::mem::take(&mut self.holds) {
            shared.holding -= 1;
        }
        if shared.holding > 0 && is_shut && !tables.families.is_empty() {
            shared.left.push(tables);
            return (Fate::Left, Vec::new());
        }
        let mut errors = tables.remove();
        if shared.holding == 0 {
            errors.extend(shared.left.drain(..).flat_map(Tables::remove));
        }
        (Fate::Removed, errors)
    }
}

impl Tables {
    fn remove(mut self) -> Vec<NetlinkError> {
        let mut standing = Vec::new();
        for family in self.families.drain(..) {
            let mut batch = Batch::default();
            batch.remove_table(family, &self.name);
            standing.extend(batch.commit(&mut self.owner).err().filter(|error| error.errno != Errno::ENOENT));
        }
        if standing.is_empty() {
            self.owner.close_later();
        } else {
            // Then its end is what removes them, and is waited for.
            drop(self.owner);
        }
        standing
    }
}

/// Whoever panicked with it had nothing half done: counts and lists are changed in one go.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::in_scratch_namespace;
    use crate::netlink::Protocol;

    #[test]
    fn what_still_acts_goes_whoever_holds_packets_beside_it() {
        let done = in_scratch_namespace(|| {
            // Tables that are gone already: what counts is whether they are kept.
            let tables = || Tables {
                owner: Socket::open(Protocol::Netfilter).unwrap(),
                name: "squall_test".to_owned(),
                families: vec![Family::Inet],
            };
            let namespace = u64::MAX;
            let (mut holding, mut over) = (Neighbours::of(namespace), Neighbours::of(namespace));
            holding.begin_to_hold();
            assert_eq!(over.remove(tables(), true).0, Fate::Left);
            assert_eq!(over.remove(tables(), false).0, Fate::Removed);
            let (fate, errors) = holding.remove(tables(), true);
            assert!(fate == Fate::Removed && errors.is_empty(), "{errors:?}");
        });
        if let Err(error) = done {
            let is_ci = std::env::var_os("CI").is_some();
            assert!(!is_ci, "no network namespace can be made: {error}");
            eprintln!("skipped: {error}");
        }
    }
}
