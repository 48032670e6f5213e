//! The command line that the drivers share.
//!
//! ```text
//! [--listen 127.0.0.1:9001] [--max-message BYTES] [--no-deflate]
//! [--handshake-timeout SECONDS] [--idle-timeout SECONDS] [--origin ORIGIN]
//! ```

use std::time::Duration;
use std::{env, process};

use sansocket::Config;
use sansocket::deflate::Compression;
use sansocket::keepalive::{Keepalive, Timeouts};

/// Longer than anybody waits, and short enough to be added to a clock.
pub const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// What the command line asks for.
#[derive(Clone, Copy)]
pub struct Options {
    pub config: Config,
    pub compression: Option<Compression>,
    /// From the connection to the whole request, and from our end to the peer's.
    pub handshake_timeout: Duration,
    /// How long a peer may be silent, which gets a Ping after half of it; and how long it may take
    /// nothing of what is written.
    pub idle_timeout: Duration,
    /// Whose pages may connect; those of any site if nothing is said.
    pub origin: Option<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            // A peer may make a driver hold several of them, inflated ones too.
            config: Config::new().max_message(1 << 20),
            compression: Some(Compression::new()),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            origin: None,
        }
    }
}

impl Options {
    pub fn timeouts(&self) -> Timeouts {
        let (half, handshake) = (self.idle_timeout / 2, self.handshake_timeout);
        Timeouts::new().handshake(handshake).interval(half).answer(half).close(handshake)
    }

    /// Whether a page from there may connect. Who names no origin is no browser, so nobody's
    /// cookies come with it.
    pub fn admits(&self, origin: Option<&str>) -> bool {
        self.origin.is_none() || origin.is_none() || self.origin == origin
    }

    /// The deadlines of a connection that begins with its opening handshake.
    pub fn opening(&self) -> Keepalive {
        Keepalive::opening(self.timeouts()).with_config(self.config)
    }

    /// The deadlines of an open connection.
    pub fn keepalive(&self) -> Keepalive {
        Keepalive::new(self.timeouts()).with_config(self.config)
    }
}

/// The options and the address to listen on; what is not among them is put into `more`, which says
/// whether it knows the name.
pub fn parse(mut more: impl FnMut(&str, &str) -> bool) -> (Options, String) {
    let (mut options, mut listen) = (Options::default(), "127.0.0.1:9001".to_owned());
    let mut args = env::args().skip(1);
    while let Some(name) = args.next() {
        if name == "--no-deflate" {
            options.compression = None;
            continue;
        }
        let value = args.next().unwrap_or_default();
        let known = match name.as_str() {
            "--listen" => {
                listen = value;
                Some(())
            }
            "--max-message" => {
                value.parse().ok().map(|bytes| options.config = options.config.max_message(bytes))
            }
            "--origin" => {
                options.origin = Some(value.leak()); // there is one, for as long as it runs
                Some(())
            }
            "--handshake-timeout" => seconds(&value).map(|time| options.handshake_timeout = time),
            "--idle-timeout" => seconds(&value).map(|time| options.idle_timeout = time),
            _ => more(&name, &value).then_some(()),
        };
        if known.is_none() {
            eprintln!("unknown or without its value: {name} (examples/README.md has the options)");
            process::exit(2);
        }
    }
    (options, listen)
}

/// A number of seconds: at least a millisecond, as sockets take a timeout of zero for an error or for ever.
pub fn seconds(value: &str) -> Option<Duration> {
    let time = Duration::try_from_secs_f64(value.parse().ok()?).ok()?;
    Some(time.max(Duration::from_millis(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_another_origin_are_not_admitted() {
        let any = Options::default();
        let ours = Options { origin: Some("https://a.example"), ..any };
        for origin in [None, Some("https://a.example")] {
            assert!(any.admits(origin) && ours.admits(origin));
        }
        for origin in ["null", "", "https://a.example.net", "http://a.example"] {
            assert!(any.admits(Some(origin)) && !ours.admits(Some(origin)));
        }
    }

    #[test]
    fn no_time_is_zero() {
        let millisecond = Some(Duration::from_millis(1));
        assert_eq!([seconds("0"), seconds("1e-12"), seconds("0.001")], [millisecond; 3]);
        assert_eq!(seconds("2.5"), Some(Duration::from_millis(2500)));
        assert_eq!([seconds("-1"), seconds("NaN"), seconds("1e99"), seconds("")], [None; 4]);
    }
}
