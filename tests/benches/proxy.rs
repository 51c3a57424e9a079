//! The inference proxy beside nginx as a plain reverse proxy, both in front of the same upstream on
//! loopback: requests per second, and latency at many connections; what either adds to 500 streams at
//! once; the proxy's memory over a million requests. `cargo bench --profile dist --bench proxy`, for
//! Debian's nginx is what its packager built; needs nginx and wrk (`apt-get install nginx-light wrk`).
//!
//! Rounds alternate, so that whatever else the machine does meets both; medians count.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod streams;

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pocpit::config::{AccessLog, CallerRules, FieldRules, ProxyConfig, UpstreamConfig};
use pocpit::domain::{Hardware, NodeId};

const ROUNDS: usize = 5;
const SECONDS: u32 = 5;
/// For requests per second, and for latency.
const CONNECTIONS: [u32; 2] = [64, 500];
const MODEL: &str = "net/Model";
/// Asks for the proxy itself, in a process of its own: the upstream's address and its own follow.
const SERVE: &str = "--serve-proxy";
/// Asks for the model that streams: its address follows.
const STREAM: &str = "--serve-streams";
/// The proxy's memory is looked at over so many requests.
const MANY: f64 = 1_000_000.0;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == SERVE) {
        serve(&arguments[at + 1], arguments[at + 2].parse().unwrap());
        return;
    }
    if let Some(at) = arguments.iter().position(|argument| argument == STREAM) {
        streams::serve(arguments[at + 1].parse().unwrap());
        return;
    }
    for tool in ["nginx", "wrk"] {
        if !has(tool) {
            println!("{tool} is missing (apt-get install nginx-light wrk): nothing is measured");
            return;
        }
    }
    measure();
}

fn has(tool: &str) -> bool {
    let version = Command::new(tool)
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok()
}

fn serve(upstream: &str, listen: SocketAddr) {
    let config = ProxyConfig {
        node_id: NodeId("proxy".into()),
        network_node: None,
        host: "127.0.0.1".into(),
        inference_port: listen.port(),
        poc_port: listen.port(),
        listen,
        model: MODEL.into(),
        upstream: UpstreamConfig {
            url: upstream.parse().unwrap(),
            key: "none".to_owned().into(),
            model: "their-model".into(),
            features: std::collections::BTreeSet::new(),
        },
        fallbacks: Vec::new(),
        fields: FieldRules::default(),
        callers: CallerRules::default(),
        access_log: AccessLog::Off,
        max_body: 1_000_000,
        max_concurrent: 10_000,
        request_timeout: Duration::from_secs(30),
        hardware: Hardware {
            name: "none".into(),
            count: 1,
        },
    };
    let place = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let state = place.path().join("state");
    let served = pocpit::proxy::serve(&config, &state, pending(), pending());
    runtime.block_on(served).unwrap();
}

/// What one run of wrk says.
#[derive(Debug, Clone, Copy)]
struct Measured {
    per_second: f64,
    /// Of 99 % of the requests, in milliseconds.
    p99: f64,
}

fn measure() {
    let place = tempfile::tempdir().unwrap();
    let [upstream, beside, ours, model, model_beside, model_ours] = free_ports();
    std::fs::write(
        place.path().join("nginx.conf"),
        nginx(place.path(), [(upstream, beside), (model, model_beside)]),
    )
    .unwrap();
    std::fs::write(place.path().join("ask.lua"), ask()).unwrap();
    let _nginx = Running::start(
        Command::new("nginx")
            .arg("-p")
            .arg(place.path())
            .arg("-c")
            .arg(place.path().join("nginx.conf")),
    );
    let serving = proxy(upstream, ours);
    let _model = Running::start(
        Command::new(std::env::current_exe().unwrap())
            .arg(STREAM)
            .arg(format!("127.0.0.1:{model}")),
    );
    let _streaming = proxy(model, model_ours);
    for port in [upstream, beside, ours, model, model_beside, model_ours] {
        until_up(port);
    }
    compare_streams([model, model_beside, model_ours]);
    compare_requests(place.path(), beside, ours);
    watch_memory(place.path(), ours, &serving);
}

/// The proxy, in a process of its own.
fn proxy(upstream: u16, listen: u16) -> Running {
    Running::start(
        Command::new(std::env::current_exe().unwrap())
            .arg(SERVE)
            .arg(format!("http://127.0.0.1:{upstream}/v1"))
            .arg(format!("127.0.0.1:{listen}")),
    )
}

