//! The fuzz targets compile and survive random bytes. The coverage-guided fuzzer is run by hand.

#[path = "../fuzz/inputs.rs"]
mod inputs;

use proptest::prelude::*;

/// Arbitrary bytes, JSON-like text and log-like text.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let anything = proptest::collection::vec(any::<u8>(), 0..400);
    let json = r#"[@a]?[\[\]{}":, a-z0-9.\-]{0,200}"#.prop_map(String::into_bytes);
    let log = "(\x1b\\[[0-9;]{0,5}[a-zA-Z]|[a-zA-Z0-9 %/|]{0,40}|[\r\n\t]|é|漢){0,40}"
        .prop_map(String::into_bytes);
    prop_oneof![anything, json, log]
}

proptest! {
    #[test]
    fn replies_of_the_market(bytes in bytes()) {
        inputs::vast(&bytes);
    }

    #[test]
    fn replies_of_the_chain(bytes in bytes()) {
        inputs::chain(&bytes);
    }

    #[test]
    fn replies_of_the_network_node(bytes in bytes()) {
        inputs::network_node(&bytes);
    }

    #[test]
    fn replies_of_the_mlnode(bytes in bytes()) {
        inputs::mlnode(&bytes);
    }

    #[test]
    fn bytes_of_a_log(bytes in bytes()) {
        inputs::log(&bytes);
    }

    #[test]
    fn lines_of_a_boot(bytes in bytes()) {
        inputs::boot_lines(&bytes);
    }

    #[test]
    fn configurations(bytes in bytes()) {
        inputs::configuration(&bytes);
    }
}
