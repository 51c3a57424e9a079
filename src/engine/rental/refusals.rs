//! Tells refusals that last from failures that pass: what is refused again and again, and for some time,
//! ends a boot with its cause instead of with a time-out. Pure.

use crate::domain::{Blame, BootFault, CallError, CallErrorKind, Duration, Time};
use crate::mlnode::ANOTHER_MACHINE;
use crate::ports::LinkError;

/// A refusal that comes more seldom may pass.
const LASTING_TRIES: u32 = 5;
/// The operator, or another program's end, may mend what is wrong on this machine.
const OURS: Duration = Duration::minutes(10);
const OF_HOST: Duration = Duration::minutes(2);
/// A new container may install its SSH server first.
const SILENCE: Duration = Duration::minutes(10);

/// A kind of refusal, and what it is a sign of once it lasts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    name: &'static str,
    advice: &'static str,
    blame: Blame,
    /// It lasts when it has come for so long.
    after: Duration,
}

const STRANGE_HOST: Refusal = Refusal {
    name: "another host answers in the rental's place",
    advice: ANOTHER_MACHINE,
    blame: Blame::Host,
    after: OF_HOST,
};
const REFUSED_SESSION: Refusal = Refusal {
    name: "the rental's SSH server refuses the session",
    advice: ANOTHER_MACHINE,
    blame: Blame::Host,
    after: OF_HOST,
};
/// Counted only while this machine reaches the market.
const NO_SSH: Refusal = Refusal {
    name: "no SSH server answers on the rental",
    advice: "retrying on another machine; if none of them answers, a firewall stops SSH from this machine",
    blame: Blame::Host,
    after: SILENCE,
};
const NO_LINK_FROM_HERE: Refusal = Refusal {
    name: "this machine cannot open the link",
    advice: "`pocpit check` says what is missing",
    blame: Blame::Ours,
    after: OURS,
};
/// By its words about the request: another machine would say the same.
const REFUSED_MODEL: Refusal = Refusal {
    name: "the node refuses to start the model",
    advice: "check mlnode.model and vast.image: another machine would refuse it too",
    blame: Blame::Ours,
    after: OF_HOST,
};
/// 500 with the reason, which may be the machine's or ours (field guide, section 4).
const FAILING_START: Refusal = Refusal {
    name: "the start of the model fails",
    advice: ANOTHER_MACHINE,
    blame: Blame::Nobody,
    after: Duration::minutes(5),
};

/// Whether this machine reaches others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uplink {
    Up,
    Down,
}

/// What a failed link is a sign of, if it comes again and again. `None`: it passes.
fn of_link(error: &LinkError, uplink: Uplink) -> Option<&'static Refusal> {
    match error {
        LinkError::HostKeyChanged { .. } => Some(&STRANGE_HOST),
        LinkError::Refused(_) => Some(&REFUSED_SESSION),
        LinkError::Listen { .. } | LinkError::Local(_) => Some(&NO_LINK_FROM_HERE),
        LinkError::Unreachable { .. } if uplink == Uplink::Up => Some(&NO_SSH),
        // The boot's tracker counts denials: a key takes minutes to arrive.
        LinkError::Denied { .. }
        | LinkError::Unreachable { .. }
        | LinkError::Lost(_)
        | LinkError::Exhausted(_) => None,
    }
}

/// The same for a call that starts the model.
fn of_model_start(error: &CallError) -> Option<&'static Refusal> {
    match error.kind {
        CallErrorKind::Unauthorized
        | CallErrorKind::NotFound
        | CallErrorKind::NotServed
        | CallErrorKind::Refused => Some(&REFUSED_MODEL),
        CallErrorKind::Ambiguous if error.status == Some(500) => Some(&FAILING_START),
        CallErrorKind::NotSent
        | CallErrorKind::Ambiguous
        | CallErrorKind::Unanswered
        | CallErrorKind::RateLimited
        | CallErrorKind::Malformed => None,
    }
}

/// Refusals of one kind in a row.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Option<Series>);

#[derive(Debug)]
struct Series {
    refusal: &'static Refusal,
    since: Time,
    count: u32,
    /// What the last one is a sign of.
    fault: BootFault,
}

impl Refusals {
    pub(crate) fn link_failed(&mut self, now: Time, error: &LinkError, uplink: Uplink) {
        self.count(now, of_link(error, uplink), error.to_string());
    }

    /// What it refuses is refused in a session: only silence is over.
    pub(crate) fn connected(&mut self) {
        self.0.take_if(|series| series.refusal == &NO_SSH);
    }

    pub(crate) fn model_start_failed(&mut self, now: Time, error: &CallError) {
        self.count(now, of_model_start(error), error.to_string());
    }

    pub(crate) fn end(&mut self) {
        self.0 = None;
    }

    fn count(&mut self, now: Time, refusal: Option<&'static Refusal>, evidence: String) {
        let earlier = self.0.take();
        let Some(refusal) = refusal else {
            return;
        };
        let (since, count) = match earlier.filter(|earlier| earlier.refusal == refusal) {
            Some(earlier) => (earlier.since, earlier.count + 1),
            None => (now, 1),
        };
        self.0 = Some(Series {
            refusal,
            since,
            count,
            fault: BootFault {
                name: refusal.name.to_owned(),
                evidence,
                advice: refusal.advice.to_owned(),
                blame: refusal.blame,
                seen_at: now,
            },
        });
    }