/// Pieces of streams: straight from the model, through nginx, through the proxy.
fn compare_streams(ports: [u16; 3]) {
    for count in [1, streams::STREAMS] {
        let mut all = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            for (port, rounds) in ports.into_iter().zip(&mut all) {
                rounds.push(streams::read(port, count, MODEL));
            }
        }
        for (name, rounds) in ["no proxy", "nginx", "proxy"].into_iter().zip(&all) {
            let middle = |of: fn(&streams::Late) -> f64| {
                let mut values: Vec<f64> = rounds.iter().map(of).collect();
                values.sort_by(f64::total_cmp);
                values[values.len() / 2]
            };
            println!(
                "{count} streams, {name}: first byte p50 {:.2} ms, p99 {:.2} ms; a piece p50 {:.2} ms, p99 {:.2} ms",
                middle(|late| late.first().p50),
                middle(|late| late.first().p99),
                middle(|late| late.pieces().p50),
                middle(|late| late.pieces().p99),
            );
        }
    }
}

/// The proxy's memory, in kB, before and after many requests and in between.
fn watch_memory(place: &Path, ours: u16, serving: &Running) {
    let mut seen = vec![resident(serving)];
    let mut requests = 0.0;
    while requests < MANY {
        requests += wrk(place, ours, 64).per_second * f64::from(SECONDS);
        seen.push(resident(serving));
    }
    println!("memory in kB over {requests:.0} requests: {seen:?}");
}

fn resident(process: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.0.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

fn compare_requests(place: &Path, beside: u16, ours: u16) {
    for connections in CONNECTIONS {
        let mut of_nginx = Vec::new();
        let mut of_ours = Vec::new();
        for _ in 0..ROUNDS {
            of_nginx.push(wrk(place, beside, connections));
            of_ours.push(wrk(place, ours, connections));
        }
        let (nginx, proxy) = (median(&of_nginx), median(&of_ours));
        println!(
            "{connections} connections: nginx {:.0}/s (p99 {:.2} ms), proxy {:.0}/s (p99 {:.2} ms): {:.0} % of its requests, p99 {:+.2} ms",
            nginx.per_second,
            nginx.p99,
            proxy.per_second,
            proxy.p99,
            100.0 * proxy.per_second / nginx.per_second,
            proxy.p99 - nginx.p99,
        );
    }
}

fn median(all: &[Measured]) -> Measured {
    let middle = |of: fn(&Measured) -> f64| {
        let mut values: Vec<f64> = all.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Measured {
        per_second: middle(|one| one.per_second),
        p99: middle(|one| one.p99),
    }
}

/// An upstream that answers at once, and a plain reverse proxy in front of it; and one more in front of
/// the model.
fn nginx(place: &Path, pairs: [(u16, u16); 2]) -> String {
    let [(upstream, beside), (model, model_beside)] = pairs;
    let place = place.display();
    let answer = r#"{"id":"1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello! What can I do for you today?"},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21}}"#;
    format!(
        "worker_processes auto; daemon off; pid {place}/nginx.pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi; uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
  keepalive_requests 100000000;
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{upstream}; location / {{ default_type application/json; return 200 '{answer}'; }} }}
  server {{ listen 127.0.0.1:{beside}; location / {{
    proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }}
  upstream model {{ server 127.0.0.1:{model}; keepalive 512; }}
  server {{ listen 127.0.0.1:{model_beside}; location / {{
    proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffering off; }} }}
}}
"
    )
}

fn ask() -> String {
    format!(
        "wrk.method = 'POST'
wrk.headers['Content-Type'] = 'application/json'
wrk.body = '{{\"model\":\"{MODEL}\",\"messages\":[{{\"role\":\"user\",\"content\":\"' .. string.rep('Tell me something. ', 20) .. '\"}}],\"logprobs\":true,\"top_logprobs\":5,\"max_tokens\":100,\"seed\":7}}'
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('RESULT %f %f %d\\n', summary.requests / summary.duration * 1e6,
    latency:percentile(99) / 1000, errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"
    )
}

fn wrk(place: &Path, port: u16, connections: u32) -> Measured {
    let output = Command::new("wrk")
        .args(["-t", "1", "-c", &connections.to_string()])
        .args(["-d", &format!("{SECONDS}s"), "-s"])
        .arg(place.join("ask.lua"))
        .arg(format!("http://127.0.0.1:{port}/v1/chat/completions"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let result = said.lines().find_map(|line| line.strip_prefix("RESULT "));
    let numbers: Vec<f64> = result
        .unwrap_or_else(|| panic!("wrk said: {said}"))
        .split(' ')
        .map(|number| number.parse().unwrap())
        .collect();
    assert!(numbers[2] == 0.0, "requests failed: {said}");
    Measured {
        per_second: numbers[0],
        p99: numbers[1],
    }
}

fn free_ports() -> [u16; 6] {
    let listeners = [0; 6].map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn until_up(port: u16) {
    for _ in 0..500 {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("nobody listens on {port}");
}

/// Ends with this value.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Running {
        Running(command.spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // nginx leaves its workers behind when it is killed.
        let asked = Command::new("kill").arg(self.0.id().to_string()).status();
        if asked.is_err() {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}
