//! Speaks to an agent.
//!
//! Every call is bounded, and every call may be repeated: faults go by their id.

use crate::wire;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use squall_experiments::fault::{AgentDescription, AgentReport, FaultStatus, Fence, Order, Refusal};
use squall_experiments::name::{FaultId, RunId};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Status, Streaming};
use wire::agent_client::AgentClient;

const CONNECTS_WITHIN: Duration = Duration::from_secs(3);
/// An agent that does not answer a question in this time hangs.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// Injecting and reverting do kernel work, and are answered when it is done.
const WORKS_WITHIN: Duration = Duration::from_secs(20);
/// Orders that are considered in one call: a message has its limits, and an order may name a whole zone's addresses.
const ORDERS_AT_ONCE: usize = 64;
/// A dead peer is noticed by this, not after minutes.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers there.
    #[error("reach the agent at `{}`", path.display())]
    Unreachable {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The agent heard and refused.
    #[error("{}", .0.reason)]
    Refused(Refusal),
    /// No answer, or a broken one: whether it was done is not known.
    #[error("ask the agent to {call}")]
    Broken {
        /// What was asked.
        call: &'static str,
        /// What came back.
        #[source]
        source: Box<Status>,
    },
    /// An answer that cannot be read: the agent is of another version.
    #[error("read the agent's answer to {call}")]
    Unreadable {
        /// What was asked.
        call: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// Where a watcher stands: which life of the agent the last report came from, and its number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// The agent's life; empty: the beginning.
    pub life: String,
    /// The report's number in it.
    pub number: u64,
}

/// A connection to an agent. Cheap to clone; comes back by itself after the agent does.
#[derive(Debug, Clone)]
pub struct Client {
    agent: AgentClient<Channel>,
}

impl Client {
    /// Connects to an agent's Unix socket.
    pub async fn connect(path: impl AsRef<Path>) -> Result<Self, ClientError> {
        let path = path.as_ref().to_owned();
        let socket = path.clone();
        let connector = tower::service_fn(move |_: Uri| {
            let path = socket.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let endpoint = Endpoint::from_static("http://agent")
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE)
            .keep_alive_while_idle(true);
        match tokio::time::timeout(CONNECTS_WITHIN, endpoint.connect_with_connector(connector)).await {
            Ok(Ok(channel)) => Ok(Self { agent: AgentClient::new(channel) }),
            Ok(Err(error)) => Err(ClientError::Unreachable { path, source: error.into() }),
            Err(elapsed) => Err(ClientError::Unreachable { path, source: elapsed.into() }),
        }
    }

    /// What the agent is and can.
    pub async fn describe(&self) -> Result<AgentDescription, ClientError> {
        let request = bounded(wire::DescribeRequest {}, ANSWERS_WITHIN);
        let reply = self.agent.clone().describe(request).await.map_err(broken("describe itself"))?;
        read("describe", &reply.into_inner().description_json)
    }

    /// Whether each order would be injected now, in their order: by what, or why not. Nothing is touched.
    /// `run`: whose orders they would be; `None`: nobody's yet.
    pub async fn consider(
        &self,
        run: Option<&RunId>,
        orders: &[Order],
    ) -> Result<Vec<Result<String, Refusal>>, ClientError> {
        use wire::considered::Answer;
        let run = run.map(|run| run.as_str().to_owned()).unwrap_or_default();
        let empty = || broken("consider")(Status::data_loss("an answer is missing"));
        let mut all = Vec::new();
        for some in orders.chunks(ORDERS_AT_ONCE) {
            let request = wire::ConsiderRequest { run: run.clone(), orders_json: some.iter().map(json).collect() };
            let reply = self.agent.clone().consider(bounded(request, WORKS_WITHIN)).await;
            let answers = reply.map_err(broken("consider"))?.into_inner().answers;
            if answers.len() != some.len() {
                return Err(empty());
            }
            for considered in answers {
                all.push(match considered.answer.ok_or_else(empty)? {
                    Answer::Backend(backend) => Ok(backend),
                    Answer::RefusalJson(text) => Err(read("consider", &text)?),
                });
            }
        }
        Ok(all)
    }

    /// Injects a fault. Answered once it is on, over or refused; may be repeated.
    pub async fn inject(&self, fence: &Fence, order: &Order) -> Result<FaultStatus, ClientError> {
        let request = wire::InjectRequest { fence: Some(wired(fence)), order_json: json(order) };
        let reply = self.agent.clone().inject(bounded(request, WORKS_WITHIN)).await.map_err(broken("inject"))?;
        status("inject", reply.into_inner())?.ok_or_else(|| broken("inject")(Status::data_loss("an empty answer")))
    }

    /// Extends the leases of faults; what the agent knows of them comes back.
    pub async fn renew(&self, fence: &Fence, faults: &[FaultId]) -> Result<Vec<FaultStatus>, ClientError> {
        let faults = faults.iter().map(|fault| fault.as_str().to_owned()).collect();
        let request = wire::RenewRequest { fence: Some(wired(fence)), faults };
        let reply = self.agent.clone().renew(bounded(request, ANSWERS_WITHIN)).await.map_err(broken("renew"))?;
        statuses("renew", reply.into_inner())
    }

    /// Undoes a fault. Answered once it is undone; `None`: the agent has no such fault, and will refuse
    /// its order if that comes after all. Without a fence a person asks.
    pub async fn revert(&self, fence: Option<&Fence>, fault: &FaultId) -> Result<Option<FaultStatus>, ClientError> {
        let request = wire::RevertRequest { fence: fence.map(wired), fault: fault.as_str().to_owned() };
        let reply = self.agent.clone().revert(bounded(request, WORKS_WITHIN)).await.map_err(broken("revert"))?;
        status("revert", reply.into_inner())
    }

    /// Every fault the agent holds or remembers.
    pub async fn list(&self) -> Result<Vec<FaultStatus>, ClientError> {
        let request = bounded(wire::ListRequest {}, ANSWERS_WITHIN);
        let reply = self.agent.clone().list(request).await.map_err(broken("list"))?;
        statuses("list", reply.into_inner())
    }

    /// Everything that happens to faults after a position. If the agent has started anew since, from
    /// the beginning of its new life, which tells of the faults it swept.
    pub async fn watch(&self, after: &Position) -> Result<Reports, ClientError> {
        let request = wire::WatchRequest { life: after.life.clone(), after: after.number };
        let mut asking = self.agent.clone();
        let answer = tokio::time::timeout(ANSWERS_WITHIN, asking.watch(request)).await;
        let late = || Status::deadline_exceeded("no answer");
        let stream = answer.unwrap_or_else(|_| Err(late())).map_err(broken("watch"))?.into_inner();
        Ok(Reports { stream })
    }
}

/// A stream of reports.
#[derive(Debug)]
pub struct Reports {
    stream: Streaming<wire::Report>,
}

impl Reports {
    /// The next report and where to go on after it; `None`: the agent has ended the stream.
    pub async fn next(&mut self) -> Result<Option<(AgentReport, Position)>, ClientError> {
        let Some(wire::Report { life, report_json }) = self.stream.message().await.map_err(broken("watch"))? else {
            return Ok(None);
        };
        let report: AgentReport = read("watch", &report_json)?;
        let position = Position { life, number: report.number };
        Ok(Some((report, position)))
    }
}

fn bounded<T>(message: T, within: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(within);
    request
}

fn wired(fence: &Fence) -> wire::Fence {
    wire::Fence { run: fence.run.as_str().to_owned(), epoch: fence.epoch }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("the vocabulary is plain data: maps with text keys")
}

fn broken(call: &'static str) -> impl FnOnce(Status) -> ClientError {
    move |status| ClientError::Broken { call, source: Box::new(status) }
}

fn read<T: DeserializeOwned>(call: &'static str, text: &str) -> Result<T, ClientError> {
    serde_json::from_str(text).map_err(|source| ClientError::Unreadable { call, source })
}

fn status(call: &'static str, reply: wire::StatusReply) -> Result<Option<FaultStatus>, ClientError> {
    use wire::status_reply::Answer;
    match reply.answer {
        None => Ok(None),
        Some(Answer::StatusJson(text)) => read(call, &text).map(Some),
        Some(Answer::RefusalJson(text)) => Err(ClientError::Refused(read(call, &text)?)),
    }
}

fn statuses(call: &'static str, reply: wire::ListReply) -> Result<Vec<FaultStatus>, ClientError> {
    use wire::list_reply::Answer;
    match reply.answer {
        None => Ok(Vec::new()),
        Some(Answer::StatusesJson(text)) => read(call, &text),
        Some(Answer::RefusalJson(text)) => Err(ClientError::Refused(read(call, &text)?)),
    }
}
