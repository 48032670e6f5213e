//! Python's wsproto and zlib, in a process that answers each line with one.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::{Agreed, End, Event, Outcome, Role};

pub struct Wsproto {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Wsproto {
    /// Starts it with this Python, which has wsproto installed.
    pub fn start(python: &str) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/wsproto_peer.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, input, output }
    }

    /// What is made of a stream.
    pub fn outcome(&mut self, role: Role, agreed: Option<Agreed>, stream: &[u8]) -> Outcome {
        let role = if role == Role::Server { 's' } else { 'c' };
        let line = self.ask(&format!("{role} {} {}", told(agreed), hex(stream)));
        let mut words = line.split_whitespace();
        let end = match words.next().expect("how it ended") {
            "open" => End::Open,
            "closed" => End::Closed,
            "refused" => End::Refused(unhex(words.next().expect("why"))),
            other => panic!("not an answer: {other}"),
        };
        let events = words.map(|word| {
            let (kind, bytes) = word.split_at(1);
            let (code, bytes) = bytes.split_once(':').expect("CODE:HEX");
            let payload = unhex_bytes(bytes);
            match kind {
                "T" => Event::Text(payload),
                "B" => Event::Binary(payload),
                "I" => Event::Ping(payload),
                "O" => Event::Pong(payload),
                _ => Event::Close(code.parse().ok(), String::from_utf8(payload).expect("text")),
            }
        });
        Outcome { events: events.collect(), end }
    }

    /// The payloads that zlib makes of the messages of a connection.
    pub fn deflate(&mut self, agreed: Agreed, level: u8, messages: &[&[u8]]) -> Vec<Vec<u8>> {
        let messages: Vec<_> = messages.iter().map(|message| hex(message)).collect();
        let line = self.ask(&format!("{level} {} {}", told(Some(agreed)), messages.join(",")));
        line.trim().split(',').map(unhex_bytes).collect()
    }

    fn ask(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").expect("it listens");
        let mut answer = String::new();
        self.output.read_line(&mut answer).expect("it answers");
        answer
    }
}

impl Drop for Wsproto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn told(agreed: Option<Agreed>) -> String {
    agreed.map_or("-".to_owned(), |Agreed { bits, takeover }| {
        format!("{bits}{}", if takeover { "+" } else { "" })
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(hex: &str) -> String {
    String::from_utf8_lossy(&unhex_bytes(hex)).into_owned()
}

fn unhex_bytes(hex: &str) -> Vec<u8> {
    let hex = hex.trim_start_matches('-');
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}
