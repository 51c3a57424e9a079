//! `pocpit proxy`: a process of its own that the Network Node always knows.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pocpit::config::Config;
use pocpit::engine::ports::NetworkNode as _;
use pocpit::http::HttpClient;
use pocpit::network_node::NetworkNodeClient;
use rustix::process::{Pid, Signal, kill_process};

use crate::common::Sim;
use crate::{Home, config_of};

/// Nothing here takes this long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The proxy's process; it ends with this value.
pub struct Proxy(Child);

impl Proxy {
    fn start(command: &mut Command) -> Proxy {
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        Proxy(quiet.spawn().unwrap())
    }

    /// One that serves a world's configuration.
    pub fn serving(home: &Home, sim: &Sim) -> Proxy {
        Proxy::serving_with(home, sim, &[])
    }

    /// As [`Proxy::serving`], with more variables of the environment.
    pub fn serving_with(home: &Home, sim: &Sim, variables: &[(&str, &str)]) -> Proxy {
        let arguments = ["--config", sim.config.as_str(), "proxy"];
        let mut command = home.command(&arguments);
        let proxy = Proxy::start(command.envs(variables.iter().copied()));
        let listen = config_of(sim).inference_proxy.unwrap().listen;
        until("the proxy's port", || TcpStream::connect(listen).is_ok());
        proxy
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// Waits for its end.
    pub fn code(mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }

    fn ends(self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.code()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what} never came");
        std::thread::sleep(Duration::from_millis(50));
    }
}

struct Scene {
    home: Home,
    sim: Sim,
    config: Config,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    fn new() -> Scene {
        let home = Home::new();
        let sim = Sim::start(home.command(&["sim"]).args(["--speed", "50"]));
        Scene {
            config: config_of(&sim),
            runtime: tokio::runtime::Runtime::new().unwrap(),
            home,
            sim,
        }
    }

    fn start(&self) -> Proxy {
        Proxy::serving(&self.home, &self.sim)
    }

    fn network_node(&self) -> NetworkNodeClient {
        NetworkNodeClient::new(HttpClient::new(), &self.config.network_node)
    }

    fn is_registered(&self) -> bool {
        let id = &self.config.inference_proxy.as_ref().unwrap().node_id;
        let nodes = self.runtime.block_on(self.network_node().nodes()).unwrap();
        nodes.iter().any(|node| node.config.id == *id)
    }

    fn asked(&self, method: reqwest::Method, path: &str) -> serde_json::Value {
        let listen = self.config.inference_proxy.as_ref().unwrap().listen;
        self.runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let call = client.request(method, format!("http://{listen}{path}"));
            call.send().await.unwrap().json().await.unwrap()
        })
    }
}

#[test]
fn it_registers_itself_when_the_network_node_does_not_know_it() {
    let scene = Scene::new();
    let id = scene
        .config
        .inference_proxy
        .as_ref()
        .unwrap()
        .node_id
        .clone();
    let unregistered = scene.network_node();
    assert!(
        scene
            .runtime
            .block_on(unregistered.unregister(&id))
            .unwrap()
    );
    until("the registration's end", || !scene.is_registered());
    let proxy = scene.start();
    until("the registration", || scene.is_registered());
    assert_eq!(proxy.ends(), Some(0));
    assert!(scene.is_registered(), "an end is most often a restart");
}

#[test]
fn what_the_network_node_stopped_stays_stopped_over_a_restart() {
    let scene = Scene::new();
    let proxy = scene.start();
    let state = scene.asked(reqwest::Method::GET, "/v3.0.8/api/v1/state");
    assert_eq!(state["state"], "INFERENCE");
    scene.asked(reqwest::Method::POST, "/v3.0.8/api/v1/stop");
    assert_eq!(proxy.ends(), Some(0));
    let _again = scene.start();
    let state = scene.asked(reqwest::Method::GET, "/api/v1/state");
    assert_eq!(state["state"], "STOPPED");
}
