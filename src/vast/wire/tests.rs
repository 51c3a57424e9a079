#![expect(
    clippy::unreadable_literal,
    reason = "rows are kept as the wire shows them"
)]

use serde_json::json;

use super::*;
use crate::vast::rank::tests::now;

fn offer_row() -> Value {
    json!({"id":20123456,"ask_contract_id":20123456,"machine_id":43210,"host_id":55555,"num_gpus":1,
        "gpu_name":"RTX 4090","gpu_ram":24564,"cuda_max_good":12.8,"disk_space":812.4,"disk_bw":2100.5,
        "inet_up":810.2,"inet_down":905.7,"inet_up_cost":0.004,"inet_down_cost":0.002,
        "direct_port_count":124,"geolocation":"Washington, US","dph_base":0.40,"dph_total":0.4111,
        "storage_cost":0.20,"reliability":0.9962,"verification":"verified","rentable":true,
        "external":null,"duration":2160000.0,"end_date":1797625000.0,"a_new_field":{"x":1}})
}

fn instance_row() -> Value {
    json!({"id":12345678,"machine_id":43210,"label":"op:main:7f3a \n","num_gpus":1,"gpu_name":"RTX 4090",
        "actual_status":"loading","intended_status":"running","cur_state":"running",
        "status_msg":"success, running ubuntu_22.04/ssh","start_date":1795465790.43,
        "end_date":1798057790.0,"image_runtype":"ssh_direc ssh_proxy","ssh_host":"ssh5.vast.ai",
        "ssh_port":15678,"public_ipaddr":"203.0.113.42 \n",
        "ports":{"22/tcp":[{"HostIp":"0.0.0.0","HostPort":"40022"},{"HostIp":"::","HostPort":"40022"}],
                 "8080/tcp":[{"HostIp":"0.0.0.0","HostPort":"53590"}]},
        "dph_base":0.40,"dph_total":0.4089})
}

#[test]
fn documented_offer_is_parsed() {
    let offer = offer(&offer_row(), 40.0, now()).expect("an offer");
    assert_eq!(offer.id, OfferId(20_123_456));
    assert_eq!(offer.gpu_memory_mb, 24_564);
    assert_eq!(offer.price_with_disk(40.0).to_string(), "$0.41/h");
    assert_eq!(offer.cuda, Some(12.8));
    assert_eq!(
        offer.ends_at.map(|end| end.timestamp()),
        Some(1_797_625_000)
    );
    assert!(offer.verified);
}

#[test]
fn market_total_above_the_parts_is_a_surcharge() {
    assert!(
        offer(&offer_row(), 40.0, now())
            .unwrap()
            .surcharge
            .is_zero()
    );
    let mut row = offer_row();
    row["dph_total"] = json!(0.45);
    let offer = offer(&row, 40.0, now()).unwrap();
    assert_eq!(offer.price_with_disk(40.0), UsdPerHour::from_dollars(0.45));
    assert_eq!(offer.gpu_price, UsdPerHour::from_dollars(0.40));
}

#[test]
fn requested_price_is_per_second() {
    let row = json!({"pending_price_increase_id": 42, "contract_id": 12345678,
        "old_gpu_costpersec": 0.001, "old_disk_ram_costpersec": 0.0001,
        "new_gpu_costpersec": 0.002, "new_disk_ram_costpersec": 0.0001});
    let expected = RequestedPrice {
        instance: InstanceId(12_345_678),
        current: UsdPerHour::from_dollars(3.6),
        requested: UsdPerHour::from_dollars(7.2),
    };
    assert_eq!(requested_price(&row), Some(expected));
    assert_eq!(requested_price(&json!({"contract_id": 5})), None);
}

#[test]
fn only_public_addresses_name_a_machine() {
    for (address, named) in [
        ("203.0.113.42\n", true),
        ("2001:db8::7", true),
        ("127.0.0.1", false),
        ("10.0.0.7", false),
        ("fd00::1", false),
        ("a host", false),
    ] {
        let mut row = offer_row();
        row["public_ipaddr"] = json!(address);
        let found = offer(&row, 40.0, now()).unwrap().public_address;
        assert_eq!(found.is_some(), named, "{address}");
    }
}

