//! Times, taken in turn: those of the processor, so that what else a machine does
//! counts less.

use std::time::Duration;

use cpu_time::ThreadTime;

use crate::contenders::{Contender, Standing};
use crate::lines::Line;
use crate::work::{Outcome, Task};

/// A contender's turns at a line.
pub struct Entry {
    pub name: &'static str,
    pub standing: Standing,
    pub outcome: Outcome,
    /// Nanoseconds for a message, the median of each run.
    pub medians: Vec<f64>,
}

/// A turn takes at least this long, so that the clock does not matter.
const TURN: Duration = Duration::from_micros(500);

struct Runner {
    entry: Entry,
    task: Box<dyn Task>,
    /// How often the task is run in a turn.
    repeats: u32,
    times: Vec<f64>,
}

/// Lets all `contenders` that have something for it do `line` once, and panics
/// where one of them did something else than the others.
pub fn check(line: &Line, contenders: &[Box<dyn Contender>]) -> Vec<Entry> {
    runners(line, contenders).into_iter().map(|runner| runner.entry).collect()
}

fn runners(line: &Line, contenders: &[Box<dyn Contender>]) -> Vec<Runner> {
    let mut runners: Vec<Runner> = Vec::new();
    for contender in contenders {
        let Some(mut task) = contender.task(&line.work) else { continue };
        let (name, standing) = (contender.name(), contender.standing());
        // Twice, as what a contender leaves behind must not matter to itself.
        let (_, outcome) = (task.check(), task.check());
        let entry = Entry { name, standing, outcome, medians: Vec::new() };
        if standing != Standing::Reference {
            let fellow = runners.iter().find(|runner| runner.entry.standing != Standing::Reference);
            if let Some(fellow) = fellow {
                let done = |entry: &Entry| {
                    let Outcome { units, bytes, hash, .. } = entry.outcome;
                    (units, bytes, hash)
                };
                assert_eq!(
                    done(&entry),
                    done(&fellow.entry),
                    "{}: {name} did not do what {} did",
                    line.full_name(),
                    fellow.entry.name
                );
            }
        }
        runners.push(Runner { entry, task, repeats: 1, times: Vec::new() });
    }
    runners
}

/// Times `line` by all `contenders`, A B C, B C A and so on: one run.
pub fn time(line: &Line, contenders: &[Box<dyn Contender>], rounds: usize) -> Vec<Entry> {
    let mut runners = runners(line, contenders);
    for runner in &mut runners {
        // The first turn warms up.
        runner.turn();
        let once = (0..3).map(|_| runner.turn()).min().unwrap_or_default();
        let repeats = TURN.as_nanos() / once.as_nanos().max(1) + 1;
        runner.repeats = u32::try_from(repeats).unwrap_or(u32::MAX);
    }
    for round in 0..rounds {
        for turn in 0..runners.len() {
            // Another one begins each time: what came before a turn may matter to it.
            let place = (round + turn) % runners.len();
            let runner = &mut runners[place];
            let time = runner.turn();
            runner.times.push(time.as_nanos() as f64 / f64::from(runner.repeats));
        }
    }
    let entry = |mut runner: Runner| {
        let median = middle(&mut runner.times) / line.work.units() as f64;
        Entry { medians: vec![median], ..runner.entry }
    };
    runners.into_iter().map(entry).collect()
}

impl Runner {
    fn turn(&mut self) -> Duration {
        // Not timed: it finds the caches as the contender before left them.
        self.task.run();
        let start = ThreadTime::now();
        for _ in 0..self.repeats {
            self.task.run();
        }
        start.elapsed()
    }
}

/// The middle of `values`.
pub fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Entry {
    /// Nanoseconds for a message: the middle run.
    pub fn nanoseconds(&self) -> f64 {
        middle(&mut self.medians.clone())
    }

    /// How many times as long as `other` it took: in each run, and of these
    /// the middle one.
    pub fn ratio(&self, other: &Self) -> f64 {
        let pairs = self.medians.iter().zip(&other.medians);
        middle(&mut pairs.map(|(ours, theirs)| ours / theirs).collect::<Vec<_>>())
    }

    /// Adds the run of `other`, the same contender at the same line.
    pub fn add(&mut self, other: &Self) {
        self.medians.extend_from_slice(&other.medians);
    }

    pub fn reads(&self) -> f64 {
        self.outcome.reads as f64 / self.outcome.units as f64
    }
}
