//! The Debian package: installed, upgraded in mid-sprint, not downgraded, purged.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use pocpit::world::Scenario;

use super::{RELEASE, is_possible, output, scratch_root};
use crate::exits::process::Stage;

/// World seconds per second: a package is installed before it is time to rent.
const SPEED: f64 = 100.0;

/// Runs a script in a scratch root, in which `$package` and `$next` are the packages.
fn run(script: &str, folders: &[&Path]) -> String {
    let variables = format!(
        "package={}\nnext={}\n",
        RELEASE.package().display(),
        RELEASE.next_package().display()
    );
    let folders = [&[RELEASE.directory.path()], folders].concat();
    scratch_root::run(&(variables + script), &folders)
}

#[test]
#[ignore = "makes packages: half a minute"]
fn package_is_without_lintian_errors_and_depends_on_ssh_alone() {
    if !is_possible() {
        return;
    }
    let mut lintian = Command::new("lintian");
    let lintian = lintian.arg("--allow-root").arg(RELEASE.package()).output();
    let said = String::from_utf8(lintian.unwrap().stdout).unwrap();
    let errors = said.lines().filter(|line| line.starts_with("E: "));
    // Unlike that of a release the tests' program is linked to libc.
    let errors: Vec<&str> = errors.filter(|line| !line.contains("libc")).collect();
    assert_eq!(errors, Vec::<&str>::new());
    let field = |name: &str| {
        let mut command = Command::new("dpkg-deb");
        output(command.arg("--field").arg(RELEASE.package()).arg(name))
    };
    assert_eq!(field("Depends"), "openssh-client\n");
    assert_eq!(
        field("Version"),
        format!("{}-1\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
#[ignore = "makes packages: half a minute"]
fn package_installs_disabled_and_purges_without_a_trace() {
    if !is_possible() {
        return;
    }
    let said = run(
        r#"
dpkg --install "$package"
pocpit -V
man --path >/dev/null && test -e /usr/share/man/man1/pocpit-config-show.1.gz
bash -c '. /usr/share/bash-completion/completions/pocpit; complete -p pocpit' | sed 's/.*-F \([a-z_]*\).*/completes by \1/'
test -s /usr/share/zsh/vendor-completions/_pocpit
test -s /usr/share/fish/vendor_completions.d/pocpit.fish
stat --format '%U:%G %a %n' /var/lib/pocpit /etc/pocpit /etc/pocpit/config.toml
getent passwd pocpit | cut -d: -f1,6,7
for unit in pocpit.service pocpit-proxy.service pocpit-gc.timer; do
    systemctl --root=/ is-enabled $unit || true
done
dpkg-query --showformat '${Conffiles}\n' --show pocpit
# What the operator sets is kept by an upgrade.
echo '# mine' >>/etc/pocpit/config.toml
chmod 0600 /etc/pocpit/config.toml
dpkg --install "$next"
tail -n 1 /etc/pocpit/config.toml
stat --format 'kept %a' /etc/pocpit/config.toml
echo secret >/etc/pocpit/vast.key
touch /var/lib/pocpit/journal.sqlite
dpkg --remove pocpit
test -e /var/lib/pocpit/journal.sqlite
dpkg --purge pocpit
getent passwd pocpit || echo "no user"
find /etc /usr /var -xdev -name '*pocpit*' -not -path '/var/lib/dpkg/*' -not -path '/var/cache/*'
echo "end of traces"
"#,
        &[],
    );
    for line in [
        &format!("pocpit {}", env!("CARGO_PKG_VERSION")),
        "completes by _pocpit",
        "pocpit:pocpit 700 /var/lib/pocpit",
        "root:pocpit 750 /etc/pocpit",
        "root:pocpit 640 /etc/pocpit/config.toml",
        "pocpit:/var/lib/pocpit:/usr/sbin/nologin",
        "# mine",
        "kept 600",
    ] {
        assert!(said.lines().any(|known| known == line), "{line}: {said}");
    }
    assert_eq!(said.matches("disabled\n").count(), 3, "{said}");
    assert!(
        said.contains(" /etc/pocpit/config.toml "),
        "a conffile: {said}"
    );
    assert!(
        said.contains("what is still rented ends with its lease"),
        "{said}"
    );
    assert!(said.ends_with("no user\nend of traces\n"), "{said}");
}

#[test]
#[ignore = "makes packages: half a minute"]
fn package_of_older_journal_is_refused() {
    if !is_possible() {
        return;
    }
    // Given a newer program and its journal,
    let said = run(
        r#"
dpkg --install "$next"
printf '#!/bin/sh\necho "pocpit 999.0.0 (commit 0123456, journal version 99)"\n' >/usr/bin/pocpit
echo journal >/var/lib/pocpit/journal.sqlite
dpkg --install "$package" || echo "refused"
pocpit --version
cat /var/lib/pocpit/journal.sqlite
dpkg-query --showformat '${Status} ${Version}\n' --show pocpit
"#,
        &[],
    );
    // an older package is refused in words, and the newer one stays as it was.
    for line in [
        "Nothing was changed. To go back all the same: wait until nothing is rented, stop pocpit,",
        "refused",
        "pocpit 999.0.0 (commit 0123456, journal version 99)",
        "journal",
        "install ok installed 999-1",
    ] {
        assert!(said.lines().any(|known| known == line), "{line}: {said}");
    }
}

#[test]
#[ignore = "makes packages, and runs a whole sprint"]
fn upgrade_in_mid_sprint_goes_on_with_the_rental() {
    if !is_possible() {
        return;
    }
    LazyLock::force(&RELEASE);
    let stage = Stage::with_speed(Scenario::default(), SPEED);
    let script = r#"
export POCPIT_CONFIG=@FILES@/config.toml POCPIT_PATHS_STATE_DIR=/var/lib/pocpit
dpkg --install "$package" >/dev/null
pocpit auto --once >/dev/null 2>/tmp/before &
auto=$!
for _ in $(seq 1200); do
    grep --quiet 'renting → booting' /tmp/before && break
    sleep 0.1
done
# When the package is upgraded under a running sprint, then it goes on;
dpkg --install "$next" >/dev/null
kill -0 $auto && echo "goes on"
# when the service is restarted, as the package does,
kill -TERM $auto
wait $auto || echo "left with $?"
# then the new program ends what the old one began.
pocpit auto --once --json 2>/tmp/after
"#;
    let files = stage.path("");
    let script = script.replace("@FILES@", files.to_str().unwrap().trim_end_matches('/'));
    let said = run(&script, &[&files]);
    assert!(said.starts_with("goes on\nleft with 4\n"), "{said}");
    let report: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(report["outcome"], "confirmed", "{said}");
    assert_eq!(stage.truth().rentals.len(), 1);
    stage.assert_nothing_is_left();
}
