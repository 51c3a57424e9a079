//! What the market's status messages of a rental mean.

use super::fault::{Fault, NEWER_DRIVER, host, ours};

/// Texts in the market's status message that mean our image or its login is wrong.
pub(super) const IMAGE: &[Fault] = &[
    ours(
        "the image does not support the host's CPU",
        "check vast.image",
        &["no matching manifest for"],
    ),
    ours(
        "the image does not exist",
        "check vast.image",
        &[
            "manifest unknown",
            "failed to resolve reference",
            "repository does not exist",
        ],
    ),
    ours(
        "the image is not public",
        "check vast.image and its login",
        &["pull access denied", "unauthorized"],
    ),
];

/// Texts in the market's status message that mean the host is broken. Matched after [`IMAGE`] and
/// before any progress: "pull access denied" is not progress (acceptance case D44).
pub(super) const HOST: &[Fault] = &[
    host(
        "the host's driver is too old for the image",
        &["unsatisfied condition: cuda"],
    )
    .with_advice(NEWER_DRIVER),
    host("the registry rate-limits the host", &["toomanyrequests"]),
    host(
        "the host cannot pass its GPUs to containers",
        &["could not select device driver", "nvidia-container-cli"],
    ),
    host("the host cannot start containers", &["oci runtime"]),
    host("the host has lost a GPU", &["unresolvable cdi devices"]),
    host(
        "the host's Docker reports an error",
        &["error response from daemon"],
    ),
    host(
        "the host cannot start containers",
        &["failed to start containers"],
    ),
    host("the host's disk is full", &["no space left on device"]),
];
