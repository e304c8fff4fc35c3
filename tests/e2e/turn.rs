//! Two worlds at a time, however many tests run: more would wait for the processor, and be judged for it.

use std::sync::{Condvar, Mutex};

/// How many worlds two cores carry.
const AT_ONCE: usize = 2;

static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// The right to have so many worlds, until dropped.
#[must_use]
pub struct Turn(usize);

/// Waits until there is room for so many worlds. All of them at once: two tests that held one each and waited for
/// another would wait for ever.
pub fn turn(worlds: usize) -> Turn {
    assert!(worlds <= AT_ONCE, "there is never room for {worlds} worlds");
    let running = RUNNING.lock().unwrap();
    let mut running = ENDED.wait_while(running, |running| *running + worlds > AT_ONCE).unwrap();
    *running += worlds;
    Turn(worlds)
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Ok(mut running) = RUNNING.lock() {
            *running -= self.0;
        }
        ENDED.notify_all();
    }
}
