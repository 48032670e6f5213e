//! The table, as text.

use std::fmt::Write;

use crate::contenders::Standing;
use crate::lines::{LIMITS, Line};
use crate::measure::Entry;

/// sansocket at a line, with who it is held against.
pub struct Verdict<'a> {
    pub ours: &'a Entry,
    pub best_peer: Option<&'a Entry>,
    pub limit: Option<&'a Entry>,
}

impl<'a> Verdict<'a> {
    /// `None` if sansocket did not take part.
    pub fn of(entries: &'a [Entry]) -> Option<Self> {
        let ours = entries.iter().find(|entry| entry.standing == Standing::Ours)?;
        let peers = entries.iter().filter(|entry| entry.standing == Standing::Peer);
        let best_peer = peers.min_by(|a, b| a.nanoseconds().total_cmp(&b.nanoseconds()));
        let limit = LIMITS.iter().find_map(|name| entries.iter().find(|e| e.name == *name));
        Some(Self { ours, best_peer, limit })
    }
}

/// The heading of the [`row`]s.
pub fn heading() -> String {
    format!(
        "{:36}{:>10}  {:>27} {:>6} {:>7}  {:>27} {:>6} {:>7}\n",
        "", "sansocket", "best peer", "ratio", "at most", "limit", "ratio", "at most"
    )
}

/// A line: sansocket beside the best peer and the limit, and whether its targets
/// are met.
pub fn row(line: &Line, entries: &[Entry]) -> String {
    let mut row = format!("{:36}", line.full_name());
    let Some(Verdict { ours, best_peer, limit }) = Verdict::of(entries) else {
        return row + "\n";
    };
    write!(row, "{:>10}", nanoseconds(ours.nanoseconds())).expect("a string");
    let ratio = |other: Option<&Entry>, target: Option<f64>| match other {
        Some(other) => {
            let ratio = ours.ratio(other);
            format!("{ratio:>6.2} {:>7}", against(ratio, target))
        }
        None => format!("{:>6} {:>7}", "", ""),
    };
    for (other, target) in [(best_peer, line.targets.peer), (limit, line.targets.limit)] {
        let named = other.map_or_else(String::new, |other| {
            format!("{} {:>8}", other.name, nanoseconds(other.nanoseconds()))
        });
        write!(row, "  {named:>27} {}", ratio(other, target)).expect("a string");
    }
    if let Some(most) = line.targets.nanoseconds {
        write!(row, "  {} ns", against(ours.nanoseconds(), Some(most))).expect("a string");
    }
    if let Some(most) = line.targets.reads {
        let reads = ours.reads();
        write!(row, "  {reads:.2} {} reads", against(reads, Some(most))).expect("a string");
    }
    row.truncate(row.trim_end().len());
    row + "\n"
}

/// A target, and whether it is met.
fn against(value: f64, target: Option<f64>) -> String {
    match target {
        // As many digits count as are shown.
        Some(most) if (value * 100.0).round() <= most * 100.0 => format!("{most:.2} ✓"),
        Some(most) => format!("{most:.2} ✗"),
        None => String::new(),
    }
}

/// All contenders at the lines of a group: nanoseconds for a message.
pub fn group(lines: &[(&Line, Vec<Entry>)]) -> String {
    let mut names: Vec<(&str, Standing)> = Vec::new();
    for entry in lines.iter().flat_map(|(_, entries)| entries) {
        if !names.contains(&(entry.name, entry.standing)) {
            names.push((entry.name, entry.standing));
        }
    }
    let Some((first, _)) = lines.first() else { return String::new() };
    let mut table = format!("{:20}", first.group);
    let width = |line: &Line| line.name.chars().count().max(9) + 2;
    for (line, _) in lines {
        write!(table, "{:>1$}", line.name, width(line)).expect("a string");
    }
    table.push('\n');
    for (name, _) in names {
        write!(table, "  {name:18}").expect("a string");
        for (line, entries) in lines {
            let entry = entries.iter().find(|entry| entry.name == name);
            let cell = entry.map_or_else(String::new, |entry| nanoseconds(entry.nanoseconds()));
            write!(table, "{cell:>0$}", width(line)).expect("a string");
        }
        table.truncate(table.trim_end_matches(' ').len());
        table.push('\n');
    }
    table
}

/// Reads for a message where one is as long as a read, or longer.
pub fn reads(lines: &[(&Line, Vec<Entry>)]) -> String {
    let mut table = String::new();
    for (line, entries) in lines {
        if line.targets.reads.is_some() {
            writeln!(table, "\nreads for a message: {}", line.full_name()).expect("a string");
            for entry in entries {
                writeln!(table, "  {:18}{:>9.2}", entry.name, entry.reads()).expect("a string");
            }
        }
    }
    table
}

/// Three digits that count, or all before the point.
pub fn nanoseconds(value: f64) -> String {
    match value {
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => {
            let whole = format!("{value:.0}");
            let mut grouped = String::new();
            for (i, digit) in whole.chars().enumerate() {
                if i > 0 && (whole.len() - i).is_multiple_of(3) {
                    grouped.push(',');
                }
                grouped.push(digit);
            }
            grouped
        }
    }
}
