//! The reader of a packet queue: lets each packet go when its time has come.
//!
//! One thread per fault, because a verdict must leave to the tenth of a millisecond whatever else the agent
//! does. It ends when its [`Holder`] lets go of the pipe between them; before it ends it lets every
//! packet go.

use crate::netlink::NetlinkError;
use crate::netlink::queue::{PacketNumber, Queue};
use hdrhistogram::Histogram;
use nix::errno::Errno;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What the way into the queue and out of it costs beside the wait, and so is taken off it: the least that was
/// measured (0.2 ms is the median), so that no packet is held shorter than asked.
const FIXED_COST: Duration = Duration::from_micros(100);
/// Messages read before due packets are looked at again.
const ROUND: usize = 512;
/// At the end: the queue is empty when nothing came for so long ...
const QUIET: Duration = Duration::from_millis(2);
/// ... or it is given up after this: the gate before it is shut, so this is not reached.
const DRAIN_LIMIT: Duration = Duration::from_millis(200);
/// Longer holds count as this long.
const LONGEST_MICROS: u64 = 3_600_000_000;

/// What the reader has seen: totals.
#[derive(Debug, Clone)]
pub struct Seen {
    held: Histogram<u64>,
}

impl Seen {
    fn new() -> Self {
        Self { held: Histogram::new_with_bounds(1, LONGEST_MICROS, 3).expect("valid bounds") }
    }

    /// Packets let go when their time had come.
    pub fn released(&self) -> u64 {
        self.held.len()
    }

    /// How long they were held, in microseconds, the fixed cost of the queue included.
    pub fn held(&self) -> &Histogram<u64> {
        &self.held
    }
}

/// The thread that reads a queue. Dropping it lets every packet go.
#[derive(Debug)]
pub struct Holder {
    /// Closed to tell the thread to end.
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<Result<Queue, NetlinkError>>>,
    /// Empty, once the thread has ended.
    queue: Option<Queue>,
    seen: Arc<Mutex<Seen>>,
}

impl Holder {
    /// Starts to hold what comes into the queue.
    ///
    /// # Errors
    /// When there is no thread or no pipe to be had.
    pub fn start(queue: Queue, delay: Duration, jitter: Duration) -> std::io::Result<Self> {
        let (stopped, stop) = pipe_with(PipeFlags::CLOEXEC)?;
        let seen = Arc::new(Mutex::new(Seen::new()));
        let mut reader = Reader {
            wait: delay.saturating_sub(FIXED_COST),
            jitter,
            random: Random(u64::from(queue.number()) | 1 << 32),
            waiting: if jitter.is_zero() {
                Waiting::InOrder(VecDeque::new())
            } else {
                Waiting::Apart(BinaryHeap::new())
            },
            last: PacketNumber::NONE,
            queue,
            seen: Arc::clone(&seen),
        };
        let thread = std::thread::Builder::new().name("packet-queue".into()).spawn(move || {
            // If this breaks, the queue closes here and now, and what comes later passes.
            reader.run(&stopped)?;
            Ok(reader.queue)
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread), queue: None, seen })
    }

    /// What has been held so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the reader broke, once; packets pass unheld since. `None`: it reads, or has been stopped.
    pub fn broke(&mut self) -> Option<NetlinkError> {
        // Untold it ends only by breaking.
        let has_ended = self.thread.as_ref().is_some_and(JoinHandle::is_finished);
        has_ended.then(|| self.stop().err()).flatten()
    }

    /// Lets every packet go and ends. The gate before the queue must be shut. The empty queue stays until
    /// [`close`](Self::close): closing it would hold up the removal of the tables, by their namespace's lock.
    ///
    /// # Errors
    /// Why the reader broke, if it did: packets it held are lost then, later ones passed.
    pub fn stop(&mut self) -> Result<(), NetlinkError> {
        self.stop = None;
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result.map(|queue| self.queue = Some(queue)),
            Some(Err(_)) => Err(NetlinkError::new("read a packet queue: its reader panicked", Errno::ECANCELED)),
        }
    }

    /// Gives the queue back to the kernel, once nothing hands packets to it.
    pub fn close(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.close_later();
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(%error, "a packet queue's reader broke");
        }
    }
}

/// A packet, and when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Packet {
    number: PacketNumber,
    came: Instant,
}

#[derive(Debug)]
enum Waiting {
    /// All wait equally long: the first that came is the first that goes, many by one verdict.
    InOrder(VecDeque<(Instant, Packet)>),
    /// Each has its own time.
    Apart(BinaryHeap<Reverse<(Instant, Packet)>>),
}

impl Waiting {
    fn push(&mut self, due: Instant, packet: Packet) {
        match self {
            Self::InOrder(line) => line.push_back((due, packet)),
            Self::Apart(heap) => heap.push(Reverse((due, packet))),
        }
    }

    fn next_due(&self) -> Option<Instant> {
        match self {
            Self::InOrder(line) => line.front().map(|(due, _)| *due),
            Self::Apart(heap) => heap.peek().map(|Reverse((due, _))| *due),
        }
    }

    fn pop_due(&mut self, now: Instant) -> Option<Packet> {
        self.next_due().filter(|due| *due <= now)?;
        match self {
            Self::InOrder(line) => line.pop_front().map(|(_, packet)| packet),
            Self::Apart(heap) => heap.pop().map(|Reverse((_, packet))| packet),
        }
    }
}

struct Reader {
    queue: Queue,
    wait: Duration,
    jitter: Duration,
    random: Random,
    waiting: Waiting,
    last: PacketNumber,
    seen: Arc<Mutex<Seen>>,
}

