//! State of the SSH link to a rental.

use crate::domain::format::count;
use crate::domain::{
    BootFault, CallbackProof, Duration, InstanceId, SshEndpoint, Time, WatchdogCheck,
};
use crate::engine::alerts::alert::{Advice, Alert, AlertLevel, Condition};
use crate::engine::rental::refusals::{Refusals, Uplink};
use crate::engine::snapshot::{LinkSnapshot, TunnelRate};
use crate::ports::{LinkError, TunnelEnds};

/// A link that has been up this long is stable.
const STABLE_AFTER: Duration = Duration::seconds(30);
/// Most lost links are back before that.
const ALERT_AFTER: Duration = Duration::minutes(2);
const CALLBACK_ALERT_AFTER: Duration = Duration::seconds(40);

#[derive(Default)]
pub(crate) struct LinkState {
    pub(crate) attempts: u32,
    pub(crate) last_error: Option<String>,
    pub(crate) endpoint: Option<SshEndpoint>,
    pub(crate) up_since: Option<Time>,
    pub(crate) ends: Option<TunnelEnds>,
    pub(crate) proven: bool,
    pub(crate) rate: TunnelRate,
    /// When it was lost after it had been stable; it may have flapped since.
    pub(crate) lost_at: Option<Time>,
    /// Whether proofs would arrive.
    pub(crate) callback: CallbackProof,
    /// Since when they would not.
    callback_failed: Option<Time>,
    /// Whether the rental would end itself with its lease.
    pub(crate) watchdog: WatchdogCheck,
    /// Since when it would not.
    watchdog_failed: Option<Time>,
    /// The first wrong host key: when, and the error.
    pub(crate) strange_host: Option<(Time, String)>,
    refusals: Refusals,
}

impl LinkState {
    /// A try on which no address of the rental gave a session.
    pub(crate) fn failed(&mut self, now: Time, error: &LinkError, uplink: Uplink) {
        self.attempts += 1;
        self.refusals.link_failed(now, error, uplink);
        self.last_error = Some(error.to_string());
        if matches!(error, LinkError::HostKeyChanged { .. }) {
            let error = || (now, error.to_string());
            self.strange_host.get_or_insert_with(error);
        }
    }

    pub(crate) fn connected(&mut self, now: Time, endpoint: SshEndpoint) {
        self.refusals.connected();
        self.endpoint = Some(endpoint);
        self.up_since = Some(now);
    }

    pub(crate) fn lost(&mut self, now: Time, error: &LinkError) {
        if self.is_stable(now) {
            self.refusals.end();
        }
        if self.is_stable(now) || self.lost_at.is_none() {
            self.lost_at = Some(now);
        }
        self.refusals.link_failed(now, error, Uplink::Up);
        self.up_since = None;
        self.ends = None;
        self.proven = false;
        self.rate = TunnelRate::default();
        // The last result holds no longer.
        self.callback = CallbackProof::NotTried;
        self.watchdog = WatchdogCheck::NotRead;
        self.last_error = Some(error.to_string());
    }

    /// What would refuse the link for as long as the rental lives.
    pub(crate) fn fault(&self, now: Time) -> Option<&BootFault> {
        let fault = self.refusals.lasting(now);
        fault.filter(|_| !self.is_stable(now))
    }

    pub(crate) fn proved(&mut self, now: Time, proof: CallbackProof) {
        match &proof {
            CallbackProof::Failed(why) | CallbackProof::Refused(why) => {
                if self.callback != proof {
                    tracing::warn!("the PoC callback is not proven: {why}");
                }
                self.callback_failed.get_or_insert(now);
            }
            CallbackProof::Proven | CallbackProof::NotTried => self.callback_failed = None,
        }
        self.callback = proof;
    }

    pub(crate) fn watchdog_read(&mut self, now: Time, check: WatchdogCheck) {
        match &check {
            WatchdogCheck::Failed(why) => {
                if self.watchdog != check {
                    tracing::error!("the rental would not end itself with its lease: {why}");
                }
                self.watchdog_failed.get_or_insert(now);
            }
            WatchdogCheck::Verified | WatchdogCheck::NotRead => self.watchdog_failed = None,
        }
        self.watchdog = check;
    }

