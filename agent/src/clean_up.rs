//! `revert` for a person: through the agent's socket while it answers; without it, by ending an agent
//! that hangs (its death reverts) and sweeping its ledger.

use crate::client::{Client, ClientError};
use crate::explain;
use crate::ledger::{Entry, Ledger, Ordered};
use crate::process::Process;
use crate::state::{StateError, StateFolder, StateLock};
use crate::sweep::sweep;
use squall_experiments::fault::{FaultState, FaultStatus, Fence, Signal};
use squall_experiments::name::FaultId;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a killed agent may take to be gone.
const DIES_WITHIN: Duration = Duration::from_secs(10);

/// What became of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is undone.
    Undone,
    /// It could not be made sure of, and why.
    MayRemain(String),
}

/// Faults of a dead agent that may be on.
pub fn pending(state: &StateFolder) -> anyhow::Result<Vec<Ordered>> {
    let replay = Ledger::read(&state.ledger())?;
    Ok(replay.pending.into_iter().map(|pending| pending.ordered).collect())
}

/// Undoes one fault, or all.
pub async fn revert(
    state: &StateFolder,
    socket: &Path,
    fault: Option<&FaultId>,
) -> anyhow::Result<Vec<(FaultId, Outcome)>> {
    match through_the_agent(socket, fault).await {
        Ok(outcomes) => Ok(outcomes),
        Err(ClientError::Unreachable { .. }) => without_the_agent(state, fault),
        Err(error) => {
            eprintln!("the agent does not answer ({}); ending it: its death reverts", explain(&error));
            without_the_agent(state, fault)
        }
    }
}

async fn through_the_agent(socket: &Path, fault: Option<&FaultId>) -> Result<Vec<(FaultId, Outcome)>, ClientError> {
    let client = Client::connect(socket).await?;
    let is_asked = |status: &FaultStatus| {
        status.state != FaultState::Reverted && fault.is_none_or(|fault| status.order.id == *fault)
    };
    let asked: Vec<FaultId> = client.list().await?.into_iter().filter(is_asked).map(|status| status.order.id).collect();
    let mut outcomes = Vec::new();
    for fault in asked {
        let outcome = match client.revert(None, &fault).await {
            Ok(_) => Outcome::Undone,
            Err(ClientError::Refused(refusal)) => Outcome::MayRemain(refusal.reason),
            Err(error) => return Err(error),
        };
        outcomes.push((fault, outcome));
    }
    Ok(outcomes)
}

fn without_the_agent(state: &StateFolder, fault: Option<&FaultId>) -> anyhow::Result<Vec<(FaultId, Outcome)>> {
    if !state.path().exists() {
        return Ok(Vec::new());
    }
    let _lock = take_from_a_dead_agent(state)?;
    let swept = sweep(&state.ledger())?;
    let mut outcomes = Vec::new();
    let mut kept: Vec<Entry> =
        swept.epochs.into_iter().map(|(run, epoch)| Entry::Epoch(Fence { run, epoch })).collect();
    for (ordered, differences) in swept.faults {
        let id = ordered.order.id.clone();
        let outcome = if differences.is_empty() {
            Outcome::Undone
        } else {
            kept.push(Entry::Ordered(Box::new(ordered)));
            let whats: Vec<String> =
                differences.iter().map(|one| format!("{}: {} -> {}", one.what, one.before, one.after)).collect();
            Outcome::MayRemain(whats.join("; "))
        };
        outcomes.push((id, outcome));
    }
    // Everything has been swept: a ledger that cannot be written now costs a needless sweep later.
    match Ledger::begin_anew(&state.ledger(), &kept) {
        Ok(ledger) => {
            if let Some(aside) = ledger.kept_aside() {
                eprintln!("the ledger had lines that cannot be read: they are kept in `{}`", aside.display());
            }
        }
        Err(error) => eprintln!("everything is swept, but {}", explain(&error)),
    }
    outcomes.retain(|(id, _)| fault.is_none_or(|fault| fault == id));
    Ok(outcomes)
}

fn take_from_a_dead_agent(state: &StateFolder) -> anyhow::Result<StateLock> {
    let agent = match state.take() {
        Ok(lock) => return Ok(lock),
        Err(StateError::Taken { agent: Some(_), .. }) => state.agent(),
        Err(error) => return Err(error.into()),
    };
    let Some((pid, start)) = agent else { return Ok(state.take()?) };
    if let Some(process) = Process::open(pid)?.filter(|process| process.start() == start) {
        process.signal(Signal::KILL)?;
    }
    let until = Instant::now() + DIES_WITHIN;
    loop {
        match state.take() {
            Ok(lock) => return Ok(lock),
            Err(error) if Instant::now() > until => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
