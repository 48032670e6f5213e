//! Each difference between this crate and another implementation, in what it
//! delivers or in how it ends, is one of DIFFERENCES.md; and each of those is seen.

use std::collections::BTreeMap;
use std::env;

use sansocket_differential::deflated::{self, Deflated};
use sansocket_differential::peers::{Wsproto, ours, tokio_websockets, tungstenite};
use sansocket_differential::streams::stream;
use sansocket_differential::{End, Outcome, Role};

/// The streams a role is given.
const STREAMS: u64 = 40_000;
/// And with compression.
const COMPRESSED: u64 = 10_000;

/// Peer or kind of stream, our end, their end, their events: the first columns of the list.
type Difference = [String; 4];

fn difference(who: &str, ours: &Outcome, theirs: &Outcome) -> Option<Difference> {
    let (mine, other) = (&ours.events, &theirs.events);
    let events = if mine == other {
        "same"
    } else if mine.starts_with(other) {
        "fewer"
    } else if other.starts_with(mine) {
        "more"
    } else {
        "others"
    };
    let told = |end: &End, by_name: bool| match end {
        End::Open => "open".to_owned(),
        End::Closed => "closed".to_owned(),
        End::Refused(error) if by_name => error.clone(),
        End::Refused(_) => "refused".to_owned(),
    };
    let both_refuse = matches!((&ours.end, &theirs.end), (End::Refused(_), End::Refused(_)));
    let same_end = both_refuse || ours.end == theirs.end;
    if events == "same" && same_end {
        return None;
    }
    Some([who, &told(&ours.end, true), &told(&theirs.end, false), events].map(str::to_owned))
}

/// What was seen of the rows of a table, and what is not in it.
struct Comparison {
    /// Each row, with how often it was seen.
    listed: BTreeMap<Difference, u32>,
    unlisted: BTreeMap<Difference, Vec<String>>,
    alike: BTreeMap<&'static str, u32>,
}

impl Comparison {
    /// The first table of this text.
    fn with(list: &str) -> Self {
        let table = list.lines().skip_while(|line| !line.starts_with("| "));
        let rows = table.take_while(|line| line.starts_with('|')).skip(2);
        let listed = rows.map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).skip(1).collect();
            assert!(cells.len() == 7, "who, ours, theirs, events, section, why: {cells:?}");
            assert!(cells[4].contains('§') && cells[5].len() > 20, "an explanation: {cells:?}");
            ([cells[0], cells[1], cells[2], cells[3]].map(str::to_owned), 0)
        });
        Self { listed: listed.collect(), unlisted: BTreeMap::new(), alike: BTreeMap::new() }
    }

    fn compare(&mut self, who: &'static str, bytes: &[u8], ours: &Outcome, theirs: &Outcome) {
        let Some(difference) = difference(who, ours, theirs) else {
            *self.alike.entry(who).or_insert(0) += 1;
            return;
        };
        match self.listed.get_mut(&difference) {
            Some(count) => *count += 1,
            None => {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                let example = format!("{hex}\n  {ours:?}\n  {theirs:?}");
                self.unlisted.entry(difference).or_default().push(example);
            }
        }
    }

    fn judge(&self) {
        println!("alike: {:?}", self.alike);
        for (difference, count) in &self.listed {
            println!("{count:6} {}", difference.join(" | "));
        }
        for (difference, examples) in &self.unlisted {
            let shortest = examples.iter().min_by_key(|example| example.len()).unwrap();
            println!("NEW {:5} {}\n  {shortest}", examples.len(), difference.join(" | "));
        }
        assert!(self.unlisted.is_empty(), "{} kinds of difference not listed", self.unlisted.len());
        let gone: Vec<_> = self.listed.iter().filter(|(_, count)| **count == 0).collect();
        assert!(gone.is_empty(), "listed, but not seen: {gone:?}");
    }
}

const LIST: &str = include_str!("../DIFFERENCES.md");

fn start_wsproto() -> Wsproto {
    Wsproto::start(&env::var("PYTHON").unwrap_or("python3".to_owned()))
}

#[test]
fn every_difference_is_explained() {
    let mut wsproto = start_wsproto();
    let mut comparison = Comparison::with(LIST);
    for number in 0..STREAMS {
        for role in [Role::Server, Role::Client] {
            let bytes = stream(role, number);
            let mine = ours(role, None, &bytes);
            for (peer, outcome) in [
                ("tungstenite", tungstenite(role, &bytes)),
                ("tokio-websockets", tokio_websockets(role, &bytes)),
                ("wsproto", wsproto.outcome(role, None, &bytes)),
            ] {
                comparison.compare(peer, &bytes, &mine, &outcome);
            }
        }
    }
    comparison.judge();
}

#[test]
fn and_with_compression() {
    let mut wsproto = start_wsproto();
    let (_, list) = LIST.split_once("\n## With permessage-deflate\n").expect("a section");
    let mut comparison = Comparison::with(list);
    for number in 0..COMPRESSED {
        for role in [Role::Server, Role::Client] {
            let Deflated { agreed, twist, bytes } = deflated::stream(role, number, &mut wsproto);
            let mine = ours(role, Some(agreed), &bytes);
            let theirs = wsproto.outcome(role, Some(agreed), &bytes);
            comparison.compare(twist, &bytes, &mine, &theirs);
        }
    }
    comparison.judge();
}
