//! Keeps the path from a rental to the `PoC` callback open, and tests it from the rental.

use std::sync::Arc;

use crate::domain::{CallbackAddress, CallbackProof, Duration};
use crate::engine::Ports;
use crate::network_node::{CallbackRoute, CallbackWay, unread_callback};
use crate::ports::{CallbackForward, LinkError, RemoteSession};

const PROVE_AGAIN: Duration = Duration::minutes(1);
const RETRY: Duration = Duration::seconds(15);
/// A port that an earlier session of ours holds is free by then.
const REFUSALS: u32 = 4;

/// The callback of one session.
pub(crate) struct CallbackKeeper<'a> {
    ports: Arc<Ports>,
    session: &'a dyn RemoteSession,
    way: CallbackWay,
    /// Read once: it changes only with a restart of the Network Node's API service.
    address: Option<CallbackAddress>,
    forwarded: Option<CallbackForward>,
    /// How often in a row the rental refused the forward.
    refusals: u32,
}

impl<'a> CallbackKeeper<'a> {
    pub(crate) fn new(ports: Arc<Ports>, session: &'a dyn RemoteSession, way: CallbackWay) -> Self {
        CallbackKeeper {
            ports,
            session,
            way,
            address: None,
            forwarded: None,
            refusals: 0,
        }
    }

    /// The next proof, and when to prove again.
    pub(crate) async fn prove(&mut self) -> (CallbackProof, Duration) {
        let proof = self.attempt().await;
        if proof == CallbackProof::Proven {
            return (proof, PROVE_AGAIN);
        }
        self.address = None;
        (proof, RETRY)
    }

    /// A server that refuses again and again will not change its mind: another machine will do.
    fn not_forwarded(&mut self, error: &LinkError) -> CallbackProof {
        let why = error.to_string();
        if !matches!(error, LinkError::Refused(_)) {
            return CallbackProof::Failed(why);
        }
        self.refusals += 1;
        if self.refusals < REFUSALS {
            return CallbackProof::Failed(why);
        }
        CallbackProof::Refused(why)
    }

    async fn attempt(&mut self) -> CallbackProof {
        let address = match self.address.clone() {
            Some(address) => address,
            None => match self.ports.network_node.callback_address().await {
                Ok(address) => address,
                Err(error) => return unread_callback(&error),
            },
        };
        self.address = Some(address.clone());
        let route = CallbackRoute::of(address, &self.way);
        if let Some(forward) = route.forward.as_ref()
            && self.forwarded.as_ref() != Some(forward)
        {
            if let Err(error) = self.session.forward_callback(forward).await {
                return self.not_forwarded(&error);
            }
            self.refusals = 0;
            self.forwarded = Some(forward.clone());
        }
        match self.session.run(&route.command()).await {
            Ok(output) => route.proof(&output),
            Err(error) => CallbackProof::Failed(error.to_string()),
        }
    }
}
