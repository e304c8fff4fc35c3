//! The agent behind a Unix socket; on this machine it is started when there is none.
//!
//! A local agent is `squall agent serve --detach`: a session of its own, so Ctrl-C does not reach it; it
//! outlives the runner, ends when it holds nothing and nobody calls, and holds nobody's output open.
//! When it is gone in the middle of a run the next call starts it again on its state directory, where it
//! sweeps what the last one left.

use super::link::{AgentLink, LinkError, Position, Reports};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use squall_agent::state::StateFolder;
use squall_agent::{Client, ClientError};
use squall_experiments::fault::{AgentDescription, FaultStatus, Fence, Order, Refusal};
use squall_experiments::name::{FaultId, RunId};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long an agent may take to sweep what its last life left, and to listen.
const STARTS_WITHIN: Duration = Duration::from_secs(15);
/// Between two looks for a socket that is about to be there.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// An agent that nobody needs any more ends after this.
const IDLE_SECONDS: &str = "60";

/// An agent behind a Unix socket.
pub struct SocketAgent {
    socket: PathBuf,
    starter: Option<Starter>,
    client: Mutex<Option<Client>>,
}

/// Starts an agent on this machine.
struct Starter {
    squall: PathBuf,
    state: PathBuf,
}

impl SocketAgent {
    /// The agent of this machine, started by `squall` when there is none.
    pub fn local(squall: PathBuf, state: &StateFolder) -> Self {
        let starter = Starter { squall, state: state.path().to_owned() };
        Self { socket: state.socket(), starter: Some(starter), client: Mutex::new(None) }
    }

    /// An agent that somebody else runs.
    pub fn at(socket: PathBuf) -> Self {
        Self { socket, starter: None, client: Mutex::new(None) }
    }

    async fn client(&self) -> Result<Client, LinkError> {
        // Held while it starts: two calls must not start two agents.
        let mut kept = self.client.lock().await;
        if let Some(client) = kept.as_ref() {
            return Ok(client.clone());
        }
        let client = match (Client::connect(&self.socket).await, &self.starter) {
            (Ok(client), _) => client,
            (Err(ClientError::Unreachable { .. }), Some(starter)) => starter.start(&self.socket).await?,
            (Err(error), _) => return Err(link(&error)),
        };
        *kept = Some(client.clone());
        Ok(client)
    }

    /// What came back of a call. A broken connection is given up: the next call looks for a living agent.
    async fn settle<T>(&self, result: Result<T, ClientError>) -> Result<Result<T, Refusal>, LinkError> {
        match result {
            Ok(value) => Ok(Ok(value)),
            Err(ClientError::Refused(refusal)) => Ok(Err(refusal)),
            Err(error) => {
                *self.client.lock().await = None;
                Err(link(&error))
            }
        }
    }
}

impl Starter {
    /// Starts one, and returns once it, or another one that was quicker, listens.
    async fn start(&self, socket: &Path) -> Result<Client, LinkError> {
        let failed = |reason: String| LinkError(format!("the local agent does not start: {reason}"));
        let until = Instant::now() + STARTS_WITHIN;
        let mut child = tokio::process::Command::new(&self.squall)
            .args(["agent", "serve", "--detach", "--idle", IDLE_SECONDS, "--state"])
            .arg(&self.state)
            .current_dir(Path::new("/"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let mut words = String::new();
        let mut stderr = child.stderr.take().expect("it is piped");
        // It lets go of its output once it listens; an agent that fails lets go by ending, and says why.
        match tokio::time::timeout_at(until, stderr.read_to_string(&mut words)).await {
            Ok(_) => {}
            Err(_) => return Err(failed("it takes too long".to_owned())),
        }
        loop {
            let ended = child.try_wait().map_err(|error| failed(error.to_string()))?;
            // Two runners may have started one each: the one that came second waits for the other's.
            if ended.is_some_and(|status| !status.success()) && !words.contains("another agent") {
                return Err(failed(words.lines().last().unwrap_or("it says nothing").to_owned()));
            }
            match Client::connect(socket).await {
                Err(ClientError::Unreachable { .. }) if Instant::now() < until => {
                    tokio::time::sleep(BETWEEN_LOOKS).await;
                }
                connected => return connected.map_err(|error| link(&error)),
            }
        }
    }
}

fn link(error: &ClientError) -> LinkError {
    LinkError(crate::chain(error))
}

impl AgentLink for SocketAgent {
    fn describe(&self) -> BoxFuture<'_, Result<AgentDescription, LinkError>> {
        async {
            let client = self.client().await?;
            let described = self.settle(client.describe().await).await?;
            described.map_err(|refusal| LinkError(refusal.reason))
        }
        .boxed()
    }

    fn consider(
        &self,
        run: Option<RunId>,
        orders: Vec<Order>,
    ) -> BoxFuture<'_, Result<Vec<Result<String, Refusal>>, LinkError>> {
        async move {
            let client = self.client().await?;
            let considered = self.settle(client.consider(run.as_ref(), &orders).await).await?;
            considered.map_err(|refusal| LinkError(refusal.reason))
        }
        .boxed()
    }

    fn inject(&self, fence: Fence, order: Order) -> BoxFuture<'_, Result<Result<FaultStatus, Refusal>, LinkError>> {
        async move { self.settle(self.client().await?.inject(&fence, &order).await).await }.boxed()
    }

    fn renew(
        &self,
        fence: Fence,
        faults: Vec<FaultId>,
    ) -> BoxFuture<'_, Result<Result<Vec<FaultStatus>, Refusal>, LinkError>> {
        async move { self.settle(self.client().await?.renew(&fence, &faults).await).await }.boxed()
    }

    fn revert(
        &self,
        fence: Fence,
        fault: FaultId,
    ) -> BoxFuture<'_, Result<Result<Option<FaultStatus>, Refusal>, LinkError>> {
        async move { self.settle(self.client().await?.revert(Some(&fence), &fault).await).await }.boxed()
    }

    fn watch(&self, position: Position) -> BoxFuture<'_, Result<Reports, LinkError>> {
        async move {
            let client = self.client().await?;
            let after = squall_agent::Position { life: position.life, number: position.after };
            let reports = match self.settle(client.watch(&after).await).await? {
                Ok(reports) => reports,
                Err(refusal) => return Err(LinkError(refusal.reason)),
            };
            let stream = futures::stream::unfold(Some(reports), |reports| async move {
                let mut reports = reports?;
                match reports.next().await {
                    Ok(Some((report, position))) => {
                        let position = Position { life: position.life, after: position.number };
                        Some((Ok((position, report)), Some(reports)))
                    }
                    Ok(None) => None,
                    Err(error) => Some((Err(link(&error)), None)),
                }
            });
            Ok(Box::pin(stream) as Reports)
        }
        .boxed()
    }
}
