//! `exec` and `http` on this host: begun, bounded, ended, and their last words kept.

use super::launch::{Session, launched, signal_session, start_time};
use crate::history::StartedProcess;
use crate::metrics::HttpClient;
use crate::secrets::Secrets;
use rustix::process::Signal;
use squall_agent::clock::boot_id;
use squall_experiments::claim::{HttpRequest, Program};
use squall_experiments::experiment::Action;
use squall_experiments::history::{ActionEnd, Activity};
use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};

/// How much of what a command prints is kept: its end.
const KEPT: usize = 4096;
/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(5);
/// No request may take longer, whatever its step says.
const LONGEST_REQUEST: Duration = Duration::from_secs(60);

/// An action to begin.
#[derive(Debug, Clone)]
pub struct ActionRequest {
    /// Which.
    pub activity: Activity,
    /// What.
    pub action: Action,
    /// Ended after this; `None`: when told to.
    pub timeout: Option<Duration>,
}

/// What is told of actions.
#[derive(Debug, Clone, PartialEq)]
pub enum ActionNews {
    /// A process was started.
    Started(StartedProcess),
    /// An action ended.
    Ended(Activity, ActionEnd),
}

/// Every action that goes on.
pub struct Actions {
    squall: PathBuf,
    client: HttpClient,
    secrets: Arc<Secrets>,
    news: mpsc::UnboundedSender<ActionNews>,
    running: HashMap<Activity, oneshot::Sender<()>>,
}

impl Actions {
    /// `squall`: the program that launches commands; `news`: where their ends are told.
    pub fn new(
        squall: PathBuf,
        client: HttpClient,
        secrets: Arc<Secrets>,
        news: mpsc::UnboundedSender<ActionNews>,
    ) -> Self {
        Self { squall, client, secrets, news, running: HashMap::new() }
    }

    /// Begins an action; its end is told.
    pub fn begin(&mut self, request: ActionRequest) {
        let ActionRequest { activity, action, timeout } = request;
        let news = self.news.clone();
        let ended = move |end| {
            // The run is over: nobody listens.
            let _unheard = news.send(ActionNews::Ended(activity, end));
        };
        let (stop, stopped) = oneshot::channel();
        match action {
            Action::Exec(program) => match self.spawn(activity, &program) {
                Err(reason) => ended(ActionEnd::NotStarted { reason: self.secrets.hide(&reason) }),
                Ok(child) => {
                    self.running.insert(activity, stop);
                    let secrets = Arc::clone(&self.secrets);
                    tokio::spawn(async move { ended(watch(child, timeout, stopped, &secrets).await) });
                }
            },
            Action::Http(request) => {
                self.running.insert(activity, stop);
                let (client, secrets) = (self.client.clone(), Arc::clone(&self.secrets));
                tokio::spawn(async move {
                    let patience = timeout.unwrap_or(LONGEST_REQUEST).min(LONGEST_REQUEST);
                    let end = tokio::select! {
                        biased;
                        () = told(stopped) => ActionEnd::Stopped { output: String::new() },
                        end = answer(&client, &request, patience, &secrets) => end,
                    };
                    // Said once the request is dropped, and its connection with it: its undo may begin.
                    ended(end);
                });
            }
        }
    }

    /// Ends an action that lasts. One that has ended already has told so.
    pub fn stop(&mut self, activity: Activity) {
        if let Some(stop) = self.running.remove(&activity) {
            // It ended in this moment.
            let _ended = stop.send(());
        }
    }

    fn spawn(&self, activity: Activity, program: &Program) -> Result<Child, String> {
        let (words, environment) = self.secrets.fill_program(program)?;
        let child = launched(&self.squall, &words, environment)
            .spawn()
            .map_err(|error| format!("start `{}`: {error}", words.first().map_or("", String::as_str)))?;
        // A child that is not waited for keeps its number, so these are its own.
        if let Some(pid) = child.id()
            && let Some(started) = start_time(pid)
        {
            let process = StartedProcess { activity, pid, started, boot: boot_id() };
            let _unheard = self.news.send(ActionNews::Started(process));
        }
        Ok(child)
    }
}

