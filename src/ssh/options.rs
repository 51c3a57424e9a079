//! Options in `ssh`'s own syntax. Pure.

use std::path::Path;

use crate::ports::LinkError;

/// What `SessionBuilder` has no setting for: only our key and our known-hosts file count, nothing is
/// forwarded by default, and a socket of an earlier session does not block a new one.
const OPTIONS: &str = "\
  IdentitiesOnly yes
  ServerAliveCountMax 3
  StreamLocalBindUnlink yes
  GlobalKnownHostsFile /dev/null
  HashKnownHosts no
  UpdateHostKeys no
  PasswordAuthentication no
  KbdInteractiveAuthentication no
  ForwardAgent no
  ForwardX11 no
  PermitLocalCommand no
  LogLevel ERROR
";

/// The configuration file of our sessions. With it `ssh` reads neither the operator's nor the system's.
pub(super) fn session_config(key_file: &Path) -> Result<String, LinkError> {
    let key = path_word(key_file)?;
    Ok(format!("Host *\n  IdentityFile {key}\n{OPTIONS}"))
}

/// A path as one word of an option's value. `ssh` splits values at spaces, removes quotes and backslashes,
/// and expands `%` and `${…}` (`ssh_config(5)`, TOKENS and ENVIRONMENT VARIABLES).
pub(super) fn path_word(path: &Path) -> Result<String, LinkError> {
    let cannot = |why: &str| {
        let shown = path.display();
        LinkError::Local(format!(
            "ssh cannot be given the path {shown:?}: {why}. Move the file, or name it differently in [ssh]"
        ))
    };
    let text = path.to_str().ok_or_else(|| cannot("it is not UTF-8"))?;
    if text.contains("${") {
        return Err(cannot("`${` always stands for a variable there"));
    }
    if text.chars().any(char::is_control) {
        return Err(cannot("it has a control character"));
    }
    let escaped = text.replace('%', "%%");
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+:@,%".contains(letter);
    if escaped.chars().all(is_plain) {
        return Ok(escaped);
    }
    let quoted = escaped.replace('\\', r"\\").replace('"', r#"\""#);
    Ok(format!("\"{quoted}\""))
}

/// `ssh` expands control paths too, and the `openssh` crate passes them on as they are.
pub(super) fn is_plain_control_path(path: &Path) -> bool {
    path.to_str()
        .is_some_and(|text| !text.contains(['%', '$', '~']))
}

/// How `ssh -G` understood our options: the files must be those that we mean. It prints key files before it
/// expands them.
pub(super) fn misread(printed: &str, wanted: &[(&str, &Path)]) -> Option<String> {
    wanted.iter().find_map(|(name, path)| {
        let meant = path.display().to_string();
        let unexpanded = meant.replace('%', "%%");
        let values = printed.lines();
        let values = values.filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let values: Vec<&str> = values.collect();
        if values.contains(&meant.as_str()) || values.contains(&unexpanded.as_str()) {
            return None;
        }
        let first = values.first().copied().unwrap_or("nothing");
        Some(format!(
            "ssh would use {first} where {meant} is meant ({name})"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_are_quoted_for_ssh() {
        for (path, word) in [
            ("/home/op/.ssh/key", "/home/op/.ssh/key"),
            ("/home/an operator/k", "\"/home/an operator/k\""),
            ("/100%/k", "/100%%/k"),
            (r#"/a "b"/c\d"#, r#""/a \"b\"/c\\d""#),
            ("/it's#1=x", "\"/it's#1=x\""),
            ("/ключи/k", "/ключи/k"),
        ] {
            assert_eq!(path_word(Path::new(path)).unwrap(), word);
        }
        for path in ["/${HOME}/k", "/a\nb"] {
            assert!(path_word(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn misread_path_is_named() {
        let wanted = [("identityfile", Path::new("/100%/k"))];
        assert_eq!(misread("user x\nidentityfile /100%%/k\n", &wanted), None);
        assert_eq!(misread("identityfile /100%/k\n", &wanted), None);
        let why = misread("identityfile /100host/k\n", &wanted).unwrap();
        assert!(why.contains("/100host/k where /100%/k is meant"), "{why}");
        assert!(misread("", &wanted).is_some());
    }
}
