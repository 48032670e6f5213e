//! Each difference between this crate and another implementation, in what it
//! delivers or in how it ends, is one of DIFFERENCES.md; and each of those is seen.

use std::collections::BTreeMap;
use std::env;

use sansocket_differential::peers::{Wsproto, ours, tokio_websockets, tungstenite};
use sansocket_differential::streams::stream;
use sansocket_differential::{End, Outcome, Role};

/// The streams a role is given.
const STREAMS: u64 = 40_000;

/// Peer, our end, their end, their events: the first columns of the list.
type Difference = [String; 4];

fn difference(peer: &str, ours: &Outcome, theirs: &Outcome) -> Option<Difference> {
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
    Some([peer, &told(&ours.end, true), &told(&theirs.end, false), events].map(str::to_owned))
}

/// The rows of the table in DIFFERENCES.md, with how often each was seen.
fn explained() -> BTreeMap<Difference, u32> {
    let list = include_str!("../DIFFERENCES.md");
    let rows = list.lines().filter(|line| line.starts_with("| ")).skip(1);
    let cells = rows.map(|row| row.split('|').map(str::trim).skip(1).collect::<Vec<_>>());
    cells
        .map(|cells| {
            assert!(cells.len() == 7, "peer, ours, theirs, events, section, why: {cells:?}");
            assert!(cells[4].contains('§') && cells[5].len() > 20, "an explanation: {cells:?}");
            ([cells[0], cells[1], cells[2], cells[3]].map(str::to_owned), 0)
        })
        .collect()
}

#[test]
fn every_difference_is_explained() {
    let python = env::var("PYTHON").unwrap_or("python3".to_owned());
    let mut wsproto = Wsproto::start(&python);
    let mut seen = explained();
    let mut unexplained: BTreeMap<Difference, Vec<String>> = BTreeMap::new();
    let mut alike = BTreeMap::new();
    for number in 0..STREAMS {
        for role in [Role::Server, Role::Client] {
            let bytes = stream(role, number);
            let mine = ours(role, &bytes);
            let theirs = [
                ("tungstenite", tungstenite(role, &bytes)),
                ("tokio-websockets", tokio_websockets(role, &bytes)),
                ("wsproto", wsproto.outcome(role, &bytes)),
            ];
            for (peer, outcome) in theirs {
                let Some(difference) = difference(peer, &mine, &outcome) else {
                    *alike.entry(peer).or_insert(0) += 1;
                    continue;
                };
                match seen.get_mut(&difference) {
                    Some(count) => *count += 1,
                    None => {
                        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                        let example =
                            format!("{role:?} {number}: {hex}\n  {mine:?}\n  {outcome:?}");
                        unexplained.entry(difference).or_default().push(example);
                    }
                }
            }
        }
    }
    println!("alike of {} streams each: {alike:?}", 2 * STREAMS);
    for (difference, count) in &seen {
        println!("{count:6} {}", difference.join(" | "));
    }
    for (difference, examples) in &unexplained {
        let shortest = examples.iter().min_by_key(|example| example.len()).unwrap();
        println!("NEW {:5} {}\n  {shortest}", examples.len(), difference.join(" | "));
    }
    assert!(unexplained.is_empty(), "{} kinds of difference not listed", unexplained.len());
    let gone: Vec<_> = seen.iter().filter(|(_, count)| **count == 0).collect();
    assert!(gone.is_empty(), "listed, but not seen: {gone:?}");
}
