//! The script that a rental runs at each start. Pure.

/// Our part of it.
const SCRIPT: &str = include_str!("../../assets/onstart.sh");

/// Where the operator's own lines go: after the watchdog is armed, before the workload starts.
const WORKLOAD_PART: &str = "# 4. The workload";

/// The script with the operator's lines in it. They run in a subshell, so an `exit` there does not keep the
/// workload from starting.
pub fn onstart_script(extra: &str) -> String {
    if extra.trim().is_empty() {
        return SCRIPT.to_owned();
    }
    SCRIPT.replacen(WORKLOAD_PART, &format!("(\n{extra}\n)\n{WORKLOAD_PART}"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_lines_run_between_watchdog_and_workload() {
        let script = onstart_script("echo mine");
        let position = |text: &str| script.find(text).unwrap();
        assert!(position("# 1. The watchdog") < position("echo mine"));
        assert!(position("echo mine") < position(WORKLOAD_PART));
    }

    #[test]
    fn script_without_extra_lines_is_unchanged() {
        assert_eq!(onstart_script(" \n"), SCRIPT);
    }
}
