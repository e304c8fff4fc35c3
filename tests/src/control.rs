//! How the holder of a world talks to the world's first process: one JSON line each way, over its stdin and stdout.
//!
//! The pipe is also the lifeline. When the holder dies, however it dies, the kernel closes its end; the first process
//! reads the end of its input and ends, and the kernel ends everything else in the world with it.

use serde::{Deserialize, Serialize};

use crate::supervisor::Death;

/// What the holder asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Stop a part without ending it (SIGSTOP).
    Freeze(String),
    /// Let a frozen part go on.
    Thaw(String),
    /// End a part; it stays down.
    Stop(String),
    /// Start a stopped part again.
    Start(String),
    /// Leave the world's directory when the world ends. Has no answer.
    Keep,
    /// What died unasked so far?
    Deaths,
}

/// What the world's first process says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// Once, first: the world is up.
    Ready,
    /// Done as asked.
    Done,
    /// The deaths nobody asked for.
    Deaths(Vec<Death>),
    /// It could not be done (before `Ready`: the world could not be built, and ends).
    Failed(String),
}
