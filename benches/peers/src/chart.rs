//! The chart: bars in an SVG that reads on light and on dark ground.

use std::fmt::Write;

use crate::contenders::Standing;
use crate::lines::Line;
use crate::measure::Entry;

/// The lines that are drawn.
pub const DRAWN: [&str; 10] = [
    "receive binary, 16 B",
    "receive binary, 1 KiB",
    "receive binary, 16 KiB in 1.4 KiB reads",
    "receive ASCII, 125 B",
    "receive CJK, 1 KiB",
    "receive as a client, 125 B",
    "whole messages, 16 KiB",
    "encode as a server, 125 B",
    "encode as a client, 125 B",
    "handshake, whole",
];

/// How many peers are drawn at each line.
const PEERS: usize = 6;

const COLUMNS: usize = 2;
const WIDTH: usize = 880;
const PANEL: usize = WIDTH / COLUMNS;
const BAR: usize = 16;
const PITCH: usize = 20;
const LABEL: usize = 130;
const VALUE: usize = 70;
const TITLE: usize = 34;

/// The chart of those of `lines` that are drawn: nanoseconds for a message, of
/// sansocket, the limit and the fastest peers.
pub fn svg(lines: &[(&Line, Vec<Entry>)], caption: &[String]) -> String {
    let drawn: Vec<_> =
        lines.iter().filter(|(line, _)| DRAWN.contains(&line.full_name().as_str())).collect();
    let panels: Vec<(String, Vec<&Entry>)> =
        drawn.iter().map(|(line, entries)| (line.full_name(), chosen(entries))).collect();
    let height = |panels: &[(String, Vec<&Entry>)]| {
        TITLE + PITCH * panels.iter().map(|(_, bars)| bars.len()).max().unwrap_or_default() + 12
    };
    let caption: Vec<String> = caption.iter().flat_map(|line| wrapped(line)).collect();
    let total = panels.chunks(COLUMNS).map(height).sum::<usize>() + 30 + 16 * caption.len();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {total}\" \
         width=\"{WIDTH}\" height=\"{total}\" role=\"img\">\n\
         <title>Nanoseconds for a message: sansocket beside its peers</title>\n{STYLE}"
    );
    let mut top = 0;
    for row in panels.chunks(COLUMNS) {
        for (column, (title, bars)) in row.iter().enumerate() {
            panel(&mut svg, column * PANEL, top, title, bars);
        }
        top += height(row);
    }
    for (i, line) in caption.iter().enumerate() {
        let y = top + 24 + 16 * i;
        writeln!(svg, "<text class=\"caption\" x=\"8\" y=\"{y}\">{}</text>", escaped(line))
            .expect("a string");
    }
    svg + "</svg>\n"
}

/// The limit, sansocket, and the fastest peers, in this order.
fn chosen(entries: &[Entry]) -> Vec<&Entry> {
    let of = |standing| entries.iter().filter(move |entry| entry.standing == standing);
    let mut peers: Vec<&Entry> = of(Standing::Peer).collect();
    peers.sort_by(|a, b| a.nanoseconds().total_cmp(&b.nanoseconds()));
    peers.truncate(PEERS);
    of(Standing::Limit).chain(of(Standing::Ours)).chain(peers).collect()
}

fn panel(svg: &mut String, left: usize, top: usize, title: &str, bars: &[&Entry]) {
    let most = bars.iter().map(|entry| entry.nanoseconds()).fold(0.0, f64::max);
    let room = (PANEL - LABEL - VALUE) as f64;
    let mut add = |text: String| {
        svg.push_str(&text);
        svg.push('\n');
    };
    add(format!(
        "<text class=\"title\" x=\"{}\" y=\"{}\">{}</text>",
        left + 8,
        top + 22,
        escaped(title)
    ));
    for (i, entry) in bars.iter().enumerate() {
        let (y, x) = (top + TITLE + PITCH * i, left + LABEL);
        let length = (room * entry.nanoseconds() / most).max(1.0);
        let class = match entry.standing {
            Standing::Ours => "ours",
            Standing::Limit => "limit",
            Standing::Peer | Standing::Reference => "peer",
        };
        let baseline = y + BAR - 4;
        let label = x - 6;
        add(format!(
            "<text class=\"name {class}\" x=\"{label}\" y=\"{baseline}\">{}</text>\
             <rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"2\"/>\
             <text class=\"value\" x=\"{:.1}\" y=\"{baseline}\">{} ns</text>",
            escaped(entry.name),
            x as f64 + length + 5.0,
            crate::report::nanoseconds(entry.nanoseconds())
        ));
    }
}

/// `text` in lines that fit below the panels.
fn wrapped(text: &str) -> Vec<String> {
    const MOST: usize = 150;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        if lines.last().is_some_and(|line| line.len() + word.len() > MOST) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
            line.push(' ');
        }
    }
    lines
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Greys that read on white and on black, and one colour for sansocket.
const STYLE: &str = "<style>
text { font: 12px system-ui, sans-serif; fill: #57606a; }
.title { font-weight: 600; font-size: 13px; }
.name { text-anchor: end; }
text.ours { font-weight: 600; fill: #1a7f37; }
.caption { font-size: 10px; }
rect.ours { fill: #2da44e; }
rect.limit { fill: none; stroke: #8c959f; stroke-dasharray: 3 2; }
rect.peer { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #9da7b3; }
  text.ours { fill: #3fb950; }
  rect.peer { fill: #6e7681; }
}
</style>
";
