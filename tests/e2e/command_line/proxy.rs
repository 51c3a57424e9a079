//! `pocpit proxy`: a separate process that stays registered at the Network Node.

use std::fs::File;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pocpit::config::Config;
use pocpit::http::HttpClient;
use pocpit::network_node::{NetworkNodeClient, RegistrationState, registration_state};
use pocpit::ports::NetworkNode as _;
use rustix::process::{Pid, Signal, kill_process};

use crate::command_line::{Home, config_of};
use crate::sim::Sim;

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

    /// The same as [`Proxy::serving`], with more environment variables.
    pub fn serving_with(home: &Home, sim: &Sim, variables: &[(&str, &str)]) -> Proxy {
        let arguments = ["--config", sim.config.as_str(), "proxy"];
        let mut command = home.command(&arguments);
        let proxy = Proxy::start(command.envs(variables.iter().copied()));
        let listen = config_of(sim).inference_proxy.unwrap().listen;
        until("the proxy's port", || TcpStream::connect(listen).is_ok());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        until("its registration", || {
            runtime.block_on(standing_in(&config_of(sim))) == RegistrationState::Good
        });
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

/// The proxy's entry at the world's Network Node.
async fn standing_in(config: &Config) -> RegistrationState {
    let network_node = NetworkNodeClient::new(HttpClient::new(), &config.network_node);
    let wanted = config.inference_proxy.as_ref().unwrap().node();
    registration_state(&wanted, &network_node.nodes().await.unwrap())
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

    fn standing(&self) -> RegistrationState {
        self.runtime.block_on(standing_in(&self.config))
    }

    fn is_registered(&self) -> bool {
        self.standing() != RegistrationState::Missing
    }

    /// Everything that the proxy's process writes, with this environment, during these requests.
    fn written(&self, environment: &[(&str, &str)], questions: &[&str]) -> String {
        let (errors, config) = (self.home.path("stderr"), &self.config);
        let arguments = ["--config", self.sim.config.as_str(), "proxy"];
        let mut command = self.home.command(&arguments);
        let command = command
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(File::create(&errors).unwrap());
        let proxy = Proxy(command.spawn().unwrap());
        let listen = config.inference_proxy.as_ref().unwrap().listen;
        until("the proxy's port", || TcpStream::connect(listen).is_ok());
        for question in questions {
            let body = (*question).to_owned();
            self.call(reqwest::Method::POST, "/v1/chat/completions", body);
        }
        assert_eq!(proxy.ends(), Some(0));
        let files = std::fs::read_dir(&config.paths.log_dir).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let texts = files
            .chain([errors])
            .map(|file| std::fs::read_to_string(file).unwrap());
        texts.collect()
    }

    fn asked(&self, method: reqwest::Method, path: &str) -> serde_json::Value {
        serde_json::from_str(&self.call(method, path, String::new())).unwrap()
    }

    fn call(&self, method: reqwest::Method, path: &str, body: String) -> String {
        let listen = self.config.inference_proxy.as_ref().unwrap().listen;
        // Another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        self.runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let call = client.request(method, format!("http://{listen}{path}"));
            call.body(body).send().await.unwrap().text().await.unwrap()
        })
    }
}

#[test]
fn missing_proxy_registration_is_created() {
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
fn wrong_proxy_registration_is_repaired() {
    let scene = Scene::new();
    // Given a registration of the proxy with a port where it does not listen,
    let mut elsewhere = scene.config.inference_proxy.as_ref().unwrap().node();
    elsewhere.inference_port += 1;
    let registered = scene.network_node();
    let registering = registered.register(&elsewhere);
    scene.runtime.block_on(registering).unwrap();
    let fields = vec!["inference_port".to_owned()];
    assert_eq!(scene.standing(), RegistrationState::Wrong(fields));
    // when it starts, then the registration is corrected.
    let _proxy = scene.start();
    assert_eq!(scene.standing(), RegistrationState::Good);
}

#[test]
fn disabled_proxy_is_enabled_at_start() {
    let scene = Scene::new();
    assert_eq!(scene.start().ends(), Some(0));
    let id = scene.config.inference_proxy.as_ref().unwrap().node().id;
    let network_node = scene.network_node();
    scene.runtime.block_on(network_node.disable(&id)).unwrap();
    assert_eq!(scene.standing(), RegistrationState::Disabled);
    let _again = scene.start();
    assert_eq!(scene.standing(), RegistrationState::Good);
}

/// Nothing else in the program contains this.
const CANARY: &str = "seventeen purple herons";

#[test]
fn prompts_stay_out_of_logs() {
    let scene = Scene::new();
    let model = &scene.config.inference_proxy.as_ref().unwrap().model;
    let asking = |model: &str, stream: bool| {
        let messages = serde_json::json!([{ "role": "user", "content": CANARY }]);
        let body = serde_json::json!({ "model": model, "stream": stream, "messages": messages });
        body.to_string()
    };
    // One that is answered, one that the upstream rejects, and one that is malformed.
    let (answered, refused) = (asking(model, false), asking(model, true));
    let unreadable = format!("{{\"messages\": \"{CANARY}\"");
    let questions = [answered.as_str(), refused.as_str(), unreadable.as_str()];
    for environment in [&[][..], &[("POCPIT_LOG", "pocpit=trace")]] {
        let written = scene.written(environment, &questions);
        assert!(!written.contains(CANARY), "{written}");
        // The requests themselves are logged.
        assert!(written.contains("chat/completions"), "{written}");
    }
    let prompts = ("POCPIT_INFERENCE_PROXY_ACCESS_LOG", "prompts");
    let written = scene.written(&[prompts], &questions);
    // Each of them, in the file and on standard error.
    assert_eq!(
        written.matches(CANARY).count(),
        2 * questions.len(),
        "{written}"
    );
}

#[test]
fn stopped_proxy_stays_stopped_after_restart() {
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
