//! The client that the Autobahn fuzzing server tests.
//!
//! ```text
//! cargo run --release --example autobahn -- ws://127.0.0.1:9002 AGENT
//!     [--deflate 'permessage-deflate; server_max_window_bits=10...' | --no-deflate]
//! ```

mod connect;
mod deflate;
mod timed;

use std::error::Error;
use std::io::{Read, Write};
use std::{env, process};

use connect::{Connected, connect, parse};
use sansocket::deflate::Compression;
use sansocket::{Config, Message, Received};

/// The largest message of the suite has 16 MiB.
const CONFIG: Config = Config::new().max_message(64 << 20);

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (url, agent, words) = match args[..] {
        // So that a server may limit the client's window, too.
        [url, agent] => (url, agent, Some("permessage-deflate; client_max_window_bits")),
        [url, agent, "--no-deflate"] => (url, agent, None),
        [url, agent, "--deflate", words] => (url, agent, Some(words)),
        _ => {
            eprintln!(
                "usage: autobahn ws://ADDRESS:PORT AGENT [--deflate PARAMETERS | --no-deflate]"
            );
            process::exit(2);
        }
    };
    let compression = match words.map(deflate::parse) {
        Some(None) => return Err("not permessage-deflate and its parameters".into()),
        Some(Some(most)) => Some(Compression::client(most)),
        None => None,
    };
    let run = |url: &str| run(url, compression);
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
fn run(url: &str, compression: Option<Compression>) -> Result<Option<String>, Box<dyn Error>> {
    let url = parse(url)?;
    let Connected { mut stream, mut ws, first, .. } = connect(&url, &[], &[], compression, CONFIG)?;
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
