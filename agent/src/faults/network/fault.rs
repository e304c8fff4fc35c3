//! A network fault that is on: what it put into the kernel, and how that is taken away.

use super::evidence::evidence;
use super::hold::Holder;
use super::neighbours::{Fate, Neighbours, Tables};
use super::plan::{self, Hold, Plan, plan};
use super::traffic::{LEASE, lease_element};
use crate::explain;
use crate::kernel::{NamespaceError, in_namespace};
use crate::netlink::nftables::{Batch, CounterTotals, Expression, Family, Table, counters, table_exists};
use crate::netlink::queue::Queue;
use crate::netlink::{Link, NetlinkError, Protocol, Socket, links};
use nix::errno::Errno;
use squall_experiments::fault::{Evidence, NetworkOrder, Refusal, RefusalKind};
use squall_experiments::name::FaultId;
use std::fmt;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Where the agent's own channel to its runner ends: nowhere on a network while it is a Unix socket.
const CONTROL: &[SocketAddr] = &[];
/// Where the search for a free queue begins, away from the low numbers that people pick by hand.
const FIRST_QUEUE: u16 = 40_000;
/// A queue holds as many packets as come in its delay at this rate, but within these bounds ...
const PACKETS_PER_SECOND: f64 = 100_000.0;
const SMALLEST_QUEUE: f64 = 1_024.0;
/// ... so that a reader that hangs costs at most so many packets; what comes then passes unheld.
const LARGEST_QUEUE: f64 = 65_536.0;

/// Set once the kernel said it has no `queue` expression: asking costs it a search for a module, milliseconds each time.
static WITHOUT_QUEUE: AtomicBool = AtomicBool::new(false);

/// Why a fault was not injected. Nothing of it is left in the kernel.
#[derive(Debug, thiserror::Error)]
pub enum InjectError {
    /// The order cannot be carried out.
    #[error("{}", .0.reason)]
    Refused(Refusal),
    /// The namespace was not entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// The kernel refused.
    #[error(transparent)]
    Kernel(#[from] NetlinkError),
    /// No thread to hold packets.
    #[error("start the reader of a packet queue")]
    Thread(#[source] std::io::Error),
}

impl From<InjectError> for Refusal {
    fn from(error: InjectError) -> Self {
        let failed = |reason| Refusal { kind: RefusalKind::Failed, reason };
        match error {
            InjectError::Refused(refusal) => refusal,
            InjectError::Kernel(error) => {
                // What a kernel says of something it was built without.
                let missing = matches!(
                    error.errno,
                    Errno::ENOENT | Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT | Errno::EAFNOSUPPORT | Errno::EINVAL
                );
                let kind = if missing { RefusalKind::Unsupported } else { RefusalKind::Failed };
                Refusal { kind, reason: error.to_string() }
            }
            InjectError::Namespace(error) => failed(explain(&error)),
            InjectError::Thread(_) => failed(explain(&error)),
        }
    }
}

/// Everything that went wrong in a revert. Nothing was left out because of it.
#[derive(Debug, Default, thiserror::Error)]
pub struct RevertErrors(pub Vec<NetlinkError>);

impl fmt::Display for RevertErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }
}

/// A network fault that is on. Dropping it reverts it; if the process dies, the kernel does.
#[derive(Debug)]
pub struct NetworkFault {
    backend: String,
    name: String,
    /// The families in which it has a table.
    families: Vec<Family>,
    /// `None` once it is reverted. The kernel removes the tables when this closes.
    owner: Option<Socket>,
    neighbours: Neighbours,
    /// What became of the tables at the revert.
    fate: Fate,
    holder: Option<Holder>,
    /// Why the reader broke, until it is told.
    broken: Option<NetlinkError>,
    /// What the counters said last.
    counted: Vec<CounterTotals>,
}

impl NetworkFault {
    /// Carries an order out in `namespace`, for as long as `lease`.
    ///
    /// # Errors
    /// When the order or the kernel forbids it. Nothing is left of it then.
    pub fn inject(
        id: &FaultId,
        order: &NetworkOrder,
        namespace: BorrowedFd<'_>,
        lease: Duration,
    ) -> Result<Self, InjectError> {
        let prepared = in_namespace(namespace, || prepare(id, order, lease))??;
        Self::carry_out(id, prepared)
    }

    /// The same in the calling thread's own network namespace.
    ///
    /// # Errors
    /// When the order or the kernel forbids it. Nothing is left of it then.
    pub fn inject_here(id: &FaultId, order: &NetworkOrder, lease: Duration) -> Result<Self, InjectError> {
        Self::carry_out(id, prepare(id, order, lease)?)
    }