    /// Without delay: a check has failed three times in a row before it is reported.
    fn watchdog_alert(&self, instance: InstanceId) -> Option<Alert> {
        let WatchdogCheck::Failed(why) = &self.watchdog else {
            return None;
        };
        Some(Alert::new(
            Condition::WatchdogUnverified(instance),
            AlertLevel::Critical,
            self.watchdog_failed?,
            format!("rental {instance} would not end itself with its lease: {why}"),
            "while this program runs it ends the rental itself; if it cannot, destroy the rental by hand: it costs money until then",
        ))
    }

    /// Not at the first failure: the Network Node may just be busy.
    fn callback_alert(&self, now: Time, instance: InstanceId) -> Option<Alert> {
        let why = self.callback.failure()?;
        let since = self
            .callback_failed
            .filter(|since| now - *since >= CALLBACK_ALERT_AFTER)?;
        Some(Alert::new(
            Condition::CallbackUnproven(instance),
            AlertLevel::Critical,
            since,
            format!("the proofs of rental {instance} would not arrive: {why}"),
            "fix it before the PoC: a node whose proofs do not arrive gets no weight. It is tested again every 15 seconds",
        ))
    }

    fn is_stable(&self, now: Time) -> bool {
        self.up_since
            .is_some_and(|since| now - since >= STABLE_AFTER)
    }

    pub(crate) fn alerts(&self, now: Time, instance: InstanceId) -> impl Iterator<Item = Alert> {
        let host_key = self.host_key_alert(instance);
        let outage = self.outage_alert(now, instance);
        let callback = self.callback_alert(now, instance);
        let watchdog = self.watchdog_alert(instance);
        let alerts = host_key.into_iter().chain(outage);
        alerts.chain(callback).chain(watchdog)
    }

    fn outage_alert(&self, now: Time, instance: InstanceId) -> Option<Alert> {
        let since = self.lost_at.filter(|since| now - *since >= ALERT_AFTER)?;
        if self.is_stable(now) {
            return None;
        }
        let why = self.last_error.as_deref().unwrap_or("it was lost");
        let minutes = (now - since).num_minutes();
        Some(Alert::new(
            Condition::LinkDown(instance),
            AlertLevel::Warning,
            since,
            format!(
                "no link to rental {instance} for {}, try {}: {why}",
                count(minutes, "minute"),
                self.attempts
            ),
            Advice::with_command(
                "retrying; PoC needs this link. Check this machine's network; `pocpit ssh --print` shows the command to try by hand",
                "pocpit ssh --print",
            ),
        ))
    }

    /// Another host answered in the rental's place: active as long as the rental lives.
    fn host_key_alert(&self, instance: InstanceId) -> Option<Alert> {
        let (since, text) = self.strange_host.clone()?;
        Some(Alert::new(
            Condition::HostKeyMismatch(instance),
            AlertLevel::Critical,
            since,
            text,
            "abort the sprint to release this rental; trust the key only if its container was recreated",
        ))
    }