#[test]
fn only_hosts_are_reached_by_ssh() {
    let row = |public: &str, proxy: &str| {
        json!({"id": 1, "public_ipaddr": public, "ssh_host": proxy, "ssh_port": 15678,
            "ports": {"22/tcp": [{"HostPort": "40022"}]}})
    };
    let hosts = |public, proxy| -> Vec<String> {
        let found = instance(&row(public, proxy)).unwrap();
        found
            .ssh
            .into_iter()
            .map(|endpoint| endpoint.host)
            .collect()
    };
    assert_eq!(
        hosts("203.0.113.42\n", "ssh5.vast.ai"),
        ["203.0.113.42", "ssh5.vast.ai"]
    );
    assert_eq!(hosts("2001:db8::7", ""), ["2001:db8::7"]);
    // Given a text that `ssh` or a shell would read otherwise, then it is no host.
    for odd in [
        "-oProxyCommand=id",
        "root@203.0.113.9",
        "ssh://a",
        "a b",
        "a;id",
        "a\u{202e}b",
    ] {
        assert!(hosts(odd, odd).is_empty(), "{odd}");
    }
}

#[test]
fn closed_offers_say_why() {
    for (name, value, closed) in [
        ("rentable", json!(false), Some(ClosedOffer::NotRentable)),
        ("is_bid", json!(true), Some(ClosedOffer::Bid)),
        ("external", json!(1), Some(ClosedOffer::External)),
        ("rentable", Value::Null, None),
    ] {
        let mut row = offer_row();
        row[name] = value;
        let found = offer(&row, 40.0, now()).unwrap().closed;
        assert_eq!(found, closed, "{name}");
    }
}

#[test]
fn offer_end_follows_from_duration() {
    let mut row = offer_row();
    row["cuda_max_good"] = json!("12.4");
    row["dph_base"] = json!("0.40");
    row["end_date"] = Value::Null;
    let offer = offer(&row, 40.0, now()).expect("an offer");
    assert_eq!(offer.cuda, Some(12.4));
    assert_eq!(offer.gpu_price, UsdPerHour::from_dollars(0.40));
    assert_eq!(offer.ends_at, Some(now() + TimeDelta::days(25)));
}

#[test]
fn offer_without_machine_or_price_is_none() {
    for name in ["machine_id", "gpu_name", "num_gpus"] {
        let mut row = offer_row();
        row[name] = Value::Null;
        assert_eq!(offer(&row, 40.0, now()), None, "{name}");
    }
    let mut row = offer_row();
    row["dph_base"] = Value::Null;
    row["dph_total"] = Value::Null;
    assert_eq!(offer(&row, 40.0, now()), None);
}

#[test]
fn documented_instance_is_parsed_without_cur_state() {
    let instance = instance(&instance_row()).expect("an instance");
    assert_eq!(instance.actual, ActualStatus::Loading);
    assert_eq!(instance.label.as_deref(), Some("op:main:7f3a"));
    let ssh: Vec<String> = instance.ssh.iter().map(ToString::to_string).collect();
    assert_eq!(ssh, ["203.0.113.42:40022", "ssh5.vast.ai:15678"]);
    assert!(instance.ports.contains(&PortMapping {
        container: 8080,
        external: 53_590
    }));
}

#[test]
fn jupyter_proxy_port_is_one_higher() {
    let mut row = instance_row();
    row["actual_status"] = Value::Null;
    row["ports"] = json!({});
    row["image_runtype"] = json!("jupyter_direc ssh_direc ssh_proxy");
    let instance = instance(&row).expect("an instance");
    assert_eq!(instance.actual, ActualStatus::Provisioning);
    assert_eq!(instance.ssh.len(), 1);
    assert_eq!(instance.ssh[0].port, 15_679);
}

#[test]
fn row_without_id_is_no_instance() {
    let mut row = instance_row();
    row["id"] = Value::Null;
    assert_eq!(instance(&row), None);
}

#[test]
fn key_comments_are_ignored() {
    let key = "ssh-ed25519 AAAA me@here";
    for body in [
        json!([{"id": 1, "public_key": key, "deleted_at": null}]),
        json!([{"id": 1, "key": key}]),
        json!({"ssh_keys": [{"public_key": key}]}),
    ] {
        assert_eq!(public_keys(&body), Some(vec![key.to_owned()]), "{body}");
    }
    assert_eq!(
        public_keys(&json!([{"key": key, "deleted_at": "2026"}])),
        Some(vec![])
    );
    assert_eq!(public_keys(&json!({"success": true})), None);
    assert!(same_key(key, "ssh-ed25519 AAAA other"));
    assert!(!same_key(key, "ssh-ed25519 BBBB me@here"));
    assert!(!same_key("", ""));
}