    fn carry_out(id: &FaultId, (plan, mut owner, queue, neighbours): Prepared) -> Result<Self, InjectError> {
        let name = plan::table_name(id);
        if table_exists(&mut owner, &name)? {
            let reason = format!("fault {id} is already there: nftables table {name} stands");
            return Err(InjectError::Refused(Refusal { kind: RefusalKind::Overlap, reason }));
        }
        let Plan { drops, hold, backend } = plan;
        let mut fault = Self {
            backend,
            name,
            families: Vec::new(),
            owner: Some(owner),
            neighbours,
            fate: Fate::Removed,
            holder: None,
            broken: None,
            counted: Vec::new(),
        };
        // From here on an early return drops `fault`, which reverts what is done.
        if let Some((hold, queue)) = hold.zip(queue) {
            let number = queue.number();
            fault.neighbours.begin_to_hold();
            // The reader first: a packet that is queued before anyone reads would wait in vain.
            fault.holder = Some(Holder::start(queue, hold.delay, hold.jitter).map_err(InjectError::Thread)?);
            fault.make_hold(&hold, number)?;
        }
        if let Some(drops) = drops {
            fault.make(&drops)?;
        }
        Ok(fault)
    }

    /// What carries it, for evidence.
    pub fn backend(&self) -> &str {
        &self.backend
    }

    /// Keeps the gate open for so long from now.
    ///
    /// # Errors
    /// The kernel's refusal; the gate shuts when it would have.
    pub fn renew(&mut self, lease: Duration) -> Result<(), NetlinkError> {
        let doing = || format!("renew the lease of nftables table {}", self.name);
        let Some(owner) = &mut self.owner else { return Err(NetlinkError::new(doing(), Errno::ENOENT)) };
        let open = [lease_element(lease)];
        for &family in &self.families {
            // Adding a member that is there says yes and extends nothing, so it is removed and
            // added in one step, without a gap. One that is gone already makes that step fail.
            let mut batch = Batch::default();
            batch.remove_elements(family, &self.name, LEASE, &open);
            batch.add_elements(family, &self.name, LEASE, &open);
            match batch.commit(owner) {
                Err(error) if error.errno == Errno::ENOENT => {
                    let mut batch = Batch::default();
                    batch.add_elements(family, &self.name, LEASE, &open);
                    batch.commit(owner)?;
                }
                result => result?,
            }
        }
        Ok(())
    }

    /// Why it is, or was until its revert, on in name only, once: the reader of what it holds broke, and packets
    /// passed unheld.
    pub fn broke(&mut self) -> Option<NetlinkError> {
        self.broken.take().or_else(|| self.holder.as_mut().and_then(Holder::broke))
    }

    /// What it has done so far; after the revert, what it did.
    ///
    /// # Errors
    /// When the counters cannot be read.
    pub fn evidence(&mut self) -> Result<Evidence, NetlinkError> {
        self.count()?;
        Ok(evidence(&self.counted, self.holder.as_ref().map(Holder::seen).as_ref()))
    }

    /// Takes everything away. Again: nothing to do.
    ///
    /// # Errors
    /// All that went wrong. The socket is closed even so, and the kernel removes what it owned.
    pub fn revert(&mut self) -> Result<(), RevertErrors> {
        let mut errors = Vec::new();
        // First the gate, so that nothing new is held; then what is held is let go; only then the
        // tables: when a hook goes, the kernel *drops* whatever waits in any queue of the namespace.
        let open = self.shut();
        let is_shut = open.is_empty();
        errors.extend(open);
        // A reader that broke since anybody looked is no failure to revert: it is the fault that failed.
        self.broken = self.broken.take().or_else(|| self.holder.as_mut().and_then(|holder| holder.stop().err()));
        errors.extend(self.count().err());
        if let Some(owner) = self.owner.take() {
            let tables = Tables { owner, name: self.name.clone(), families: std::mem::take(&mut self.families) };
            let (fate, standing) = self.neighbours.remove(tables, is_shut);
            self.fate = fate;
            errors.extend(standing);
        }
        if let Some(holder) = &mut self.holder {
            holder.close();
        }
        if errors.is_empty() { Ok(()) } else { Err(RevertErrors(errors)) }
    }

    /// Whether its tables outlast its revert, inert, for the sake of another fault that holds packets beside it.
    pub fn left_tables(&self) -> bool {
        self.fate == Fate::Left
    }

    /// Shuts the gate of every family, whatever becomes of the others; what went wrong.
    fn shut(&mut self) -> Vec<NetlinkError> {
        let Some(owner) = &mut self.owner else { return Vec::new() };
        let mut errors = Vec::new();
        for &family in &self.families {
            let mut batch = Batch::default();
            batch.remove_elements(family, &self.name, LEASE, &[lease_element(Duration::ZERO)]);
            // Not there: the lease has ended.
            errors.extend(batch.commit(owner).err().filter(|error| error.errno != Errno::ENOENT));
        }
        errors
    }

    fn count(&mut self) -> Result<(), NetlinkError> {
        let Some(owner) = &mut self.owner else { return Ok(()) };
        let mut all = Vec::new();
        for &family in &self.families {
            all.extend(counters(owner, family, &self.name)?);
        }
        self.counted = all;
        Ok(())
    }

