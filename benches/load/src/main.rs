//! Echo servers under load, side by side: messages a second, processor time, latency, memory.
//!
//! ```text
//! load --server NAME=COMMAND... [--connections 1,100,1000,10000] [--seconds 1] [--rounds 3]
//!      [--size 64] [--most NAME=CONNECTIONS]...
//! ```
//!
//! Each connection has one message under way: the next goes out when the last has come back. Each
//! server is started anew for each measurement, on the first core; this program is best started on
//! the second. Servers take turns, and what is told is the median of the rounds.

mod client;

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, process, thread};

use client::Load;

const USAGE: &str = "usage: load --server NAME=COMMAND... [--connections N,N...] [--seconds S] \
                     [--rounds N] [--size BYTES] [--most NAME=CONNECTIONS]...";

struct Options {
    servers: Vec<(String, String)>,
    connections: Vec<usize>,
    time: Duration,
    rounds: usize,
    size: usize,
    /// More connections than this are not asked of a server.
    most: HashMap<String, usize>,
}

/// One measurement.
#[derive(Clone, Copy)]
struct Row {
    per_second: f64,
    /// Microseconds of processor time that the server takes for a message. Unlike the rest it says
    /// little of what else the machine does.
    processor: f64,
    /// Microseconds: the median, 99 and 99.9 of a hundred, the longest.
    latency: [u64; 4],
    /// Bytes of memory a connection.
    memory: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = parse(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        process::exit(2);
    };
    rlimit::increase_nofile_limit(u64::MAX)?;
    println!("Messages of {} bytes, one under way a connection.\n", options.size);
    println!(
        "| connections | server | messages/s | processor µs a message | p50 µs | p99 µs | p99.9 µs \
         | max µs | KiB a connection |"
    );
    println!("|---:|---|---:|---:|---:|---:|---:|---:|---:|");
    for &connections in &options.connections {
        let asked: Vec<_> = options
            .servers
            .iter()
            .filter(|(name, _)| options.most.get(name).is_none_or(|&most| connections <= most))
            .collect();
        let mut rows = vec![Vec::new(); asked.len()];
        for _ in 0..options.rounds {
            for ((name, command), rows) in asked.iter().zip(&mut rows) {
                let row = measure(command, connections, &options);
                rows.push(
                    row.map_err(|error| format!("{name}, {connections} connections: {error}"))?,
                );
            }
        }
        for ((name, _), rows) in asked.iter().zip(&rows) {
            let of = |value: &dyn Fn(&Row) -> f64| median(rows.iter().map(value).collect());
            let latency = [0, 1, 2, 3].map(|i| of(&|row| row.latency[i] as f64));
            println!(
                "| {connections} | {name} | {:.0} | {:.1} | {} | {} | {} | {} | {} |",
                of(&|row| row.per_second),
                of(&|row| row.processor),
                latency[0],
                latency[1],
                latency[2],
                latency[3],
                // The allocator's steps are larger than one connection.
                if connections < 100 {
                    "".into()
                } else {
                    format!("{:.1}", of(&|row| row.memory) / 1024.0)
                },
            );
        }
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn measure(command: &str, connections: usize, options: &Options) -> Result<Row, Box<dyn Error>> {
    let server = Server::start(command)?;
    let address = server.address.parse()?;
    // One connection, used and gone: what the server needs for the first of all is not counted.
    Load::open(address, 1, options.size)?.run(Duration::from_millis(10))?;
    let before = server.memory()?;
    let mut load = Load::open(address, connections, options.size)?;
    load.run(options.time / 10)?; // caches, branch predictors, allocators
    let memory = server.memory()?.saturating_sub(before) as f64 / connections as f64;
    let before = server.processor_time()?;
    let measured = load.run(options.time)?;
    let processor = (server.processor_time()? - before).as_secs_f64() * 1e6;
    let processor = processor / measured.latency.len() as f64;
    let at = |quantile| measured.latency.value_at_quantile(quantile);
    let latency = [at(0.5), at(0.99), at(0.999), measured.latency.max()];
    Ok(Row { per_second: measured.per_second, processor, latency, memory })
}

/// An echo server, ended when it goes out of scope.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(command: &str) -> Result<Self, Box<dyn Error>> {
        let mut words = Command::new("taskset");
        words.args(["-c", "0"]).args(command.split_whitespace()).args(["--listen", "127.0.0.1:0"]);
        let mut child = words.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let address = loop {
            let line = lines.next().ok_or("the server does not start")??;
            if let Some(address) = line.strip_prefix("listening on ws://") {
                break address.trim_end_matches('/').to_owned();
            }
        };
        thread::spawn(move || lines.for_each(drop)); // lest it waits for a reader
        Ok(Self { child, address })
    }

    /// Its own process, and those of its children.
    fn pids(&self) -> Result<Vec<String>, Box<dyn Error>> {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        let children = children.split_whitespace().map(str::to_owned);
        Ok(children.chain([pid.to_string()]).collect())
    }

    /// Bytes of memory.
    fn memory(&self) -> Result<u64, Box<dyn Error>> {
        let mut total = 0;
        for pid in self.pids()? {
            let Ok(rollup) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else {
                continue;
            };
            let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
            let kib: u64 =
                line.and_then(|l| l.split_whitespace().next()).ok_or("no Pss")?.parse()?;
            total += kib * 1024;
        }
        Ok(total)
    }

    /// The time that its threads have run so far, in the kernel, too.
    fn processor_time(&self) -> Result<Duration, Box<dyn Error>> {
        let mut total = 0;
        for pid in self.pids()? {
            let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
            for thread in threads {
                let Ok(stat) = fs::read_to_string(thread?.path().join("schedstat")) else {
                    continue;
                };
                total += stat.split_whitespace().next().ok_or("no schedstat")?.parse::<u64>()?;
            }
        }
        Ok(Duration::from_nanos(total))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options {
        servers: Vec::new(),
        connections: vec![1, 100, 1000, 10_000],
        time: Duration::from_secs(1),
        rounds: 3,
        size: 64,
        most: HashMap::new(),
    };
    while let Some(name) = args.next() {
        let value = args.next()?;
        match name.as_str() {
            "--server" => {
                let (name, command) = value.split_once('=')?;
                options.servers.push((name.to_owned(), command.to_owned()));
            }
            "--connections" => {
                options.connections =
                    value.split(',').map(|n| n.parse().ok()).collect::<Option<_>>()?;
            }
            "--seconds" => options.time = Duration::try_from_secs_f64(value.parse().ok()?).ok()?,
            "--rounds" => options.rounds = value.parse().ok().filter(|&rounds| rounds > 0)?,
            "--size" => options.size = value.parse().ok()?,
            "--most" => {
                let (name, most) = value.split_once('=')?;
                options.most.insert(name.to_owned(), most.parse().ok()?);
            }
            _ => return None,
        }
    }
    (!options.servers.is_empty()).then_some(options)
}
