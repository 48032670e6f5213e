//! The client that the Autobahn fuzzing server tests.
//!
//! `cargo run --release --example autobahn -- ws://127.0.0.1:9002 AGENT`

mod connect;

use std::error::Error;
use std::io::{Read, Write};
use std::{env, process};

use connect::{Connected, connect};
use sansocket::{Config, Message, Received};

/// The largest message of the suite has 16 MiB.
const CONFIG: Config = Config::new().max_message(64 << 20);

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [url, agent] = &args[..] else {
        eprintln!("usage: autobahn ws://ADDRESS:PORT AGENT");
        process::exit(2);
    };
    let url = url.trim_end_matches('/');

    let count = run(&format!("{url}/getCaseCount"))?.ok_or("the server told no number of cases")?;
    let cases: u32 = count.parse()?;
    println!("{cases} cases");
    for case in 1..=cases {
        if let Err(error) = run(&format!("{url}/runCase?case={case}&agent={agent}")) {
            // Many a case is there to make the connection fail.
            println!("case {case}: {error}");
        }
    }
    // The server writes its report and may go without answering the handshake.
    run(&format!("{url}/updateReports?agent={agent}&shutdownOnComplete=true")).ok();
    Ok(())
}

/// Echoes until the connection ends; returns the last text that came.
fn run(url: &str) -> Result<Option<String>, Box<dyn Error>> {
    let Connected { mut stream, mut ws, first, .. } = connect(url, &[], &[], CONFIG)?;
    let mut buffer = vec![0; 64 * 1024];
    buffer[..first.len()].copy_from_slice(&first);
    let mut filled = first.len();
    let mut output = Vec::new();
    let mut last_text = None;
    loop {
        let mut input = &mut buffer[..filled];
        let received = loop {
            match ws.receive(&mut input, &mut output) {
                Ok(Some(Received::Message(message))) => {
                    let _ = ws.send(&message, &mut output);
                    if let Message::Text(text) = message {
                        last_text = Some(text.into_owned());
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        stream.write_all(&output)?;
        output.clear();
        received?;
        filled = stream.read(&mut buffer)?;
        if filled == 0 {
            return if ws.is_closed() { Ok(last_text) } else { Err("connection lost".into()) };
        }
    }
}