/// Returns when the action is told to end.
async fn told(stopped: oneshot::Receiver<()>) {
    // A sender that is dropped tells nothing.
    if stopped.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Why a command is ended before it ends by itself.
enum Early {
    Stopped,
    TimedOut,
}

async fn watch(
    mut child: Child,
    timeout: Option<Duration>,
    stopped: oneshot::Receiver<()>,
    secrets: &Secrets,
) -> ActionEnd {
    let session = child.id().map(Session);
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    // Output is read while it runs, or a full pipe would stop it.
    let reading = tokio::spawn(async move {
        let (output, errors) = tokio::join!(last_words(output), last_words(errors));
        let both: Vec<String> = [output, errors].into_iter().filter(|text| !text.is_empty()).collect();
        both.join("\n")
    });
    let too_long = async {
        match timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    let early = tokio::select! {
        _ = child.wait() => None,
        () = told(stopped) => Some(Early::Stopped),
        () = too_long => Some(Early::TimedOut),
    };
    if let (Some(_), Some(session)) = (&early, &session) {
        signal_session(session.0, Signal::TERM);
        if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
            signal_session(session.0, Signal::KILL);
        }
    }
    let status = child.wait().await;
    // What it left behind in its session goes with it; the pipes close, and reading ends.
    drop(session);
    let output = secrets.hide(&reading.await.unwrap_or_default());
    match (early, status) {
        (Some(Early::Stopped), _) => ActionEnd::Stopped { output },
        (Some(Early::TimedOut), _) => ActionEnd::TimedOut { output },
        (None, Ok(status)) => {
            let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
            ActionEnd::Exited { code, output }
        }
        (None, Err(error)) => ActionEnd::NotStarted { reason: format!("wait for the command: {error}") },
    }
}

/// Reads to the end and keeps the last of it.
async fn last_words(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut kept = Vec::new();
    let mut part = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut part).await {
        kept.extend_from_slice(&part[..length]);
        if kept.len() > 2 * KEPT {
            kept.drain(..kept.len() - KEPT);
        }
    }
    let from = kept.len().saturating_sub(KEPT);
    String::from_utf8_lossy(&kept[from..]).trim_end().to_owned()
}

async fn answer(client: &HttpClient, request: &HttpRequest, patience: Duration, secrets: &Secrets) -> ActionEnd {
    let request = match secrets.fill_request(client, request) {
        Ok(request) => request.timeout(patience),
        Err(reason) => return ActionEnd::NotStarted { reason: secrets.hide(&reason) },
    };
    match request.send().await {
        Err(error) if error.is_timeout() => ActionEnd::TimedOut { output: String::new() },
        Err(error) => {
            ActionEnd::Answered { status: 0, output: secrets.hide(&squall_agent::explain(&error.without_url())) }
        }
        Ok(mut response) => {
            let status = response.status().as_u16();
            let mut body = Vec::new();
            while let Ok(Some(part)) = response.chunk().await {
                body.extend_from_slice(&part);
                if body.len() >= KEPT {
                    break;
                }
            }
            body.truncate(KEPT);
            ActionEnd::Answered { status, output: secrets.hide(String::from_utf8_lossy(&body).trim_end()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use squall_experiments::experiment::{StepId, Template};
    use std::collections::BTreeMap;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_request_that_is_stopped_is_dropped_before_its_end_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = HttpClient::waiting(LONGEST_REQUEST);
        let (tell, mut news) = mpsc::unbounded_channel();
        let mut actions = Actions::new("squall".into(), client, Arc::new(Secrets::default()), tell);
        let activity = Activity::Action(StepId(1));
        let request =
            HttpRequest { url: Template::text(url), method: "POST".into(), headers: BTreeMap::new(), body: None };
        actions.begin(ActionRequest { activity, action: Action::Http(request), timeout: None });
        let (mut server, _) = listener.accept().await.unwrap();
        let mut asked = [0; 4096];
        assert!(server.read(&mut asked).await.unwrap() > 0, "it is under way, and nobody answers");

        actions.stop(activity);
        let soon = Duration::from_secs(10);
        let told = tokio::time::timeout(soon, news.recv()).await.unwrap().unwrap();
        assert_eq!(told, ActionNews::Ended(activity, ActionEnd::Stopped { output: String::new() }));
        let hung_up = tokio::time::timeout(soon, server.read(&mut asked)).await.unwrap();
        assert!(matches!(hung_up, Ok(0) | Err(_)), "{hung_up:?}");
    }
}
