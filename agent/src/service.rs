//! gRPC in, desk out; every call leaves an audit line.

use crate::desk::{Caller, DeskHandle, Life};
use crate::wire;
use serde::Serialize;
use squall_experiments::fault::{AgentDescription, AgentReport, Capability, Fence, Order, Refusal, RefusalKind};
use squall_experiments::name::{FaultId, RunId};
use std::pin::Pin;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::transport::server::UdsConnectInfo;
use tonic::{Request, Response, Status};

/// What an agent says of itself but for the number of its faults.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The kernel's release.
    pub kernel: String,
    /// The node's boot.
    pub boot_id: String,
    /// What it can do.
    pub capabilities: Vec<Capability>,
}

/// The agent's service.
#[derive(Debug)]
pub struct Service {
    desk: DeskHandle,
    life: Life,
    facts: Facts,
}

impl Service {
    /// A service in front of a desk.
    pub fn new(desk: DeskHandle, life: Life, facts: Facts) -> Self {
        Self { desk, life, facts }
    }
}

type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl wire::agent_server::Agent for Service {
    async fn describe(&self, request: Request<wire::DescribeRequest>) -> Reply<wire::DescribeReply> {
        audit(&request, "describe", None, "");
        let faults = self.desk.active().await.map_err(ending)?;
        let description = AgentDescription {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: self.facts.kernel.clone(),
            boot_id: self.facts.boot_id.clone(),
            faults: u32::try_from(faults).unwrap_or(u32::MAX),
            capabilities: self.facts.capabilities.clone(),
        };
        Ok(Response::new(wire::DescribeReply { description_json: json(&description) }))
    }

    async fn consider(&self, request: Request<wire::ConsiderRequest>) -> Reply<wire::ConsiderReply> {
        use wire::considered::Answer;
        let wire::ConsiderRequest { run, orders_json } = request.get_ref();
        audit(&request, "consider", None, &format!("{} orders for run `{run}`", orders_json.len()));
        let orders = orders_json.iter().map(|text| read_order(text)).collect();
        let run = (!run.is_empty()).then(|| RunId::new(run.clone()));
        let answers = self.desk.consider(run, orders).await.map_err(ending)?;
        let wired = answers.into_iter().map(|answer| match answer {
            Ok(backend) => Answer::Backend(backend),
            Err(refusal) => Answer::RefusalJson(json(&refusal)),
        });
        let answers = wired.map(|answer| wire::Considered { answer: Some(answer) }).collect();
        Ok(Response::new(wire::ConsiderReply { answers }))
    }

    async fn inject(&self, request: Request<wire::InjectRequest>) -> Reply<wire::StatusReply> {
        let fence = fence(request.get_ref().fence.as_ref());
        audit(&request, "inject", fence.as_ref(), &request.get_ref().order_json);
        let result = match (fence, read_order(&request.get_ref().order_json)) {
            (None, _) => Err(unreadable("the call names no run".to_owned())),
            (_, Err(refusal)) => Err(refusal),
            (Some(fence), Ok(order)) => self.desk.inject(fence, order).await,
        };
        Ok(status_reply(result.map(Some)))
    }

    async fn renew(&self, request: Request<wire::RenewRequest>) -> Reply<wire::ListReply> {
        let fence = fence(request.get_ref().fence.as_ref());
        audit(&request, "renew", fence.as_ref(), &request.get_ref().faults.join(","));
        let faults = request.into_inner().faults.into_iter().map(FaultId::new).collect();
        let result = match fence {
            None => Err(unreadable("the call names no run".to_owned())),
            Some(fence) => self.desk.renew(fence, faults).await,
        };
        Ok(list_reply(result))
    }

    async fn revert(&self, request: Request<wire::RevertRequest>) -> Reply<wire::StatusReply> {
        let fence = fence(request.get_ref().fence.as_ref());
        audit(&request, "revert", fence.as_ref(), &request.get_ref().fault);
        Ok(status_reply(self.desk.revert(fence, FaultId::new(request.into_inner().fault)).await))
    }

    async fn list(&self, request: Request<wire::ListRequest>) -> Reply<wire::ListReply> {
        audit(&request, "list", None, "");
        Ok(list_reply(self.desk.list().await))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<wire::Report, Status>> + Send>>;

    async fn watch(&self, request: Request<wire::WatchRequest>) -> Reply<Self::WatchStream> {
        audit(&request, "watch", None, "");
        let wire::WatchRequest { life, after } = request.into_inner();
        let reports = self.desk.watch(life, after).await.map_err(ending)?;
        let life = self.life.as_str().to_owned();
        let wired = move |report: AgentReport| Ok(wire::Report { life: life.clone(), report_json: json(&report) });
        Ok(Response::new(Box::pin(ReceiverStream::new(reports).map(wired))))
    }
}

fn audit<T>(request: &Request<T>, call: &str, fence: Option<&Fence>, about: &str) {
    let peer = request.extensions().get::<UdsConnectInfo>().and_then(|info| info.peer_cred);
    let caller = peer.map(|peer| Caller { uid: peer.uid(), pid: peer.pid() });
    let caller = caller.map_or_else(|| "unknown".to_owned(), |caller| caller.to_string());
    let run = fence.map_or("-", |fence| fence.run.as_str());
    tracing::info!(target: "audit", caller, call, run, epoch = fence.map_or(0, |fence| fence.epoch), about);
}

fn fence(wire: Option<&wire::Fence>) -> Option<Fence> {
    wire.map(|fence| Fence { run: RunId::new(fence.run.clone()), epoch: fence.epoch })
}

fn read_order(text: &str) -> Result<Order, Refusal> {
    serde_json::from_str(text).map_err(|error| unreadable(format!("the order cannot be read: {error}")))
}

fn unreadable(reason: String) -> Refusal {
    Refusal { kind: RefusalKind::Unreadable, reason }
}

fn ending(refusal: Refusal) -> Status {
    Status::unavailable(refusal.reason)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("the vocabulary is plain data: maps with text keys")
}

fn status_reply(result: Result<Option<impl Serialize>, Refusal>) -> Response<wire::StatusReply> {
    use wire::status_reply::Answer;
    let answer = match result {
        Ok(status) => status.map(|status| Answer::StatusJson(json(&status))),
        Err(refusal) => Some(Answer::RefusalJson(json(&refusal))),
    };
    Response::new(wire::StatusReply { answer })
}

fn list_reply(result: Result<Vec<impl Serialize>, Refusal>) -> Response<wire::ListReply> {
    use wire::list_reply::Answer;
    let answer = Some(match result {
        Ok(statuses) => Answer::StatusesJson(json(&statuses)),
        Err(refusal) => Answer::RefusalJson(json(&refusal)),
    });
    Response::new(wire::ListReply { answer })
}
