//! This crate beside its peers: the same bytes, in turn, in one process.

mod buffer;
mod contenders;
mod heap;
mod lending;
mod lines;
mod measure;
mod report;
mod source;
mod wire;
mod work;

use std::process::ExitCode;

use crate::contenders::Contender;
use crate::lines::Line;
use crate::measure::{Effort, Entry};

#[global_allocator]
static ALLOCATOR: heap::Counting = heap::Counting;

const USAGE: &str = "\
usage: peers [--lines FILTER]... [--contenders NAME,NAME...] [--rounds N] [--runs N] [--smoke]

  --lines FILTER       the lines whose name contains FILTER: \"receive\", \"encode as a client\"
  --contenders NAMES   these alone, by parts of their names
  --rounds N           turns of each contender in a run (30)
  --runs N             runs, of which the middle one counts (3)
  --smoke              no times: all contenders do each line once, and must do the same";

/// What the command line asks for.
struct Options {
    lines: Vec<String>,
    contenders: Vec<String>,
    effort: Effort,
    smoke: bool,
}

fn parse(mut args: impl Iterator<Item = String>) -> Option<Options> {
    let effort = Effort { rounds: 30, runs: 3 };
    let mut options = Options { lines: Vec::new(), contenders: Vec::new(), effort, smoke: false };
    while let Some(option) = args.next() {
        match option.as_str() {
            "--lines" => options.lines.push(args.next()?),
            "--contenders" => options.contenders.extend(args.next()?.split(',').map(str::to_owned)),
            "--rounds" => options.effort.rounds = args.next()?.parse().ok()?,
            "--runs" => options.effort.runs = args.next()?.parse().ok()?,
            "--smoke" => options.smoke = true,
            _ => return None,
        }
    }
    Some(options)
}

fn main() -> ExitCode {
    let Some(options) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let chosen = |filters: &[String], name: &str| {
        filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
    };
    let lines: Vec<Line> =
        lines::all().into_iter().filter(|line| chosen(&options.lines, &line.full_name())).collect();
    let contenders: Vec<Box<dyn Contender>> = contenders::all()
        .into_iter()
        .filter(|contender| chosen(&options.contenders, contender.name()))
        .collect();
    if options.smoke {
        for line in &lines {
            let names: Vec<&str> =
                measure::check(line, &contenders).iter().map(|entry| entry.name).collect();
            println!("{}: {}", line.full_name(), names.join(", "));
        }
    } else {
        table(&lines, &contenders, options.effort);
    }
    ExitCode::SUCCESS
}

fn table(lines: &[Line], contenders: &[Box<dyn Contender>], effort: Effort) {
    print!("{}", report::heading());
    let mut timed: Vec<(&Line, Vec<Entry>)> = Vec::new();
    for line in lines {
        let entries = measure::time(line, contenders, effort);
        print!("{}", report::row(line, &entries));
        timed.push((line, entries));
    }
    println!("\nnanoseconds for a message");
    for group in timed.chunk_by(|(a, _), (b, _)| a.group == b.group) {
        print!("\n{}", report::group(group));
    }
    println!("\nidle connection, bytes: object + heap");
    for contender in contenders {
        if let Some(idle) = contender.idle() {
            println!("  {:18}{:>6} + {}", contender.name(), idle.object, idle.heap);
        }
    }
}
