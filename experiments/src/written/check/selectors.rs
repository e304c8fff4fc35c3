//! Which instances: `into`, `peers`.

use super::checker::{Checker, get};
use super::holes::When;
use crate::name::{InstanceName, NodeName, PlatformName};
use crate::target::{Peer, Pick, Selector, Where};
use crate::text::{Code, Entries, Span, Spot, Value};
use crate::written::selector::{Peer as WrittenPeer, Selector as WrittenSelector, Where as WrittenWhere};
use std::collections::BTreeMap;

/// The keys of a selector, in `into` and in `peers`.
struct Keys<'a> {
    platform: &'a Option<Value<PlatformName>>,
    namespace: &'a Option<Value<String>>,
    labels: &'a Option<Spot<Entries<Value<String>>>>,
    names: &'a Option<Spot<Vec<Value<InstanceName>>>>,
    node: &'a Option<Value<NodeName>>,
    zone: &'a Option<Value<String>>,
    workload: &'a Option<Value<String>>,
    condition: &'a Option<Spot<WrittenWhere>>,
    pick: &'a Option<Value<Pick>>,
    follow: &'a Option<Value<bool>>,
}

macro_rules! keys {
    ($from:expr) => {
        Keys {
            platform: &$from.platform,
            namespace: &$from.namespace,
            labels: &$from.labels,
            names: &$from.names,
            node: &$from.node,
            zone: &$from.zone,
            workload: &$from.workload,
            condition: &$from.r#where,
            pick: &$from.pick,
            follow: &$from.follow,
        }
    };
}

impl Checker<'_> {
    pub(super) fn selector(&mut self, spot: &Spot<WrittenSelector>, when: When) -> Option<Selector> {
        let written = spot.value.as_ref()?;
        self.keys(&keys!(written), when)
    }

    fn keys(&mut self, keys: &Keys<'_>, when: When) -> Option<Selector> {
        if let Some(workload) = keys.workload {
            self.later(&workload.span, "`workload`");
        }
        if let Some(follow) = keys.follow
            && follow.value == Some(true)
        {
            self.later(&follow.span, "`follow`");
        }
        let labels = match keys.labels {
            Some(labels) => text_map(labels)?,
            None => BTreeMap::new(),
        };
        let names = match keys.names {
            Some(names) => {
                let words = names.value.as_ref()?;
                if words.is_empty() {
                    self.hint(Code::EmptyValue, &names.span, "no instance is named", "name one, or leave `names` out");
                }
                Some(words.iter().map(|word| word.value.clone()).collect::<Option<Vec<_>>>()?)
            }
            None => None,
        };
        let condition = match keys.condition {
            Some(spot) => Some(self.instance_condition(spot, when)?),
            None => None,
        };
        // A value that is written and could not be read spoils the whole.
        let spoilt = keys.platform.as_ref().is_some_and(|value| value.value.is_none())
            || keys.namespace.as_ref().is_some_and(|value| value.value.is_none())
            || keys.node.as_ref().is_some_and(|value| value.value.is_none())
            || keys.zone.as_ref().is_some_and(|value| value.value.is_none())
            || keys.pick.as_ref().is_some_and(|value| value.value.is_none());
        (!spoilt).then(|| Selector {
            platform: get(keys.platform),
            namespace: get(keys.namespace),
            labels,
            names,
            node: get(keys.node),
            zone: get(keys.zone),
            r#where: condition,
            pick: get(keys.pick),
        })
    }

    fn instance_condition(&mut self, spot: &Spot<WrittenWhere>, when: When) -> Option<Where> {
        let written = spot.value.as_ref()?;
        let is = self.required(written.is.as_ref(), &spot.span, "is");
        let Some(query) = &written.query else {
            self.note(Code::MissingKey, &spot.span, "`query` is missing");
            return None;
        };
        let analysis = self.query(query, when);
        let is = is?;
        let span = written.is.as_ref().map_or(&spot.span, |value| &value.span);
        if is.is_textual() {
            self.note(Code::TextCondition, span, format!("`{is}` is text, and a query gives numbers"));
            return None;
        }
        if is.is_relative() {
            self.note(Code::BaselineNotHere, span, "instances are chosen by what is now, not by the baseline");
            return None;
        }
        Some(Where { query: analysis?.query, is })
    }

    pub(super) fn peer(&mut self, spot: &Spot<WrittenPeer>, when: When) -> Option<Peer> {
        let written = spot.value.as_ref()?;
        let keys = keys!(written);
        let selects = keys.platform.is_some()
            || keys.namespace.is_some()
            || keys.labels.is_some()
            || keys.names.is_some()
            || keys.node.is_some()
            || keys.zone.is_some()
            || keys.workload.is_some()
            || keys.condition.is_some()
            || keys.pick.is_some();
        match (&written.cidr, &written.host, selects) {
            (Some(cidr), None, false) => cidr.value.map(Peer::Cidr),
            (None, Some(host), false) => {
                self.later(&host.span, "a peer by `host`");
                host.value.clone().map(Peer::Host)
            }
            (None, None, true) => {
                if let Some(condition) = keys.condition {
                    self.later(&condition.span, "`where` in `peers`");
                }
                self.keys(&keys, when).map(|selector| Peer::Instances(Box::new(selector)))
            }
            _ => {
                self.hint(
                    Code::OneOf,
                    &spot.span,
                    "a peer is one thing",
                    "instances by selector, or `{cidr}`, or `{host}`",
                );
                None
            }
        }
    }

    /// `zoneLoss` takes `platform` and `zone` only.
    pub(super) fn only_zone(&mut self, spot: &Spot<WrittenSelector>) {
        let Some(written) = &spot.value else { return };
        let others: [(&str, Option<&Span>); 8] = [
            ("namespace", written.namespace.as_ref().map(|value| &value.span)),
            ("labels", written.labels.as_ref().map(|value| &value.span)),
            ("names", written.names.as_ref().map(|value| &value.span)),
            ("node", written.node.as_ref().map(|value| &value.span)),
            ("workload", written.workload.as_ref().map(|value| &value.span)),
            ("where", written.r#where.as_ref().map(|value| &value.span)),
            ("pick", written.pick.as_ref().map(|value| &value.span)),
            ("follow", written.follow.as_ref().map(|value| &value.span)),
        ];
        self.strangers(Code::ZoneLossInto, &others, "a zone is lost as a whole, by `platform` and `zone`");
    }
}

/// A map of text; `None` if a part of it is broken.
pub(super) fn text_map(spot: &Spot<Entries<Value<String>>>) -> Option<BTreeMap<String, String>> {
    let pair = |(key, value): &(Value<String>, Value<String>)| Some((key.value.clone()?, value.value.clone()?));
    spot.value.as_ref()?.0.iter().map(pair).collect()
}