    /// What will be refused for as long as the rental lives.
    pub(crate) fn lasting(&self, now: Time) -> Option<&BootFault> {
        let series = self.0.as_ref()?;
        let lasts = series.count >= LASTING_TRIES && now - series.since >= series.refusal.after;
        lasts.then_some(&series.fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::UNIX_EPOCH + Duration::seconds(seconds)
    }

    /// After how many seconds of tries, one each five, something is a fault, and whose.
    fn fault_after(mut fail: impl FnMut(&mut Refusals, Time)) -> Option<(i64, Blame)> {
        let mut refusals = Refusals::default();
        (0..1_000).step_by(5).find_map(|second| {
            fail(&mut refusals, at(second));
            let fault = refusals.lasting(at(second))?;
            assert!(!fault.evidence.is_empty() && !fault.advice.is_empty());
            Some((second, fault.blame))
        })
    }

    #[test]
    fn each_lasting_link_failure_has_its_cause() {
        let (endpoint, detail) = ("198.51.100.7:41022".to_owned(), "why".to_owned());
        let unreachable = LinkError::Unreachable {
            endpoint: endpoint.clone(),
            detail: detail.clone(),
        };
        for (error, uplink, fault) in [
            (
                LinkError::Refused("x".into()),
                Uplink::Up,
                Some((120, Blame::Host)),
            ),
            (
                LinkError::HostKeyChanged {
                    endpoint: endpoint.clone(),
                    detail: detail.clone(),
                },
                Uplink::Up,
                Some((120, Blame::Host)),
            ),
            (unreachable.clone(), Uplink::Up, Some((600, Blame::Host))),
            // It is our own line that is down.
            (unreachable, Uplink::Down, None),
            (
                LinkError::Local("x".into()),
                Uplink::Up,
                Some((600, Blame::Ours)),
            ),
            (
                LinkError::Listen {
                    address: "127.0.0.1:8080".into(),
                    detail: detail.clone(),
                },
                Uplink::Up,
                Some((600, Blame::Ours)),
            ),
            (LinkError::Denied { endpoint, detail }, Uplink::Up, None),
            (LinkError::Lost("x".into()), Uplink::Up, None),
            (LinkError::Exhausted("x".into()), Uplink::Up, None),
        ] {
            let seen = fault_after(|refusals, now| refusals.link_failed(now, &error, uplink));
            assert_eq!(seen, fault, "{error}");
        }
    }

    #[test]
    fn each_lasting_refusal_of_the_model_has_its_cause() {
        use CallErrorKind::{
            Ambiguous, Malformed, NotFound, NotSent, NotServed, RateLimited, Refused, Unanswered,
            Unauthorized,
        };
        let ours = Some((120, Blame::Ours));
        for (kind, status, fault) in [
            (Refused, Some(422), ours),
            (NotFound, Some(404), ours),
            (NotServed, Some(404), ours),
            (Unauthorized, Some(401), ours),
            (Ambiguous, Some(500), Some((300, Blame::Nobody))),
            (Ambiguous, Some(502), None),
            (Ambiguous, None, None),
            (NotSent, None, None),
            (Unanswered, None, None),
            (RateLimited, Some(429), None),
            (Malformed, Some(200), None),
        ] {
            let error = CallError {
                status,
                ..CallError::new("start the model", kind, "why")
            };
            let seen = fault_after(|refusals, now| refusals.model_start_failed(now, &error));
            assert_eq!(seen, fault, "{error}");
        }
    }

    #[test]
    fn rare_or_interrupted_refusals_may_pass() {
        let refused = LinkError::Refused("to open a session".into());
        let mut refusals = Refusals::default();
        // Few, however far apart,
        for minute in [0, 5, 10, 15] {
            refusals.link_failed(at(60 * minute), &refused, Uplink::Up);
            assert_eq!(refusals.lasting(at(60 * minute)), None);
        }
        // or many at once are no lasting ones,
        for _ in 0..20 {
            refusals.link_failed(at(1_000), &refused, Uplink::Up);
        }
        refusals.connected();
        assert!(refusals.lasting(at(1_000)).is_some());
        // nor are those that another failure interrupts.
        refusals.link_failed(at(1_000), &LinkError::Lost("x".into()), Uplink::Up);
        refusals.link_failed(at(1_000), &refused, Uplink::Up);
        assert_eq!(refusals.lasting(at(1_500)), None);
    }

    #[test]
    fn answer_ends_the_silence() {
        let mut refusals = Refusals::default();
        let unreachable = || LinkError::Unreachable {
            endpoint: "198.51.100.7:41022".into(),
            detail: "connection refused".into(),
        };
        for second in (0..590).step_by(10) {
            refusals.link_failed(at(second), &unreachable(), Uplink::Up);
        }
        refusals.connected();
        refusals.link_failed(at(700), &unreachable(), Uplink::Up);
        assert_eq!(refusals.lasting(at(700)), None);
    }
}
