//! Faults: what is carried out is converted, the rest is checked for its shape and comes later.

use super::checker::{Checker, at, get, key, spot};
use super::holes::When;
use crate::fault::{Fault, Kill, Network, Pause, Protocol, Signal, ZoneLoss, ZoneLossMode};
use crate::text::{Code, Span, Spot};
use crate::unit::Percent;
use crate::written::fault::{
    Fault as WrittenFault, Kill as WrittenKill, Network as WrittenNetwork, Pause as WrittenPause,
};

impl Checker<'_> {
    pub(super) fn fault(&mut self, fault: &Spot<WrittenFault>, is_held: bool, when: When) -> Option<Fault> {
        match fault.value.as_ref()? {
            WrittenFault::Kill(kill) => self.kill(kill, is_held).map(Fault::Kill),
            WrittenFault::Pause(pause) => self.pause(pause).map(Fault::Pause),
            WrittenFault::Network(network) => {
                self.network(network, when).map(|network| Fault::Network(Box::new(network)))
            }
            WrittenFault::ZoneLoss(loss) => {
                let written = loss.value.as_ref()?;
                let mode = self.required(written.mode.as_ref(), &loss.span, "mode")?.0;
                if mode == ZoneLossMode::Power {
                    let span = written.mode.as_ref().map_or(&loss.span, |mode| &mode.span);
                    self.later(span, "`zoneLoss` with `mode: power`");
                }
                Some(Fault::ZoneLoss(ZoneLoss { mode, control: get(&written.control).unwrap_or(false) }))
            }
            later => {
                self.later_fault(later, &fault.span);
                None
            }
        }
    }

    fn kill(&mut self, kill: &Spot<WrittenKill>, is_held: bool) -> Option<Kill> {
        let written = kill.value.as_ref()?;
        if let Some(container) = &written.container {
            self.later(&container.span, "`container`");
        }
        let signal = match &written.signal {
            Some(signal) => signal.value?,
            None => Signal::default(),
        };
        if signal.stops() {
            let span = at(&written.signal).unwrap_or(&kill.span);
            let message = format!("{signal} stops a process for good: nothing lets it go on");
            self.hint(Code::BadValue, span, message, "use `pause`, which ends by itself");
            return None;
        }
        let ends = signal == Signal::KILL || signal == Signal::TERM;
        if is_held && !ends {
            let span = at(&written.signal).unwrap_or(&kill.span);
            let message = format!("{signal} does not end a process, so it cannot hold one down");
            self.hint(Code::NoEffect, span, message, "leave `for` out, or use KILL or TERM");
        }
        if let Some(grace) = &written.grace
            && !ends
        {
            let message = format!("`grace` lies between TERM and KILL; {signal} has none");
            self.note(Code::NoEffect, &grace.span, message);
        }
        let fine = written.process.as_ref().is_none_or(|process| process.value.is_some())
            && written.grace.as_ref().is_none_or(|grace| grace.value.is_some());
        fine.then(|| Kill { signal, process: get(&written.process), grace: get(&written.grace) })
    }

    fn pause(&mut self, pause: &Spot<WrittenPause>) -> Option<Pause> {
        let written = pause.value.as_ref()?;
        if let Some(container) = &written.container {
            self.later(&container.span, "`container`");
        }
        let fine = written.process.as_ref().is_none_or(|process| process.value.is_some());
        fine.then(|| Pause { process: get(&written.process) })
    }

    fn network(&mut self, network: &Spot<WrittenNetwork>, when: When) -> Option<Network> {
        let written = network.value.as_ref()?;
        self.later_effects(written);
        let peers = match &written.peers {
            Some(list) => {
                let spots = list.value.as_ref()?;
                if spots.is_empty() {
                    self.hint(
                        Code::EmptyValue,
                        &list.span,
                        "there is no peer",
                        "name one, or leave `peers` out for everyone",
                    );
                }
                let peers: Vec<_> = spots.iter().map(|spot| self.peer(spot, when)).collect();
                Some(peers.into_iter().collect::<Option<Vec<_>>>()?)
            }
            None => None,
        };
        let ports = match &written.ports {
            Some(ports) => ports.value.as_ref()?.iter().map(|port| port.value).collect::<Option<Vec<u16>>>()?,
            None => Vec::new(),
        };
        let protocol = get(&written.protocol).map(|choice| choice.0);
        if let (Some(span), Some(Protocol::Icmp)) = (spot(&written.ports), protocol) {
            self.hint(Code::NoEffect, span, "ICMP has no ports", "leave `ports` out, or choose `tcp` or `udp`");
        }
        if ports.contains(&0)
            && let Some(ports) = &written.ports
        {
            self.hint(Code::BadValue, &ports.span, "there is no port 0", "ports go from 1 to 65535");
        }
        self.effects(written, &network.span);
        let direction = get(&written.direction).map(|choice| choice.0);
        let read = |given: bool, value: bool| !given || value;
        let fine = read(written.delay.is_some(), get(&written.delay).is_some())
            && read(written.jitter.is_some(), get(&written.jitter).is_some())
            && read(written.loss.is_some(), get(&written.loss).is_some())
            && read(written.partition.is_some(), get(&written.partition).is_some())
            && read(written.direction.is_some(), direction.is_some())
            && read(written.protocol.is_some(), protocol.is_some());
        fine.then(|| Network {
            delay: get(&written.delay),
            jitter: get(&written.jitter),
            loss: get(&written.loss),
            partition: get(&written.partition).unwrap_or(false),
            direction,
            peers,
            ports,
            protocol,
        })
    }

    /// At least one effect, and none that another one makes pointless.
    fn effects(&mut self, written: &WrittenNetwork, owner: &Span) {
        let has_effect = written.delay.is_some()
            || written.jitter.is_some()
            || written.loss.is_some()
            || written.rate.is_some()
            || written.duplicate.is_some()
            || written.corrupt.is_some()
            || written.silent_corrupt.is_some()
            || written.reorder.is_some()
            || get(&written.partition) == Some(true)
            || written.partition.as_ref().is_some_and(|partition| partition.value.is_none());
        if !has_effect {
            let hint = "add `delay`, `loss` or `partition: true`";
            self.hint(Code::NoEffect, owner, "this network fault has no effect", hint);
        }
        self.is_large_enough(&written.delay, &written.loss);
        if get(&written.partition) == Some(true) {
            let pointless =
                [("delay", key(&written.delay)), ("jitter", key(&written.jitter)), ("loss", key(&written.loss))];
            self.strangers(Code::NoEffect, &pointless, "a partition lets nothing through");
        }
        if let Some(jitter) = &written.jitter {
            match (get(&written.delay), jitter.value) {
                (None, _) if written.delay.is_none() => {
                    let hint = "add `delay`: packets are held for the delay, more or less the jitter";
                    self.hint(Code::NoEffect, &jitter.span, "`jitter` varies a `delay`, and there is none", hint);
                }
                (Some(delay), Some(length)) if length > delay => {
                    let message = format!("a jitter of {length} would make a delay of {delay} negative");
                    self.note(Code::NoEffect, &jitter.span, message);
                }
                _ => {}
            }
        }
        for (key, span, nothing) in [
            ("delay", key(&written.delay), get(&written.delay).is_some_and(|delay| delay.get().is_zero())),
            ("loss", key(&written.loss), get(&written.loss).is_some_and(|loss: Percent| loss.fraction() <= 0.0)),
        ] {
            if let (Some(span), true) = (span, nothing) {
                self.note(Code::NoEffect, span, format!("a `{key}` of nothing does nothing"));
            }
        }
    }

    fn later_effects(&mut self, written: &WrittenNetwork) {
        let later = [
            ("correlation", key(&written.correlation)),
            ("burst", key(&written.burst)),
            ("duplicate", key(&written.duplicate)),
            ("corrupt", key(&written.corrupt)),
            ("silentCorrupt", key(&written.silent_corrupt)),
            ("reorder", key(&written.reorder)),
            ("rate", key(&written.rate)),
        ];
        for (key, span) in later {
            if let Some(span) = span {
                self.later(span, &format!("the network effect `{key}`"));
            }
        }
    }

    /// Faults of later versions: what they need must be there, and that is all.
    fn later_fault(&mut self, fault: &WrittenFault, span: &Span) {
        let mut missing = |key: &str, owner: &Span, is_missing: bool| {
            if is_missing {
                self.note(Code::MissingKey, owner, format!("`{key}` is missing"));
            }
        };
        let word = match fault {
            WrittenFault::Kill(_) | WrittenFault::Pause(_) | WrittenFault::Network(_) | WrittenFault::ZoneLoss(_) => {
                return;
            }
            WrittenFault::Cpu(_) => "cpu",
            WrittenFault::Memory(_) => "memory",
            WrittenFault::Disk(disk) => {
                missing("path", &disk.span, disk.value.as_ref().is_some_and(|disk| disk.path.is_none()));
                "disk"
            }
            WrittenFault::Io(io) => {
                missing("path", &io.span, io.value.as_ref().is_some_and(|io| io.path.is_none()));
                "io"
            }
            WrittenFault::Dns(dns) => {
                missing("names", &dns.span, dns.value.as_ref().is_some_and(|dns| dns.names.is_none()));
                "dns"
            }
            WrittenFault::Http(http) => {
                missing("ports", &http.span, http.value.as_ref().is_some_and(|http| http.ports.is_none()));
                let effects = http.value.as_ref().map_or(1, |http| {
                    usize::from(http.status.is_some())
                        + usize::from(http.delay.is_some())
                        + usize::from(http.reset.is_some())
                });
                if effects != 1 {
                    self.hint(
                        Code::OneOf,
                        &http.span,
                        "an `http` fault has one effect",
                        "one of: status, delay, reset",
                    );
                }
                "http"
            }
            WrittenFault::Evict(_) => "evict",
            WrittenFault::Drain(_) => "drain",
            WrittenFault::Cordon(_) => "cordon",
            WrittenFault::Clock(clock) => {
                missing("offset", &clock.span, clock.value.as_ref().is_some_and(|clock| clock.offset.is_none()));
                "clock"
            }
            WrittenFault::Scale(scale) => {
                missing("to", &scale.span, scale.value.as_ref().is_some_and(|scale| scale.to.is_none()));
                "scale"
            }
            WrittenFault::Release(release) => {
                missing(
                    "container",
                    &release.span,
                    release.value.as_ref().is_some_and(|release| release.container.is_none()),
                );
                let chosen =
                    release.value.as_ref().is_none_or(|release| release.image.is_some() != release.env.is_some());
                if !chosen {
                    self.hint(Code::OneOf, &release.span, "a release changes one thing", "one of: image, env");
                }
                "release"
            }
            WrittenFault::Drift(drift) => {
                missing("merge", &drift.span, drift.value.as_ref().is_some_and(|drift| drift.merge.is_none()));
                "drift"
            }
        };
        self.later(span, &format!("the fault `{word}`"));
    }
}
