//! Where and with what the table was made: a figure is worth nothing without.

use std::fs;
use std::process::Command;

/// The machine, the compiler, the date and the command, a line each.
pub fn description() -> Vec<String> {
    let options: Vec<String> = std::env::args().skip(1).map(quoted).collect();
    let options =
        if options.is_empty() { String::new() } else { " -- ".to_owned() + &options.join(" ") };
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    vec![
        format!("{}, {os}", processor()),
        format!("{}, with LTO, for any {arch}", output("rustc", &["--version"])),
        format!("{}, {}", output("date", &["-u", "+%F"]), versions()),
        format!("cargo run --release --manifest-path benches/peers/Cargo.toml{options}"),
    ]
}

/// All whose speed is measured, and their versions: those that the manifest
/// pins.
fn versions() -> String {
    let manifest = include_str!("../Cargo.toml");
    let pinned = manifest.lines().filter_map(|line| {
        let (name, rest) = line.split_once(" = ")?;
        let (_, version) = rest.split_once("\"=")?;
        Some(format!("{name} {}", version.split('"').next()?))
    });
    let commit = output("git", &["describe", "--always", "--dirty"]);
    let ours = format!("sansocket {commit}");
    [ours].into_iter().chain(pinned).collect::<Vec<_>>().join(", ")
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let widest = if cfg!(target_arch = "x86_64") {
        let has = |flag: &str| info.split_whitespace().any(|word| word == flag);
        [("avx512f", "AVX-512"), ("avx2", "AVX2")]
            .into_iter()
            .find_map(|(flag, name)| has(flag).then(|| format!(" with {name}")))
    } else {
        None
    };
    let name = name.map_or("unknown processor", |(_, name)| name);
    format!("{name}{}, {cores} cores", widest.unwrap_or_default())
}

/// What a program says, or that nobody knows.
fn output(program: &str, arguments: &[&str]) -> String {
    let said = Command::new(program).args(arguments).output().ok();
    let said = said.filter(|said| said.status.success());
    said.map_or_else(
        || "unknown".to_owned(),
        |said| String::from_utf8_lossy(&said.stdout).trim().to_owned(),
    )
}

/// As it is written in a shell.
fn quoted(argument: String) -> String {
    if argument.contains(' ') { format!("'{argument}'") } else { argument }
}
