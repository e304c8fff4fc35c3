//! Secrets: filled into commands and requests at the last moment, and struck out of what comes back.

use crate::metrics::HttpClient;
use squall_experiments::claim::{HttpRequest, Program};
use squall_experiments::experiment::{Template, Values};
use squall_experiments::name::RunId;
use std::collections::BTreeMap;

/// The secrets of the settings, read. Never printed, never stored.
#[derive(Default)]
pub struct Secrets(BTreeMap<String, String>);

/// A program's words and its environment.
type Filled = (Vec<String>, BTreeMap<String, String>);

impl Secrets {
    /// From names and values.
    pub fn new(values: BTreeMap<String, String>) -> Self {
        Self(values)
    }

    /// A text with everything else filled in already.
    ///
    /// # Errors
    /// Names a secret that the settings do not have.
    pub fn fill(&self, template: &Template) -> Result<String, String> {
        if let Some(text) = template.as_text() {
            return Ok(text.to_owned());
        }
        let values = Values {
            run: RunId::new(""),
            seed: 0,
            targets: BTreeMap::new(),
            starts: BTreeMap::new(),
            ends: BTreeMap::new(),
            secrets: self.0.clone(),
        };
        template.render(&values).map_err(|error| error.to_string())
    }

    /// The words and the environment of a program.
    ///
    /// # Errors
    /// Names what is not known.
    pub fn fill_program(&self, program: &Program) -> Result<Filled, String> {
        let words = program.command.iter().map(|word| self.fill(word)).collect::<Result<_, _>>()?;
        let named = |(name, value): (&String, &Template)| Ok((name.clone(), self.fill(value)?));
        Ok((words, program.env.iter().map(named).collect::<Result<_, String>>()?))
    }

    /// A request, ready to be sent.
    ///
    /// # Errors
    /// Names what is not known or cannot be sent.
    pub fn fill_request(&self, client: &HttpClient, request: &HttpRequest) -> Result<reqwest::RequestBuilder, String> {
        let url = self.fill(&request.url)?;
        let address: reqwest::Url = url.parse().map_err(|_| format!("`{url}` is not an address"))?;
        let method = request.method.parse().map_err(|_| format!("`{}` is not an HTTP method", request.method))?;
        let client = client.get().map_err(|error| squall_agent::explain(&error))?;
        let mut ready = client.request(method, address);
        for (name, value) in &request.headers {
            ready = ready.header(name, self.fill(value)?);
        }
        Ok(match &request.body {
            Some(body) => ready.body(self.fill(body)?),
            None => ready,
        })
    }

    /// A text without any secret in it: what commands print is stored.
    pub fn hide(&self, text: &str) -> String {
        let mut hidden = text.to_owned();
        for (name, value) in self.0.iter().filter(|(_, value)| !value.is_empty()) {
            if hidden.contains(value.as_str()) {
                hidden = hidden.replace(value.as_str(), &format!("${{secret.{name}}}"));
            }
        }
        hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use squall_experiments::experiment::Piece;

    #[test]
    fn secrets_go_in_and_never_come_back() {
        let secrets = Secrets::new(BTreeMap::from([("token".to_owned(), "s3cret".to_owned())]));
        let template = Template(vec![Piece::Text("Bearer ".into()), Piece::Secret("token".into())]);
        assert_eq!(secrets.fill(&template).unwrap(), "Bearer s3cret");
        assert_eq!(secrets.hide("it said: s3cret!"), "it said: ${secret.token}!");
        let unknown = Template(vec![Piece::Secret("other".into())]);
        assert_eq!(secrets.fill(&unknown).unwrap_err(), "`${secret.other}` has no value yet");
    }
}
