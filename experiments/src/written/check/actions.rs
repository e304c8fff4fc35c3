//! Commands and requests.

use super::checker::{Checker, get};
use super::holes::{HolePlace, When};
use crate::claim::{HttpRequest, Program};
use crate::experiment::{Action, Piece, Template};
use crate::text::{Code, Entries, Span, Spot, Value};
use crate::written::action::{Action as WrittenAction, Actions};
use std::collections::BTreeMap;

/// The parts of a request, which actions and sources write alike.
pub(super) struct Request<'a> {
    pub(super) url: &'a Option<Value<Template>>,
    pub(super) method: &'a Option<Value<String>>,
    pub(super) headers: &'a Option<Spot<Entries<Value<Template>>>>,
    pub(super) body: &'a Option<Value<Template>>,
}

impl Checker<'_> {
    pub(super) fn action(&mut self, spot: &Spot<WrittenAction>, when: When) -> Option<Action> {
        match spot.value.as_ref()? {
            WrittenAction::Exec(exec) => {
                let written = exec.value.as_ref()?;
                self.program(&exec.span, &written.command, &written.env, when).map(Action::Exec)
            }
            WrittenAction::Http(http) => {
                let written = http.value.as_ref()?;
                let request = Request {
                    url: &written.url,
                    method: &written.method,
                    headers: &written.headers,
                    body: &written.body,
                };
                self.request(&http.span, &request, "POST", when).map(Action::Http)
            }
            WrittenAction::Kubernetes(action) => {
                if let Some(written) = &action.value {
                    let chosen = [written.apply.is_some(), written.delete.is_some(), written.patch.is_some()];
                    if chosen.iter().filter(|chosen| **chosen).count() != 1 {
                        self.hint(
                            Code::OneOf,
                            &action.span,
                            "one thing is done to an object",
                            "one of: apply, delete, patch",
                        );
                    }
                }
                self.later(&action.span, "the action `kubernetes`");
                None
            }
        }
    }

    /// A list of actions; `None` if one of them is broken.
    pub(super) fn actions(&mut self, list: &Actions, when: When) -> Option<Vec<Action>> {
        let spots = list.as_ref()?.value.as_ref()?;
        let actions: Vec<Option<Action>> = spots.iter().map(|spot| self.action(spot, when)).collect();
        actions.into_iter().collect()
    }

    pub(super) fn program(
        &mut self,
        owner: &Span,
        command: &Option<Spot<Vec<Value<Template>>>>,
        env: &Option<Spot<Entries<Value<Template>>>>,
        when: When,
    ) -> Option<Program> {
        let Some(command) = command else {
            self.note(Code::MissingKey, owner, "`command` is missing");
            return None;
        };
        let words = command.value.as_ref()?;
        if words.is_empty() {
            self.hint(
                Code::EmptyValue,
                &command.span,
                "the command is empty",
                "write a program and its arguments: `[ls, -l]`",
            );
            return None;
        }
        let words: Vec<Option<Template>> =
            words.iter().map(|word| self.template(Some(word), HolePlace::Argument, when)).collect();
        let env = self.secretive(env, when);
        Some(Program { command: words.into_iter().collect::<Option<_>>()?, env: env? })
    }

    pub(super) fn request(
        &mut self,
        owner: &Span,
        request: &Request<'_>,
        default_method: &str,
        when: When,
    ) -> Option<HttpRequest> {
        if request.url.is_none() {
            self.note(Code::MissingKey, owner, "`url` is missing");
        }
        let url = self.template(request.url.as_ref(), HolePlace::Argument, when);
        if let (Some(Piece::Text(start)), Some(written)) = (url.as_ref().and_then(|url| url.0.first()), request.url)
            && !["http://", "https://", "${"].iter().any(|scheme| start.starts_with(scheme))
        {
            let message = format!("`{start}` is not the beginning of a URL");
            self.hint(Code::BadValue, &written.span, message, "write `http://HOST:PORT/PATH`");
        }
        let method = get(request.method).unwrap_or_else(|| default_method.to_owned());
        if let Some(written) = request.method
            && !method.bytes().all(|byte| byte.is_ascii_uppercase())
        {
            let upper = method.to_ascii_uppercase();
            self.hint(
                Code::BadValue,
                &written.span,
                format!("`{method}` is not a method of HTTP"),
                format!("write `{upper}`"),
            );
        }
        let headers = self.secretive(request.headers, when);
        let body = match request.body {
            Some(body) => Some(self.template(Some(body), HolePlace::Secretive, when)?),
            None => None,
        };
        Some(HttpRequest { url: url?, method, headers: headers?, body })
    }

    /// Headers or environment: names, and texts that may hold secrets.
    fn secretive(
        &mut self,
        entries: &Option<Spot<Entries<Value<Template>>>>,
        when: When,
    ) -> Option<BTreeMap<String, Template>> {
        let Some(spot) = entries else { return Some(BTreeMap::new()) };
        let mut map = BTreeMap::new();
        let mut fine = true;
        for (name, value) in &spot.value.as_ref()?.0 {
            match (name.value.clone(), self.template(Some(value), HolePlace::Secretive, when)) {
                (Some(name), Some(template)) => {
                    map.insert(name, template);
                }
                _ => fine = false,
            }
        }
        fine.then_some(map)
    }
}
