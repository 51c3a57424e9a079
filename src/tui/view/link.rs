//! The link to a rental in words: the same wherever it is named.

use crate::domain::Time;
use crate::engine::LinkSnapshot;

use super::format;

/// In a few words: `up 24 ms`.
pub fn brief(link: &LinkSnapshot) -> String {
    match link {
        LinkSnapshot::None => "not connected yet".to_owned(),
        LinkSnapshot::Connecting { attempts, .. } => format!("connecting, try {attempts}"),
        LinkSnapshot::Up { tunnel: false, .. } => "up, NO TUNNEL".to_owned(),
        LinkSnapshot::Up { rate, .. } => match rate.round_trip_ms {
            Some(milliseconds) => format!("up {milliseconds} ms"),
            None => "up".to_owned(),
        },
    }
}

/// With the cause, or since when and how fast.
pub fn in_full(link: &LinkSnapshot, now: Time) -> String {
    match link {
        LinkSnapshot::Connecting {
            last_error: Some(error),
            ..
        } => format!("{}: {error}", brief(link)),
        LinkSnapshot::Up {
            since,
            tunnel,
            rate,
        } => {
            let state = if *tunnel { "up" } else { "up, NO TUNNEL" };
            let since = format::short(now - *since);
            format!("{state} {since}{}", format::rate(*rate))
        }
        LinkSnapshot::None | LinkSnapshot::Connecting { .. } => brief(link),
    }
}