    /// By nftables' own expression where the kernel has it, else by the target of xtables.
    fn make_hold(&mut self, hold: &Hold, queue: u16) -> Result<(), InjectError> {
        let by_target = |fault: &mut Self| fault.make(&hold.table(Expression::QueueByTarget(queue)));
        if WITHOUT_QUEUE.load(Ordering::Relaxed) {
            return by_target(self);
        }
        match self.make(&hold.table(Expression::Queue(queue))) {
            Err(InjectError::Kernel(error)) if error.errno == Errno::ENOENT => {
                WITHOUT_QUEUE.store(true, Ordering::Relaxed);
                by_target(self)
            }
            result => result,
        }
    }

    fn make(&mut self, table: &Table) -> Result<(), InjectError> {
        let owner = self.owner.as_mut().expect("not reverted: it is being injected");
        let mut batch = Batch::default();
        batch.make_owned(table);
        batch.commit(owner)?;
        self.families.push(table.family);
        Ok(())
    }
}

impl Drop for NetworkFault {
    fn drop(&mut self) {
        if let Err(errors) = self.revert() {
            tracing::warn!(%errors, table = self.name, "a network fault was dropped and its revert complained");
        }
    }
}

/// Carries an order out in the calling thread's network namespace, on its loopback, and takes it away at once:
/// whether this kernel and these privileges can. Gives back the backend.
///
/// # Errors
/// What forbids it.
pub fn try_here(order: &NetworkOrder) -> Result<String, InjectError> {
    let links = links(&mut Socket::open(Protocol::Route)?)?;
    let as_another: Vec<Link> = links.into_iter().map(|link| Link { loopback: false, ..link }).collect();
    let id = FaultId::new("probe");
    let plan = plan(&id, order, &as_another, CONTROL, Duration::from_secs(1)).map_err(InjectError::Refused)?;
    let fault = NetworkFault::carry_out(&id, open(plan)?)?;
    Ok(fault.backend().to_owned())
}

/// By what an order would be carried out in `namespace`. Looks at its interfaces, and touches nothing.
///
/// # Errors
/// When the order forbids it, or the namespace is not entered.
pub fn foresee(id: &FaultId, order: &NetworkOrder, namespace: BorrowedFd<'_>) -> Result<String, InjectError> {
    in_namespace(namespace, || look_around(id, order, Duration::ZERO).map(|plan| plan.backend))?
}

/// A plan, the sockets it needs, and its place among the faults of its namespace.
type Prepared = (Plan, Socket, Option<Queue>, Neighbours);

/// Looks around in the calling thread's network namespace and opens there what will be used from anywhere.
fn prepare(id: &FaultId, order: &NetworkOrder, lease: Duration) -> Result<Prepared, InjectError> {
    open(look_around(id, order, lease)?)
}

/// The plan for the calling thread's network namespace as it is now.
fn look_around(id: &FaultId, order: &NetworkOrder, lease: Duration) -> Result<Plan, InjectError> {
    let links = links(&mut Socket::open(Protocol::Route)?)?;
    plan(id, order, &links, CONTROL, lease).map_err(InjectError::Refused)
}

/// The sockets a plan needs, in the calling thread's network namespace.
fn open(plan: Plan) -> Result<Prepared, InjectError> {
    let here = std::fs::metadata("/proc/thread-self/ns/net").map_err(NamespaceError::Enter)?;
    let queue = plan.hold.as_ref().map(|hold| Queue::bind_free(FIRST_QUEUE, capacity(hold))).transpose()?;
    Ok((plan, Socket::open(Protocol::Netfilter)?, queue, Neighbours::of(here.ino())))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a small positive number")]
fn capacity(hold: &Hold) -> u32 {
    let longest = (hold.delay + hold.jitter).as_secs_f64();
    (longest * PACKETS_PER_SECOND).clamp(SMALLEST_QUEUE, LARGEST_QUEUE) as u32
}

#[cfg(test)]
pub(crate) mod testing {
    //! Faults for tests.

    use super::*;

    use crate::faults::network::hold::testing::{breaks_when_stopped, broken};

    /// A delay whose reader breaks, and nothing in the kernel.
    pub fn broken_delay() -> NetworkFault {
        held_by(broken())
    }

    /// A delay whose reader breaks after the last look at it.
    pub fn delay_that_breaks_last() -> NetworkFault {
        held_by(breaks_when_stopped())
    }

    fn held_by(holder: Holder) -> NetworkFault {
        let (backend, name) = ("test".to_owned(), "squall_test".to_owned());
        NetworkFault {
            backend,
            name,
            families: Vec::new(),
            owner: None,
            neighbours: Neighbours::of(0),
            fate: Fate::Removed,
            holder: Some(holder),
            broken: None,
            counted: Vec::new(),
        }
    }
}
