//! This crate beside its peers: the same bytes, in turn, in one process.

mod buffer;
mod chart;
mod contenders;
mod heap;
mod lending;
mod linear;
mod lines;
mod machine;
mod measure;
mod million;
mod report;
mod source;
mod wire;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::contenders::Contender;
use crate::lines::Line;
use crate::measure::Entry;

#[global_allocator]
static ALLOCATOR: heap::Counting = heap::Counting;

const USAGE: &str = "\
usage: peers [OPTIONS]               the table: sansocket beside its peers and the limit
       peers smoke [OPTIONS]         no times: all do each line once, and must do the same
       peers laps NUMBER [OPTIONS]   no clock: NUMBER of laps, for a profiler to look at
       peers linear [NUMBER]         the cost of many small things, up to NUMBER (10000000)
       peers million [NUMBER]        the memory of so many idle connections

  --lines FILTER       the lines whose name contains FILTER: \"receive\", \"encode as a client\"
  --contenders NAMES   these alone, by parts of their names, with commas between
  --rounds N           turns of each contender in a run (30)
  --runs N             runs, of which the middle one counts (3)
  --svg PATH           write the chart, too";

/// What the command line asks for.
struct Options {
    lines: Vec<String>,
    contenders: Vec<String>,
    /// Turns of each contender in a run.
    rounds: usize,
    runs: usize,
    svg: Option<PathBuf>,
}

fn parse(mut args: impl Iterator<Item = String>) -> Option<Options> {
    let mut options =
        Options { lines: Vec::new(), contenders: Vec::new(), rounds: 30, runs: 3, svg: None };
    while let Some(option) = args.next() {
        match option.as_str() {
            "--lines" => options.lines.push(args.next()?),
            "--contenders" => options.contenders.extend(args.next()?.split(',').map(str::to_owned)),
            "--rounds" => options.rounds = args.next()?.parse().ok()?,
            "--runs" => options.runs = args.next()?.parse().ok()?,
            "--svg" => options.svg = Some(args.next()?.into()),
            _ => return None,
        }
    }
    Some(options)
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    let command = args.next_if(|argument| !argument.starts_with('-'));
    let done = match command.as_deref() {
        None => parse(args).map(|options| table(&options)),
        Some("smoke") => parse(args).map(|options| smoke(&options)),
        Some("laps") => {
            let laps = args.next().and_then(|number| number.parse().ok());
            laps.and_then(|laps| parse(args).map(|options| run(&options, laps)))
        }
        Some("linear") => number(args, 10_000_000).map(linear::table),
        Some("million") => number(args, 1_000_000).map(million::table),
        Some(_) => None,
    };
    if done.is_none() {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}

/// The one argument, or `usual`.
fn number(mut args: impl Iterator<Item = String>, usual: usize) -> Option<usize> {
    args.next().map_or(Some(usual), |number| number.parse().ok())
}

impl Options {
    fn lines(&self) -> Vec<Line> {
        let chosen = |line: &Line| matches(&self.lines, &line.full_name());
        lines::all().into_iter().filter(chosen).collect()
    }

    fn contenders(&self) -> Vec<Box<dyn Contender>> {
        let mut all = contenders::all();
        all.retain(|contender| matches(&self.contenders, contender.name()));
        all
    }
}

fn matches(filters: &[String], name: &str) -> bool {
    filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
}

fn smoke(options: &Options) {
    let contenders = options.contenders();
    for line in options.lines() {
        let entries = measure::check(&line, &contenders);
        let names: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
        println!("{}: {}", line.full_name(), names.join(", "));
    }
}

fn run(options: &Options, laps: usize) {
    let contenders = options.contenders();
    for line in options.lines() {
        for mut task in contenders.iter().filter_map(|contender| contender.task(&line.work)) {
            for _ in 0..laps {
                task.run();
            }
        }
        println!("{}: {} messages a lap", line.full_name(), line.work.units());
    }
}

fn table(options: &Options) {
    let (lines, contenders) = (options.lines(), options.contenders());
    let description = machine::description();
    println!("{}\n", description.join("\n"));
    let mut timed: Vec<(&Line, Vec<Entry>)> = lines.iter().map(|line| (line, Vec::new())).collect();
    for run in 1..=options.runs {
        for (line, entries) in &mut timed {
            eprint!("\x1b[2K\rrun {run} of {}: {}", options.runs, line.full_name());
            let again = measure::time(line, &contenders, options.rounds);
            match run {
                1 => *entries = again,
                _ => entries.iter_mut().zip(&again).for_each(|(entry, again)| entry.add(again)),
            }
        }
    }
    eprint!("\x1b[2K\r");
    print!("{}", report::heading());
    for (line, entries) in &timed {
        print!("{}", report::row(line, entries));
    }
    println!("\nnanoseconds for a message");
    for group in timed.chunk_by(|(a, _), (b, _)| a.group == b.group) {
        print!("\n{}", report::group(group));
    }
    print!("{}", report::reads(&timed));
    if options.lines.is_empty() {
        println!("\nidle connection, bytes: object + heap");
        for contender in contenders {
            if let Some(idle) = contender.idle() {
                println!("  {:18}{:>6} + {}", contender.name(), idle.object, idle.heap);
            }
        }
    }
    if let Some(path) = &options.svg {
        std::fs::write(path, chart::svg(&timed, &description)).expect("a file that can be written");
    }
}
