//! The start script of a rental, run under every POSIX shell of this machine, in its own root.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::shells::{applet, available};

const LEASE: &str = include_str!("../../src/engine/rental/lease.sh");
const SCRIPT: &str = include_str!("../../assets/onstart.sh");
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB pocpit";
const FAR: &str = "99999999999";
/// Only so that a broken script fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// A container's file system with the script; on drop its processes are killed.
struct Rental {
    root: TempDir,
    shell: &'static str,
    groups: Vec<u32>,
}

impl Rental {
    fn new(shell: &'static str) -> Rental {
        let root = TempDir::new().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/hosts"), "127.0.0.1 localhost").unwrap();
        fs::write(root.path().join("onstart.sh"), SCRIPT).unwrap();
        Rental {
            root,
            shell,
            groups: Vec::new(),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Where the script keeps its small files.
    fn lib(&self) -> PathBuf {
        let lib = self.path("var/lib/pocpit");
        fs::create_dir_all(&lib).unwrap();
        lib
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// Starts the container: runs the script to its end in an empty environment.
    fn start(&mut self, env: &[(&str, &str)]) {
        let mut child = Command::new(self.shell)
            .args(applet(self.shell))
            .arg(self.path("onstart.sh"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("POCPIT_ROOT", self.root.path())
            .env("POCPIT_PAUSE", "0.05")
            .env("POCPIT_FIRST_PAUSE", "0")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        self.groups.push(child.id());
        assert!(child.wait().unwrap().success(), "{} failed", self.shell);
    }

    /// What the cockpit's command says, which renews the lease or only reads it back.
    fn tend_lease(&self, renewal: &[&str]) -> String {
        let output = Command::new(self.shell)
            .args(applet(self.shell))
            .args(["-c", LEASE, "lease"])
            .args(renewal)
            .env("POCPIT_ROOT", self.root.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Reads until it says this.
    fn wait_for_watchdog(&self, wanted: &str) {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let reading = self.tend_lease(&[]);
            if reading.contains(wanted) {
                return;
            }
            let late = std::time::Instant::now() >= deadline;
            assert!(!late, "{}: no {wanted:?} in {reading:?}", self.shell);
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The watchdog runs.
    fn is_watched(&self) -> bool {
        let id = self.read("var/lib/pocpit/watchdog.pid");
        Path::new("/proc").join(id.trim()).exists()
    }

    /// Waits until the workload's log contains this.
    fn wait_for_log(&self, wanted: &str) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while !self.read("var/log/pocpit/mlnode.log").contains(wanted) {
            assert!(
                std::time::Instant::now() < deadline,
                "{wanted:?} never came"
            );
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Rental {
    fn drop(&mut self) {
        for group in &self.groups {
            kill(&format!("-{group}"));
        }
        for id in self.read("vllm.ids").split_whitespace() {
            kill(id);
        }
    }
}

fn kill(target: &str) {
    let _ = Command::new("kill")
        .args(["-9", "--", target])
        .stderr(Stdio::null())
        .status();
}

/// The market's API: replies with the given statuses in turn, then always 200.
fn market(statuses: &'static [u16]) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (seen, requests) = channel();
    thread::spawn(move || {
        let mut statuses = statuses.iter();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = read_request(&mut BufReader::new(&stream));
            let status = statuses.next().copied().unwrap_or(200);
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            if seen.send(head).is_err() {
                return;
            }
        }
    });
    (url, requests)
}

/// What the market is asked next: the destroy, once the lease is over.
fn next_request(requests: &Receiver<String>) -> String {
    requests.recv_timeout(PATIENCE).expect("a request")
}

fn read_request(reader: &mut impl BufRead) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
    let length = head
        .to_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    let _ = reader.read_exact(&mut vec![0; length]);
    head
}

/// Runs a test under each available shell.
fn under_each_shell(test: impl Fn(&'static str)) {
    available().into_iter().for_each(test);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn script_leaves_room_for_extra_lines() {
    // The market takes 16,384 bytes of arguments in all; over 7,000 of them are the operator's.
    assert!(SCRIPT.len() < 9_000, "{} bytes", SCRIPT.len());
    assert!(SCRIPT.starts_with("#!/bin/sh\n") && SCRIPT.is_ascii());
}

#[test]
fn workload_runs_detached_and_logged() {
    under_each_shell(|shell| {
        let mut rental = Rental::new(shell);
        let command = "echo \"out $A\"; echo err >&2; echo key=${CONTAINER_API_KEY:-none}";
        rental.start(&[
            ("POCPIT_LEASE_UNTIL", FAR),
            ("POCPIT_COMMAND", command),
            ("CONTAINER_API_KEY", "k1"),
            ("A", "b c"),
        ]);
        rental.wait_for_log("out b c\nerr\nkey=none\n");
    });
}

#[test]
fn second_start_is_idempotent() {
    under_each_shell(|shell| {
        let mut rental = Rental::new(shell);
        fs::create_dir_all(rental.path("root/.ssh")).unwrap();
        fs::write(
            rental.path("root/.ssh/authorized_keys"),
            "ssh-rsa AAAA other",
        )
        .unwrap();
        let env = [
            ("POCPIT_LEASE_UNTIL", FAR),
            ("POCPIT_COMMAND", "echo started; sleep 600"),
            ("POCPIT_SSH_KEY", KEY),
        ];
        rental.start(&env);
        rental.wait_for_log("started\n");
        let watchdog = rental.read("var/lib/pocpit/watchdog.pid");
        let workload = rental.read("var/lib/pocpit/mlnode.pid");
        rental.start(&env);

        assert_eq!(rental.read("var/lib/pocpit/watchdog.pid"), watchdog);
        assert_eq!(rental.read("var/lib/pocpit/mlnode.pid"), workload);
        assert_eq!(rental.read("var/log/pocpit/mlnode.log"), "started\n");
        let keys = rental.read("root/.ssh/authorized_keys");
        assert_eq!(keys, format!("ssh-rsa AAAA other\n{KEY}\n"));
        assert_eq!(mode(&rental.path("root/.ssh/authorized_keys")), 0o600);
        assert_eq!(mode(&rental.path("root/.ssh")), 0o700);
        assert!(rental.path("root/.no_auto_tmux").exists());
        let hosts = rental.read("etc/hosts");
        assert_eq!(hosts, "127.0.0.1 localhost\n127.0.0.1 api\n");
    });
}

#[test]
fn ended_workload_restarts_with_container() {
    under_each_shell(|shell| {
        let mut rental = Rental::new(shell);
        let env = [("POCPIT_LEASE_UNTIL", FAR), ("POCPIT_COMMAND", "echo run")];
        rental.start(&env);
        rental.wait_for_log("run\n");
        let loop_of_before = rental.read("var/lib/pocpit/mlnode.pid");
        // As after a container restart: the ids belong to an earlier process 1.
        fs::write(rental.path("var/lib/pocpit/mlnode.boot"), "earlier\n").unwrap();
        rental.start(&env);
        assert_ne!(rental.read("var/lib/pocpit/mlnode.pid"), loop_of_before);
    });
}

/// `state=ended restarts=0 status=3 at=1764384000` as its fields.
fn status(rental: &Rental) -> Vec<(String, String)> {
    let line = rental.read("var/lib/pocpit/mlnode.status");
    assert!(line.ends_with('\n'), "{line:?}");
    let pairs = line.split_whitespace().map(|pair| pair.split_once('='));
    let pairs = pairs.map(|pair| pair.expect("name=value"));
    pairs
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

#[test]
fn ended_workload_restarts_and_is_recorded() {
    under_each_shell(|shell| {
        let mut rental = Rental::new(shell);
        // Ends with a status, then by a signal, then lives.
        let command = "n=$(cat n 2>/dev/null); n=$((n + 1)); echo $n >n; echo \"run $n\"; cat \"$POCPIT_ROOT/var/lib/pocpit/mlnode.status\"; case $n in 1) exit 3 ;; 2) kill -9 $$ ;; *) sleep 600 ;; esac";
        let command = format!("cd {} && {command}", rental.root.path().display());
        rental.start(&[("POCPIT_LEASE_UNTIL", FAR), ("POCPIT_COMMAND", &command)]);
        rental.wait_for_log("state=running restarts=2 status=137 at=");

        let log = rental.read("var/log/pocpit/mlnode.log");
        let lines = log.lines().filter(|line| !line.contains("Killed"));
        let lines: Vec<&str> = lines
            .map(|line| line.split(" at=").next().unwrap())
            .collect();
        assert_eq!(
            lines,
            [
                "run 1",
                "state=running restarts=0",
                "pocpit: the workload ended with status 3; restart 1 in 0 s",
                "run 2",
                "state=running restarts=1 status=3",
                "pocpit: the workload ended with status 137; restart 2 in 0 s",
                "run 3",
                "state=running restarts=2 status=137",
            ]
        );
        let [state, restarts, last, at] = &status(&rental)[..] else {
            panic!("four fields: {:?}", status(&rental));
        };
        let field = |(name, value): &(String, String)| format!("{name}={value}");
        assert_eq!(field(state), "state=running");
        assert_eq!(field(restarts), "restarts=2");
        assert_eq!(field(last), "status=137");
        assert!(at.1.parse::<u64>().unwrap() > 1_700_000_000, "{at:?}");
    });
}

#[test]
fn pause_doubles_up_to_a_minute() {
    let mut rental = Rental::new("sh");
    // `sleep` writes down how long it was to take; only the sixth takes any time.
    let path = path_with(
        &rental,
        "sleep",
        "case $1 in 0.05) exec /bin/sleep $1 ;; esac; echo sleep $1 >>$POCPIT_ROOT/sleeps; [ $(wc -l <$POCPIT_ROOT/sleeps) -lt 6 ] || exec /bin/sleep 600",
    );
    rental.start(&[
        ("POCPIT_LEASE_UNTIL", FAR),
        ("POCPIT_COMMAND", "echo run"),
        ("POCPIT_FIRST_PAUSE", ""),
        ("PATH", &path),
    ]);
    rental.wait_for_log("restart 6 in 60 s");
    let sleeps = rental.read("sleeps").replace("sleep ", "");
    let pauses: Vec<&str> = sleeps.split_whitespace().collect();
    assert_eq!(pauses[..5], ["5", "10", "20", "40", "60"]);
}

/// A program of the container.
fn write_program(path: &Path, lines: &str) {
    fs::write(path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The `PATH` of a container in which this program comes first.
fn path_with(rental: &Rental, program: &str, lines: &str) -> String {
    let bin = rental.path("bin");
    fs::create_dir_all(&bin).unwrap();
    write_program(&bin.join(program), lines);
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}

/// A `sleep` that takes a twentieth of a second where the script waits for a second or two.
const SHORT_SLEEP: &str = "case $1 in 1 | 2) exec /bin/sleep 0.05 ;; esac; exec /bin/sleep $1";

/// Makes a program that looks like vLLM's server, with a worker in the same session. Both are in the
/// container's `/proc`.
fn a_vllm(rental: &Rental, before: &str) -> String {
    fs::create_dir_all(rental.path("proc")).unwrap();
    let program = rental.path("vllm");
    let lines = format!(
        "{before}\nln -s /proc/$$ $POCPIT_ROOT/proc/$$\nsleep 600 &\nln -s /proc/$! $POCPIT_ROOT/proc/$!\necho $$ $! >$POCPIT_ROOT/vllm.ids\nwait"
    );
    write_program(&program, &lines);
    format!(
        "setsid sh {} -m vllm.entrypoints.openai.api_server --port 5001",
        program.display()
    )
}

/// The first run leaves vLLM behind; the second logs which of its processes are still alive.
fn run_with_orphan(rental: &mut Rental, vllm: &str) {
    let command = format!(
        "cd $POCPIT_ROOT; if [ ! -e vllm.ids ]; then {vllm} & until [ -s vllm.ids ]; do sleep 0.02; done; exit 1; fi; for p in $(cat vllm.ids); do case $(cat /proc/$p/stat 2>/dev/null) in '' | *') Z '*) ;; *) echo alive $p ;; esac; done; echo again; sleep 600"
    );
    let path = path_with(rental, "sleep", SHORT_SLEEP);
    rental.start(&[
        ("POCPIT_LEASE_UNTIL", FAR),
        ("POCPIT_COMMAND", &command),
        ("PATH", &path),
    ]);
    rental.wait_for_log("again\n");
}

#[test]
fn orphaned_vllm_is_ended_before_a_restart() {
    under_each_shell(|shell| {
        let mut rental = Rental::new(shell);
        let vllm = a_vllm(&rental, "");
        run_with_orphan(&mut rental, &vllm);
        let log = rental.read("var/log/pocpit/mlnode.log");
        assert!(
            log.contains("pocpit: ending what is left of vLLM: "),
            "{log}"
        );
        assert!(!log.contains("alive"), "{log}");
        assert!(rental.is_watched(), "{shell}: the watchdog was ended too");
    });
}

#[test]
fn stubborn_vllm_is_killed() {
    let mut rental = Rental::new("sh");
    let vllm = a_vllm(&rental, "trap '' TERM");
    run_with_orphan(&mut rental, &vllm);
    let log = rental.read("var/log/pocpit/mlnode.log");
    assert!(!log.contains("alive"), "{log}");
}

#[test]
fn restart_waits_for_free_gpus() {
    under_each_shell(|shell| {
        let mut rental = Rental::new(shell);
        path_with(&rental, "sleep", SHORT_SLEEP);
        // Freed at the second look.
        let path = path_with(
            &rental,
            "nvidia-smi",
            "echo look >>$POCPIT_ROOT/looks; [ $(wc -l <$POCPIT_ROOT/looks) -gt 1 ] || { echo 71234; echo 12; exit; }; echo 4; echo 12",
        );
        let command = "cat $POCPIT_ROOT/looks; echo up; sleep 600";
        rental.start(&[
            ("POCPIT_LEASE_UNTIL", FAR),
            ("POCPIT_COMMAND", command),
            ("PATH", &path),
        ]);
        rental.wait_for_log("look\nlook\nup\n");
    });
}

#[test]
fn image_environment_reaches_the_workload() {
    under_each_shell(|shell| {
        let mut rental = Rental::new(shell);
        fs::create_dir_all(rental.path("proc/1")).unwrap();
        let environ = "PATH=/image/bin\0PYTHONPATH=/app:/app/packages/api/src\0LD_LIBRARY_PATH=/usr/local/cuda lib\0MLNODE_VLLM_MODULE=image\0INFERENCE_PORT=5050\0NOTE=two\nlines\0bad name=1\0";
        fs::write(rental.path("proc/1/environ"), environ).unwrap();
        let command = "echo \"$PYTHONPATH|$LD_LIBRARY_PATH|$MLNODE_VLLM_MODULE|${INFERENCE_PORT-unset}|$NOTE|\"; echo \"path $PATH\"; sleep 600";
        rental.start(&[
            ("POCPIT_LEASE_UNTIL", FAR),
            ("POCPIT_COMMAND", command),
            // The order's value wins; INFERENCE_PORT is dropped wherever it comes from.
            ("MLNODE_VLLM_MODULE", "ordered"),
            ("INFERENCE_PORT", "5051"),
        ]);
        rental.wait_for_log("/app:/app/packages/api/src|/usr/local/cuda lib|ordered|unset|two lines|\npath /image/bin:/");
    });
}

#[test]
fn expired_lease_destroys_with_retry() {
    under_each_shell(|shell| {
        let (url, requests) = market(&[500, 503]);
        let mut rental = Rental::new(shell);
        rental.start(&[
            ("POCPIT_LEASE_UNTIL", "1"),
            ("POCPIT_VAST_URL", &url),
            ("CONTAINER_ID", "4711"),
            ("CONTAINER_API_KEY", "k1"),
        ]);
        for _ in 0..3 {
            let request = next_request(&requests);
            assert!(request.starts_with("DELETE /api/v0/instances/4711/ HTTP/1.1\r\n"));
            assert!(
                request.contains("\r\nAuthorization: Bearer k1\r\n"),
                "{request}"
            );
        }
    });
}

#[test]
fn python_destroys_without_curl() {
    let python = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output();
    let Ok(python) = python else {
        eprintln!("python3 is not here: skipped");
        return;
    };
    let python = String::from_utf8(python.stdout).unwrap();
    under_each_shell(|shell| {
        let (url, requests) = market(&[500]);
        let mut rental = Rental::new(shell);
        let bin = rental.path("bin");
        fs::create_dir(&bin).unwrap();
        for tool in [
            "mkdir", "chmod", "tr", "sed", "head", "cut", "cat", "date", "sleep", "touch", "grep",
            "mv", "rm",
        ] {
            let at = ["/usr/bin", "/bin"]
                .map(|dir| Path::new(dir).join(tool))
                .into_iter()
                .find(|path| path.exists())
                .unwrap();
            std::os::unix::fs::symlink(at, bin.join(tool)).unwrap();
        }
        let wrapper = format!("#!/bin/sh\nexec {} \"$@\"\n", python.trim());
        fs::write(bin.join("python3"), wrapper).unwrap();
        fs::set_permissions(bin.join("python3"), fs::Permissions::from_mode(0o755)).unwrap();
        let whole = ["/usr/bin", "/bin"].map(|dir| Path::new(dir).join(shell));
        rental.shell = whole
            .iter()
            .find(|path| path.exists())
            .map_or(shell, |path| path.to_str().unwrap().to_owned().leak());
        rental.start(&[
            ("PATH", bin.to_str().unwrap()),
            ("POCPIT_LEASE_UNTIL", "1"),
            ("POCPIT_VAST_URL", &url),
            ("CONTAINER_ID", "4711"),
            ("CONTAINER_API_KEY", "k1"),
        ]);
        for _ in 0..2 {
            let request = next_request(&requests);
            assert!(request.starts_with("DELETE /api/v0/instances/4711/ HTTP/1.1\r\n"));
            let request = request.to_lowercase();
            assert!(
                request.contains("\r\nauthorization: bearer k1\r\n"),
                "{request}"
            );
            assert!(request.contains("python-urllib"), "{request}");
        }
    });
}

#[test]
fn renewed_lease_defers_destruction() {
    under_each_shell(|shell| {
        let (url, requests) = market(&[]);
        let mut rental = Rental::new(shell);
        let lease = rental.path("var/lib/pocpit/lease");
        fs::create_dir_all(lease.parent().unwrap()).unwrap();
        fs::write(&lease, FAR).unwrap();
        rental.start(&[
            ("POCPIT_LEASE_UNTIL", "1"),
            ("POCPIT_VAST_URL", &url),
            ("CONTAINER_ID", "4711"),
            ("CONTAINER_API_KEY", "k1"),
        ]);
        // About ten polls of the watchdog.
        let early = requests.recv_timeout(Duration::from_millis(500));
        assert!(early.is_err(), "destroyed under a lease: {early:?}");
        fs::write(&lease, "2").unwrap();
        next_request(&requests);
    });
}

#[test]
fn later_lease_wins() {
    under_each_shell(|shell| {
        for file in ["2", "", "soon", "-1", "999999999999999999999999"] {
            let (url, requests) = market(&[]);
            let mut rental = Rental::new(shell);
            fs::write(rental.lib().join("lease"), file).unwrap();
            rental.start(&[
                ("POCPIT_LEASE_UNTIL", FAR),
                ("POCPIT_VAST_URL", &url),
                ("CONTAINER_ID", "4711"),
                ("CONTAINER_API_KEY", "k1"),
            ]);
            let early = requests.recv_timeout(Duration::from_millis(200));
            assert!(early.is_err(), "{file:?} ended the lease");
        }
    });
}

#[test]
fn missing_variables_come_from_container_env() {
    under_each_shell(|shell| {
        let (url, requests) = market(&[]);
        let mut rental = Rental::new(shell);
        fs::create_dir_all(rental.path("proc/1")).unwrap();
        let environ =
            format!("X=1\0POCPIT_LEASE_UNTIL=1\0CONTAINER_ID=4712\0POCPIT_VAST_URL={url}\0");
        fs::write(rental.path("proc/1/environ"), environ).unwrap();
        fs::write(rental.path("etc/environment"), "CONTAINER_API_KEY=\"k2\"\n").unwrap();
        rental.start(&[]);
        let request = next_request(&requests);
        assert!(request.starts_with("DELETE /api/v0/instances/4712/ HTTP/1.1\r\n"));
        assert!(
            request.contains("\r\nAuthorization: Bearer k2\r\n"),
            "{request}"
        );
    });
}

/// The order of a lease that ends in a second.
fn short_lease(url: &str) -> Vec<(&str, &str)> {
    vec![
        ("POCPIT_LEASE_UNTIL", FAR),
        ("POCPIT_LEASE_SECONDS", "1"),
        ("POCPIT_VAST_URL", url),
        ("CONTAINER_ID", "4711"),
        ("CONTAINER_API_KEY", "k1"),
    ]
}

#[test]
fn wrong_clock_lengthens_no_lease() {
    under_each_shell(|shell| {
        for date in [
            // A day behind, set back at the second look, and broken.
            "exec /bin/date -d @$(($(/bin/date +%s) - 86400)) \"$@\"",
            "[ ! -e $POCPIT_ROOT/seen ] || exec /bin/date -d @1000 \"$@\"; : >$POCPIT_ROOT/seen; exec /bin/date \"$@\"",
            "exit 127",
        ] {
            let (url, requests) = market(&[]);
            let mut rental = Rental::new(shell);
            let path = path_with(&rental, "date", date);
            rental.start(&[short_lease(&url), vec![("PATH", &path)]].concat());
            let request = requests.recv_timeout(PATIENCE).expect(date);
            assert!(request.starts_with("DELETE "), "{request}");
        }
    });
}

#[test]
fn broken_disk_stops_no_watchdog() {
    under_each_shell(|shell| {
        // Given a log that cannot be written, or nowhere on the disk to write to,
        for place in ["var/log", "var/lib", "var"] {
            let (url, requests) = market(&[]);
            let mut rental = Rental::new(shell);
            let place = rental.path(place);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(&place, "not a directory").unwrap();
            rental.start(&[&short_lease(&url)[..], &[("POCPIT_COMMAND", "sleep 600")]].concat());
            // then the rental is destroyed in time, and its watchdog can be read.
            let request = next_request(&requests);
            assert!(request.starts_with("DELETE "), "{request}");
            rental.wait_for_watchdog("alive=yes");
            rental.wait_for_watchdog(" left=0 ");
            fs::remove_file(place).unwrap();
        }
    });
}

#[test]
fn full_disk_moves_the_lease_to_memory() {
    under_each_shell(|shell| {
        let (url, requests) = market(&[]);
        let mut rental = Rental::new(shell);
        let lib = rental.lib();
        // Given a disk that is full,
        for name in [
            "lease",
            "lease.left",
            "lease.own",
            "watchdog.status",
            "wgetrc",
        ] {
            std::os::unix::fs::symlink("/dev/full", lib.join(format!("{name}.new"))).unwrap();
        }
        rental.start(&short_lease(&url));
        next_request(&requests);
        // when the lease is renewed, then it counts, and it is read back.
        let until = "99999999998";
        rental.tend_lease(&["999999999999", "600"]);
        rental.tend_lease(&[until, "700"]);
        assert!(rental.tend_lease(&[]).contains(&format!("lease={until}\n")));
        assert!(!lib.join("lease").exists());
    });
}

#[test]
fn renewed_lease_is_read_back() {
    under_each_shell(|shell| {
        let (url, requests) = market(&[]);
        let mut rental = Rental::new(shell);
        // Given a rental whose clock is a day ahead,
        let path = path_with(
            &rental,
            "date",
            "exec /bin/date -d @$(($(/bin/date +%s) + 86400)) \"$@\"",
        );
        let order = vec![("POCPIT_LEASE_UNTIL", "1000"), ("PATH", &path)];
        let env = [short_lease(&url), order].concat();
        // when a lease of ten minutes is written, then the seconds count that were sent.
        rental.lib();
        rental.tend_lease(&["1700000000", "600"]);
        rental.start(&env);
        rental.wait_for_watchdog(" until=1700000000 left=59");
        let reading = rental.tend_lease(&["1700000001", "2"]);
        assert!(reading.starts_with("alive=yes now="), "{reading}");
        rental.wait_for_watchdog(" until=1700000001 left=");
        next_request(&requests);
    });
}

#[test]
fn renewal_wins_over_the_order() {
    under_each_shell(|shell| {
        let (url, requests) = market(&[]);
        let mut rental = Rental::new(shell);
        // Given an order whose lease is an hour too long, as this machine's clock was an hour behind,
        rental.start(&[&short_lease(&url)[..], &[("POCPIT_LEASE_SECONDS", "3600")]].concat());
        rental.wait_for_watchdog(&format!(" until={FAR} left=3"));
        // when the clock is right and the lease is written anew, then that counts, at once and for good.
        rental.tend_lease(&["1700000001", "600"]);
        rental.wait_for_watchdog(" until=1700000001 left=59");
        assert_eq!(requests.try_iter().count(), 0);
        rental.tend_lease(&["1700000002", "1"]);
        next_request(&requests);
    });
}

#[test]
fn broken_curl_is_replaced_by_another() {
    under_each_shell(|shell| {
        let (url, requests) = market(&[]);
        let mut rental = Rental::new(shell);
        let path = path_with(
            &rental,
            "curl",
            "echo curl: 77 error setting certificate file >&2; exit 77",
        );
        rental.start(&[short_lease(&url), vec![("PATH", &path)]].concat());
        let request = next_request(&requests);
        let request = request.to_lowercase();
        assert!(
            request.contains("\r\nauthorization: bearer k1\r\n"),
            "{request}"
        );
        assert!(!request.contains("user-agent: curl"), "{request}");
    });
}

#[test]
fn refused_destroy_is_told() {
    under_each_shell(|shell| {
        let (url, requests) = market(&[403; 64]);
        let mut rental = Rental::new(shell);
        rental.start(&short_lease(&url));
        next_request(&requests);
        rental.wait_for_watchdog(" error=curl: (22) ");
    });
}

#[test]
fn foreign_process_is_no_watchdog() {
    under_each_shell(|shell| {
        let (url, requests) = market(&[]);
        let mut rental = Rental::new(shell);
        let lib = rental.lib();
        // Given another's process under the id of the watchdog,
        fs::write(lib.join("watchdog.pid"), std::process::id().to_string()).unwrap();
        let stat = fs::read_to_string("/proc/1/stat").unwrap();
        let boot = stat
            .rsplit(") ")
            .next()
            .unwrap()
            .split(' ')
            .nth(19)
            .unwrap();
        fs::write(lib.join("watchdog.boot"), boot).unwrap();
        // when the container starts, then a watchdog of ours does, too.
        rental.start(&short_lease(&url));
        next_request(&requests);
    });
}
