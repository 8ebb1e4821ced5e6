//! On what the numbers were measured.

use crate::process::can_pin;
use std::process::Command;

/// The lines at the head of RESULTS.md.
pub fn describe(postgres: &str) -> String {
    // Not what this process may use: it keeps to one.
    let cores = first_line("getconf", &["_NPROCESSORS_ONLN"]);
    let mut lines = vec![
        ("Machine", format!("{}, {cores} cores", processor())),
        ("System", first_line("uname", &["-sr"])),
        ("Compiler", first_line("rustc", &["--version"])),
        ("PostgreSQL", postgres.to_owned()),
        ("Commit", first_line("git", &["describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"])),
        ("Date", first_line("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        ("Allocator", keyward::infra::process::allocator::NAME.to_owned()),
    ];
    if !can_pin() {
        lines.push(("Cores", "not pinned: taskset is missing".to_owned()));
    }
    lines.into_iter().map(|(name, value)| format!("- {name}: {value}\n")).collect()
}

fn processor() -> String {
    let linux = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = linux.lines().find_map(|line| line.strip_prefix("model name")).map(|rest| rest.replace("\t: ", ""));
    model.unwrap_or_else(|| first_line("sysctl", &["-n", "machdep.cpu.brand_string"]))
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}
