//! `pocpit serve`: vLLM alone, on a served world.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;

use pocpit::domain::NodeId;
use pocpit::http::HttpClient;
use pocpit::journal;
use pocpit::network_node::NetworkNodeClient;
use pocpit::ports::NetworkNode as _;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Home, config_of, ran};
use crate::sim::Sim;

#[test]
fn serve_runs_for_its_time_and_releases() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "240"]));
    let before = nodes_of(&sim);
    // When it is to serve for half an hour,
    let served = ran(&mut home.command(&[
        "--config",
        sim.config.as_str(),
        "serve",
        "--minutes",
        "30",
        "--yes",
        "--json",
    ]));
    // then it printed what it would do,
    for said in [
        "Inference alone, in the simulated world:",
        "by vllm/vllm-openai:v0.11.2, 30 minutes from when it is loaded",
        "nothing: no PoC, no Network Node",
        "at worst $",
        "ready to rent: chain",
        "serving: serves MiniMaxAI/MiniMax-M2.7 until",
    ] {
        assert!(served.stderr.contains(said), "{said}: {}", served.stderr);
    }
    assert_eq!(served.code, Some(0), "{}", served.stderr);
    // it served for the requested time, for no epoch,
    let report: Value = serde_json::from_str(served.stdout.trim()).unwrap();
    assert_eq!(report["outcome"], "served");
    assert_eq!(report["epoch"], Value::Null);
    assert_eq!(report["rentals_left"], 0);
    let steps = report["steps"].as_array().unwrap();
    let names: Vec<&str> = steps
        .iter()
        .map(|span| span["step"].as_str().unwrap())
        .collect();
    for never in ["registering", "proving", "confirming"] {
        assert!(!names.contains(&never), "{names:?}");
    }
    let time = |span: &Value, end: &str| {
        let text = span[end].as_str().unwrap();
        chrono::DateTime::parse_from_rfc3339(text).unwrap()
    };
    let serving = steps.iter().find(|span| span["step"] == "serving").unwrap();
    let length = time(serving, "ended") - time(serving, "started");
    assert!((30..35).contains(&length.num_minutes()), "{length}");
    // the Network Node is unchanged, the journal has nothing open,
    assert_eq!(nodes_of(&sim), before);
    let ledger = journal::read_only(&config_of(&sim).paths.state_dir).unwrap();
    assert!(ledger.open_rentals().is_empty());
    assert!(ledger.registrations().is_empty());
    // and its boot does not count as a boot of the MLNode.
    assert!(ledger.boots().is_empty());
}

#[test]
fn serve_forwards_requests_until_ctrl_c() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "240"]));
    let listen = config_of(&sim).vllm.listen;
    // Given a run that serves for longer than this test takes,
    let mut command = home.command(&[
        "--config",
        sim.config.as_str(),
        "serve",
        "--minutes",
        "120",
        "--yes",
        "--json",
    ]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut before = Vec::new();
    let serves = said.by_ref().map_while(Result::ok).find(|line| {
        before.push(line.clone());
        line.contains("serving: serves")
    });
    let place = format!("http://{listen}/v1");
    assert!(
        serves.is_some_and(|line| line.contains(&place)),
        "{before:#?}"
    );
    // when a request is sent to it, then vLLM answers,
    assert!(get(listen, "/v1/models").contains("MiniMaxAI/MiniMax-M2.7"));
    assert!(get(listen, "/health").starts_with("HTTP/1.1 200"));
    assert!(get(listen, "/api/v1/state").starts_with("HTTP/1.1 404"));
    // and Ctrl-C is its planned end.
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let rest: Vec<String> = said.map_while(Result::ok).collect();
    let mut report = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut report)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest:#?}");
    let report: Value = serde_json::from_str(report.trim()).unwrap();
    assert_eq!(report["outcome"], "served");
    assert_eq!(report["rentals_left"], 0);
    assert!(
        TcpStream::connect(listen).is_err(),
        "nobody listens any more"
    );
}

#[test]
fn serve_resumes_abandoned_rental() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "240"]));
    let serve = || {
        let all = ["--config", sim.config.as_str(), "serve", "--minutes", "60"];
        let mut command = home.command(&all);
        command.args(["--yes", "--json"]);
        command
    };
    // Given a run that was terminated while it served,
    let mut child = serve().stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = said.by_ref().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("serving: serves")));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let rest: Vec<String> = said.map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(4), "{rest:#?}");
    assert!(
        rest.iter()
            .any(|line| line.contains("left alone it ends itself")),
        "{rest:#?}"
    );
    // and a rehearsal that is refused meanwhile,
    let rehearsed = ran(&mut home.command(&["--config", sim.config.as_str(), "rehearse", "--yes"]));
    assert_eq!(rehearsed.code, Some(3), "{}", rehearsed.stderr);
    // when it is started again, then the same rental serves to its planned end.
    let served = ran(&mut serve());
    assert!(
        served.stderr.contains("resuming the active sprint"),
        "{}",
        served.stderr
    );
    assert_eq!(served.code, Some(0), "{}", served.stderr);
    let report: Value = serde_json::from_str(served.stdout.trim()).unwrap();
    assert_eq!(report["outcome"], "served");
    let ledger = journal::read_only(&config_of(&sim).paths.state_dir).unwrap();
    assert!(ledger.open_rentals().is_empty());
    assert_eq!(ledger.reports().len(), 1);
    let steps = report["steps"].as_array().unwrap();
    let rented = steps.iter().filter(|span| span["step"] == "renting");
    assert_eq!(rented.count(), 1);
}

/// Ids of the registered nodes.
fn nodes_of(sim: &Sim) -> Vec<NodeId> {
    let client = NetworkNodeClient::new(HttpClient::new(), &config_of(sim).network_node);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let nodes = runtime.block_on(client.nodes()).unwrap();
    nodes.into_iter().map(|node| node.config.id).collect()
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}