    pub(crate) fn snapshot(&self) -> LinkSnapshot {
        match self.up_since {
            Some(since) => LinkSnapshot::Up {
                since,
                tunnel: self.proven,
                rate: self.rate,
            },
            None if self.attempts == 0 => LinkSnapshot::None,
            None => LinkSnapshot::Connecting {
                attempts: self.attempts,
                last_error: self.last_error.clone(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> LinkError {
        LinkError::Lost("nobody answers".into())
    }

    #[test]
    fn lost_link_alerts_until_stable() {
        let at = |seconds| Time::UNIX_EPOCH + Duration::seconds(seconds);
        let shown = |link: &LinkState, seconds| {
            let mut alerts = link.alerts(at(seconds), InstanceId(7));
            alerts.next().map(|alert| (alert.since, alert.text))
        };
        let endpoint = || SshEndpoint {
            host: "198.51.100.7".into(),
            port: 41022,
        };
        let mut link = LinkState::default();
        // A link that has never been up is part of the boot.
        link.failed(at(0), &lost(), Uplink::Up);
        assert_eq!(shown(&link, 500), None);
        link.connected(at(500), endpoint());
        link.lost(at(600), &lost());
        assert_eq!(shown(&link, 700), None, "most come back");
        // A link that flaps stays lost.
        link.connected(at(710), endpoint());
        link.lost(at(715), &lost());
        let (since, text) = shown(&link, 780).unwrap();
        assert_eq!(since, at(600));
        assert!(text.contains("rental 7 for 3 minutes"), "{text}");
        link.connected(at(800), endpoint());
        assert!(shown(&link, 805).is_some());
        assert_eq!(shown(&link, 900), None, "it is stable");
        // The next loss is a new one.
        link.lost(at(1_000), &lost());
        assert_eq!(shown(&link, 1_060), None);
        assert_eq!(shown(&link, 1_200).unwrap().0, at(1_000));
    }

    #[test]
    fn unverified_watchdog_alerts_until_verified() {
        let at = |seconds| Time::UNIX_EPOCH + Duration::seconds(seconds);
        let mut link = LinkState::default();
        let failed = || WatchdogCheck::Failed("its watchdog does not run".into());
        link.watchdog_read(at(10), failed());
        link.watchdog_read(at(70), failed());
        let alert = link.alerts(at(80), InstanceId(7)).next().unwrap();
        assert_eq!((alert.level, alert.since), (AlertLevel::Critical, at(10)));
        assert!(
            alert.text.contains("rental 7 would not end itself"),
            "{}",
            alert.text
        );
        link.watchdog_read(at(130), WatchdogCheck::Verified);
        assert_eq!(link.alerts(at(140), InstanceId(7)).count(), 0);
    }

    #[test]
    fn lasting_refusal_becomes_a_fault() {
        let at = |seconds| Time::UNIX_EPOCH + Duration::seconds(seconds);
        let refused = || LinkError::Refused("to open a session".into());
        let endpoint = || SshEndpoint {
            host: "198.51.100.7".into(),
            port: 41022,
        };
        // Given a server that lets us in and refuses the session,
        let mut link = LinkState::default();
        for second in (0..=120).step_by(20) {
            link.connected(at(second), endpoint());
            link.lost(at(second + 1), &refused());
        }
        // when it does so for two minutes, then that is a fault,
        assert_eq!(link.fault(at(100)), None);
        let fault = link.fault(at(130)).unwrap();
        assert_eq!(fault.evidence, refused().to_string());
        // until the link is stable.
        link.connected(at(140), endpoint());
        assert_eq!(link.fault(at(200)), None);
        link.lost(at(300), &lost());
        assert_eq!(link.fault(at(300)), None);
    }

    #[test]
    fn changed_host_key_alerts_until_release() {
        let endpoint = || "198.51.100.7:41022".to_owned();
        let (now, later) = (Time::UNIX_EPOCH, Time::UNIX_EPOCH + Duration::minutes(5));
        let mut link = LinkState::default();
        let unreachable = LinkError::Unreachable {
            endpoint: endpoint(),
            detail: "refused".into(),
        };
        link.failed(now, &unreachable, Uplink::Up);
        assert_eq!(link.host_key_alert(InstanceId(7)), None);
        let changed = LinkError::HostKeyChanged {
            endpoint: endpoint(),
            detail: "it is not the first one".into(),
        };
        link.failed(now, &changed, Uplink::Up);
        link.failed(later, &changed, Uplink::Up);
        link.failed(later, &unreachable, Uplink::Up);
        let alert = link.host_key_alert(InstanceId(7)).unwrap();
        assert_eq!((alert.level, alert.since), (AlertLevel::Critical, now));
        assert!(alert.text.contains("198.51.100.7:41022"), "{}", alert.text);
        assert_eq!(link.attempts, 4);
    }
}