impl Reader {
    fn run(&mut self, stopped: &OwnedFd) -> Result<(), NetlinkError> {
        // The kernel may wake us up to 50 us late by default, to save power. Refusal costs only that.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        loop {
            let now = Instant::now();
            let timeout = self.waiting.next_due().map(|due| due.saturating_duration_since(now));
            let mut watched = [PollFd::new(&self.queue, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
            wait(&mut watched, timeout)?;
            if !watched[1].revents().is_empty() {
                return self.drain();
            }
            self.receive()?;
            self.release()?;
        }
    }

    fn receive(&mut self) -> Result<(), NetlinkError> {
        let Self { queue, wait, jitter, random, waiting, last, .. } = self;
        queue.receive(ROUND, |number| {
            let came = Instant::now();
            *last = number;
            waiting.push(came + random.around(*wait, *jitter), Packet { number, came });
        })
    }

    fn release(&mut self) -> Result<(), NetlinkError> {
        let now = Instant::now();
        let due: Vec<Packet> = std::iter::from_fn(|| self.waiting.pop_due(now)).collect();
        let Some(last) = due.last() else { return Ok(()) };
        match &self.waiting {
            Waiting::InOrder(_) => self.queue.accept_through(last.number)?,
            Waiting::Apart(_) => {
                self.queue.accept(&due.iter().map(|packet| packet.number).collect::<Vec<_>>())?;
            }
        }
        let gone = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for packet in due {
            let held = gone.duration_since(packet.came) + FIXED_COST;
            seen.held.saturating_record(u64::try_from(held.as_micros()).unwrap_or(LONGEST_MICROS));
        }
        Ok(())
    }

    /// Lets everything go, also what is still on its way through the hook that queued it.
    fn drain(&mut self) -> Result<(), NetlinkError> {
        let began = Instant::now();
        let mut quiet_since = began;
        self.receive()?;
        self.queue.accept_through(self.last.far_ahead())?;
        while quiet_since.elapsed() < QUIET && began.elapsed() < DRAIN_LIMIT {
            let mut watched = [PollFd::new(&self.queue, PollFlags::IN)];
            wait(&mut watched, Some(QUIET.saturating_sub(quiet_since.elapsed())))?;
            let last = self.last;
            // What comes may also be the answer to a verdict on nothing.
            self.receive()?;
            if self.last != last {
                self.queue.accept_through(self.last.far_ahead())?;
                quiet_since = Instant::now();
            }
        }
        Ok(())
    }
}

fn wait(watched: &mut [PollFd<'_>], timeout: Option<Duration>) -> Result<(), NetlinkError> {
    let timeout = timeout.map(|timeout| Timespec::try_from(timeout).expect("a wait of hours fits"));
    match poll(watched, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(errno) => Err(NetlinkError::from_call("wait for a packet queue", errno)),
    }
}

/// xorshift64*: evenly spread is all that jitter asks for.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A time between `middle - spread` and `middle + spread`, never negative.
    fn around(&mut self, middle: Duration, spread: Duration) -> Duration {
        let width = u64::try_from(spread.as_nanos() * 2).unwrap_or(u64::MAX);
        if width == 0 {
            return middle;
        }
        (middle + Duration::from_nanos(self.next() % (width + 1))).saturating_sub(spread)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::broken;
    use super::*;

    #[test]
    fn jitter_is_spread_evenly_around_the_delay() {
        let mut random = Random(7);
        let (middle, spread) = (Duration::from_millis(50), Duration::from_millis(10));
        let all: Vec<Duration> = (0..10_000).map(|_| random.around(middle, spread)).collect();
        assert!(all.iter().all(|one| (40..=60).contains(&one.as_millis())));
        for bucket in 0..4 {
            let low = Duration::from_millis(40 + bucket * 5);
            let count = all.iter().filter(|one| (low..low + Duration::from_millis(5)).contains(*one)).count();
            assert!((2200..2800).contains(&count), "{count} of 10000 in a quarter of the range");
        }
        assert_eq!(random.around(Duration::ZERO, Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_reader_that_breaks_is_noticed_once() {
        let mut holder = broken();
        let until = Instant::now() + Duration::from_secs(10);
        let error = loop {
            assert!(Instant::now() < until, "it never broke");
            if let Some(error) = holder.broke() {
                break error;
            }
            std::thread::yield_now();
        };
        assert_eq!(error.errno, Errno::ENOTSOCK);
        assert!(holder.broke().is_none());
        holder.stop().unwrap();
    }

    #[test]
    fn packets_leave_in_the_order_of_their_times() {
        let now = Instant::now();
        let packet = Packet { number: PacketNumber::NONE, came: now };
        let mut waiting = Waiting::Apart(BinaryHeap::new());
        for millis in [30, 10, 20] {
            waiting.push(now + Duration::from_millis(millis), packet);
        }
        assert_eq!(waiting.next_due(), Some(now + Duration::from_millis(10)));
        let later = now + Duration::from_millis(20);
        assert_eq!(std::iter::from_fn(|| waiting.pop_due(later)).count(), 2);
        assert_eq!(waiting.next_due(), Some(now + Duration::from_millis(30)));
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Readers for tests.

    use super::*;

    /// A reader whose queue is no socket: it breaks as soon as it reads.
    pub fn broken() -> Holder {
        let (queue, _closed) = rustix::pipe::pipe().unwrap();
        Holder::start(Queue::over(queue), Duration::from_millis(1), Duration::ZERO).unwrap()
    }

    /// A reader that waits in peace until it is told to end, and breaks when it then lets go of its packets: as late
    /// as a reader can break.
    pub fn breaks_when_stopped() -> Holder {
        let (queue, open) = rustix::pipe::pipe().unwrap();
        // For as long as the process lives: nobody writes, and nobody closes.
        std::mem::forget(open);
        Holder::start(Queue::over(queue), Duration::from_millis(1), Duration::ZERO).unwrap()
    }
}
