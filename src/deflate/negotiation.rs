//! Which window, and whether it lasts from message to message: the parameters
//! of permessage-deflate (RFC 7692 §7.1), offered and agreed.
//!
//! Nothing here knows of HTTP: offers and answers are [`Extension`]s to read
//! and [`Display`](fmt::Display) to write.

// What peers send passes through here: nothing that could panic on it.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

use core::fmt;

use super::{Level, WindowBits};
use crate::extensions::{Extension, Value};

/// The extension's name.
pub const NAME: &str = "permessage-deflate";

/// What an endpoint wishes of permessage-deflate, as a server or as a client.
///
/// By default both directions use windows of 4 KiB (12 bits) and keep them from
/// message to message.
///
/// ```
/// use sansocket::deflate::{Compression, Level, WindowBits};
///
/// let compression = Compression::new()
///     .level(Level::Best)
///     .send_window(WindowBits::MAX)
///     .receive_takeover(false);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Compression {
    settings: Settings,
    send: Direction,
    receive: Direction,
    /// The words of a client's offer, where they are given.
    words: Option<Parameters>,
}

/// What holds for the messages of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// How far back the sender's matches reach at most.
    pub window: WindowBits,
    /// Whether they may reach into earlier messages ("context takeover").
    pub takeover: bool,
}

/// What is no matter of negotiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) level: Level,
    pub(crate) threshold: Option<usize>,
}

/// What both ends agreed on, the server's words for it, and what one of them
/// wished beside: all that a response and a `WebSocket` need to know of
/// compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    server: Direction,
    client: Direction,
    parameters: Parameters,
    pub(crate) settings: Settings,
}

impl Agreement {
    /// The agreement that these words express, be they a server's answer or an
    /// offer that is accepted as it is; `None` if they are not of
    /// permessage-deflate, or are good for neither. A client's window without a
    /// value, as an offer may have it, is the largest.
    #[must_use]
    pub fn read(words: &Extension<'_>) -> Option<Self> {
        let read = Parameters::read(words)?;
        if read.server_window == Window::Any {
            return None;
        }
        let direction = |window, no_takeover: bool| Direction {
            window: if let Window::AtMost(window) = window { window } else { WindowBits::MAX },
            takeover: !no_takeover,
        };
        Some(Self {
            server: direction(read.server_window, read.server_no_takeover),
            client: direction(read.client_window, read.client_no_takeover),
            parameters: read,
            settings: Compression::new().settings,
        })
    }

    /// What holds for the messages that the server sends.
    #[must_use]
    pub const fn server(&self) -> Direction {
        self.server
    }

    /// What holds for the messages that the client sends.
    #[must_use]
    pub const fn client(&self) -> Direction {
        self.client
    }

    /// The words of the server's answer, which stand behind [`NAME`].
    #[must_use]
    pub const fn parameters(&self) -> Parameters {
        self.parameters
    }
}

impl Compression {
    /// The defaults.
    pub const fn new() -> Self {
        const DEFAULT: Direction = Direction { window: WindowBits::DEFAULT, takeover: true };
        Self {
            settings: Settings { level: Level::Fast, threshold: None },
            send: DEFAULT,
            receive: DEFAULT,
            words: None,
        }
    }

    /// For a server: at most this agreement, and the defaults otherwise.
    pub const fn server(most: Agreement) -> Self {
        Self { send: most.server, receive: most.client, ..Self::new() }
    }

    /// For a client: at most this agreement, offered in the same words, and the
    /// defaults otherwise.
    pub const fn client(most: Agreement) -> Self {
        let words = Some(most.parameters);
        Self { send: most.client, receive: most.server, words, ..Self::new() }
    }

    /// How hard to try when compressing. Default: [`Level::Fast`].
    pub const fn level(self, level: Level) -> Self {
        Self { settings: Settings { level, ..self.settings }, ..self }
    }

    /// The largest window to compress with; the peer may ask for a smaller one.
    /// Default: 12 bits.
    pub const fn send_window(self, window: WindowBits) -> Self {
        Self { send: Direction { window, ..self.send }, words: None, ..self }
    }

    /// Whether to compress with what earlier messages held, unless the peer
    /// asks not to. Default: yes.
    pub const fn send_takeover(self, takeover: bool) -> Self {
        Self { send: Direction { takeover, ..self.send }, words: None, ..self }
    }

    /// The largest window to hold for the peer's messages. Default: 12 bits.
    ///
    /// A client that cannot be held to it is not refused, but asked to go without
    /// takeover: then a message is inflated into one buffer, which is its window.
    /// A server that takes the offer must keep to it. Some know no limit and
    /// leave it out of their answer, which fails the handshake; for them it is
    /// [`WindowBits::MAX`].
    pub const fn receive_window(self, window: WindowBits) -> Self {
        Self { receive: Direction { window, ..self.receive }, words: None, ..self }
    }

    /// Whether to let the peer compress with what its earlier messages held.
    /// Default: yes.
    pub const fn receive_takeover(self, takeover: bool) -> Self {
        Self { receive: Direction { takeover, ..self.receive }, words: None, ..self }
    }

    /// The size in bytes below which messages are sent as they are. Default: 16
    /// with takeover, 128 without.
    pub const fn threshold(self, bytes: usize) -> Self {
        Self { settings: Settings { threshold: Some(bytes), ..self.settings }, ..self }
    }

    /// What a server agrees to of a client's offers, which are given in the order
    /// of preference: the first that can be accepted, `None` if there is none.
    ///
    /// It goes into the response, and into the `WebSocket`.
    ///
    /// An offer that breaks a rule is passed over.
    #[must_use]
    pub fn accept<'b>(&self, offers: impl IntoIterator<Item = Extension<'b>>) -> Option<Agreement> {
        let mut offers = offers.into_iter().filter(|offer| offer.name() == NAME);
        offers.find_map(|offer| self.answer(Parameters::read(&offer)?))
    }

    fn answer(&self, offer: Parameters) -> Option<Agreement> {
        let server_window = match offer.server_window {
            Window::Absent => WindowBits::MAX,
            // > A server MUST decline an extension negotiation offer for this
            // > extension if any of the following conditions are met
            // > (RFC 7692 §7)
            //
            // Among them is a value that is not valid, and in an offer of the
            // server's window none is not (§7.1.2.1).
            Window::Any => return None,
            Window::AtMost(window) => window,
        };
        let server = Direction {
            window: self.send.window.min(server_window),
            takeover: self.send.takeover && !offer.server_no_takeover,
        };
        let client_window = match offer.client_window {
            // > If a received extension negotiation offer doesn't have the
            // > "client_max_window_bits" extension parameter, the corresponding
            // > extension negotiation response to the offer MUST NOT include
            // > the "client_max_window_bits" extension parameter. (§7.1.2.2)
            Window::Absent => WindowBits::MAX,
            Window::Any => self.receive.window,
            Window::AtMost(window) => self.receive.window.min(window),
        };
        let client = Direction {
            window: client_window,
            takeover: self.receive.takeover
                && !offer.client_no_takeover
                && client_window <= self.receive.window,
        };
        let parameters = Parameters {
            server_no_takeover: !server.takeover,
            client_no_takeover: !client.takeover,
            server_window: match offer.server_window {
                Window::Absent => Window::below_max(server.window),
                _ => Window::AtMost(server.window),
            },
            client_window: Window::below_max(client.window),
        };
        Some(Agreement { server, client, parameters, settings: self.settings })
    }

    /// The parameters of a client's offer, to be written behind [`NAME`].
    #[must_use]
    pub fn offer(&self) -> Parameters {
        self.words.unwrap_or(Parameters {
            server_no_takeover: !self.receive.takeover,
            client_no_takeover: !self.send.takeover,
            server_window: Window::below_max(self.receive.window),
            // Always there, so that the server may set a limit (§7.1.2.2).
            client_window: match Window::below_max(self.send.window) {
                Window::Absent => Window::Any,
                window => window,
            },
        })
    }

    /// Holds the server's answer against the offer; `None` if it does not fit,
    /// so that the client must fail the connection.
    #[must_use]
    pub fn check(&self, answer: &Extension<'_>) -> Option<Agreement> {
        let (offer, answer) = (self.offer(), Parameters::read(answer)?);
        // > A server accepts an extension negotiation offer with this parameter
        // > by including the "server_max_window_bits" extension parameter in
        // > the extension negotiation response to send back to the client with
        // > the same or smaller value as the offer. (§7.1.2.1)
        let server_window = match (offer.server_window, answer.server_window) {
            (Window::Absent, Window::Absent) => WindowBits::MAX,
            (Window::Absent, Window::AtMost(window)) => window,
            (Window::AtMost(most), Window::AtMost(window)) if window <= most => window,
            _ => return None,
        };
        // > If a received extension negotiation offer doesn't have the
        // > "client_max_window_bits" extension parameter, the corresponding
        // > extension negotiation response to the offer MUST NOT include the
        // > "client_max_window_bits" extension parameter.
        // >
        // > [...] with a value equal to or smaller than the received value.
        // > (§7.1.2.2)
        let client_window = match (offer.client_window, answer.client_window) {
            (_, Window::Absent) => self.send.window,
            (Window::Any, Window::AtMost(window)) => window,
            (Window::AtMost(most), Window::AtMost(window)) if window <= most => window,
            _ => return None,
        };
        // As §7.1.1.1 has it, the server agrees by saying the same.
        if offer.server_no_takeover && !answer.server_no_takeover {
            return None;
        }
        Some(Agreement {
            server: Direction { window: server_window, takeover: !answer.server_no_takeover },
            client: Direction {
                window: client_window,
                takeover: self.send.takeover && !answer.client_no_takeover,
            },
            parameters: answer,
            settings: self.settings,
        })
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self::new()
    }
}

/// The parameters of an offer or an answer, each written as `; name` or
/// `; name=value`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_window: Window,
    client_window: Window,
}

/// `server_max_window_bits` or `client_max_window_bits`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Window {
    /// The parameter is not there.
    #[default]
    Absent,
    /// It has no value.
    Any,
    /// It has this value.
    AtMost(WindowBits),
}

impl Window {
    fn read(value: Option<Value<'_>>) -> Option<Self> {
        match value {
            Some(value) => window_bits(value.bytes()).map(Self::AtMost),
            None => Some(Self::Any),
        }
    }

    /// The largest window goes without saying.
    fn below_max(window: WindowBits) -> Self {
        if window < WindowBits::MAX { Self::AtMost(window) } else { Self::Absent }
    }
}

impl Parameters {
    /// `None` for another extension, or if a rule is broken that holds for offers
    /// and answers alike (§7):
    ///
    /// > The negotiation offer contains an extension parameter not defined for
    /// > use in an offer.
    /// >
    /// > The negotiation offer contains an extension parameter with an invalid
    /// > value.
    /// >
    /// > The negotiation offer contains multiple extension parameters with the
    /// > same name.
    fn read(extension: &Extension<'_>) -> Option<Self> {
        if extension.name() != NAME {
            return None;
        }
        let mut read = Self::default();
        for (name, value) in extension.params() {
            let repeated = match name {
                "server_no_context_takeover" if value.is_none() => {
                    core::mem::replace(&mut read.server_no_takeover, true)
                }
                "client_no_context_takeover" if value.is_none() => {
                    core::mem::replace(&mut read.client_no_takeover, true)
                }
                "server_max_window_bits" => {
                    let window = Window::read(value)?;
                    core::mem::replace(&mut read.server_window, window) != Window::Absent
                }
                "client_max_window_bits" => {
                    let window = Window::read(value)?;
                    core::mem::replace(&mut read.client_window, window) != Window::Absent
                }
                _ => return None,
            };
            if repeated {
                return None;
            }
        }
        Some(read)
    }

    /// The parameters in order, each with its value if it has one.
    pub(crate) fn pairs(self) -> impl Iterator<Item = (&'static str, Option<u8>)> {
        let takeover = |none: bool, name| none.then_some((name, None));
        let window = |window, name| match window {
            Window::AtMost(window) => Some((name, Some(window.get()))),
            Window::Any => Some((name, None)),
            Window::Absent => None,
        };
        let pairs = [
            takeover(self.server_no_takeover, "server_no_context_takeover"),
            takeover(self.client_no_takeover, "client_no_context_takeover"),
            window(self.server_window, "server_max_window_bits"),
            window(self.client_window, "client_max_window_bits"),
        ];
        pairs.into_iter().flatten()
    }
}

/// A decimal number from 8 to 15, without leading zeros (§7.1.2).
fn window_bits(mut digits: impl Iterator<Item = u8>) -> Option<WindowBits> {
    let bits = match (digits.next(), digits.next(), digits.next()) {
        (Some(ones @ b'8'..=b'9'), None, _) => ones - b'0',
        (Some(b'1'), Some(ones @ b'0'..=b'5'), None) => 10 + (ones - b'0'),
        _ => return None,
    };
    WindowBits::new(bits)
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.pairs() {
            match value {
                Some(value) => write!(f, "; {name}={value}")?,
                None => write!(f, "; {name}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extensions::Extensions;

    fn bits(bits: u8) -> WindowBits {
        WindowBits::new(bits).unwrap()
    }

    fn compression(send: u8, receive: u8) -> Compression {
        Compression::new().send_window(bits(send)).receive_window(bits(receive))
    }

    /// The answer to offers, `None` if all are declined.
    fn answer(compression: Compression, offers: &str) -> Option<String> {
        let offers = Extensions::new(offers.as_bytes()).map(Result::unwrap);
        compression.accept(offers).map(|agreed| agreed.parameters().to_string())
    }

    fn check(compression: Compression, answer: &str) -> Option<Agreement> {
        let answer = format!("{NAME}{answer}");
        compression.check(&Extensions::new(answer.as_bytes()).next().unwrap().unwrap())
    }

    #[test]
    fn windows_of_8_to_15_bits() {
        for bits in 0..=255 {
            let window = WindowBits::new(bits);
            assert_eq!(window.map(WindowBits::get), (8..=15).contains(&bits).then_some(bits));
        }
    }

    /// Whoever knows what the other end of a proxy agreed to asks for no more.
    #[test]
    fn at_most_an_agreement() {
        for takeovers in [(true, true), (true, false), (false, true), (false, false)] {
            for windows in [(8, 15), (15, 8), (9, 12), (15, 15)] {
                let mut words = NAME.to_owned();
                for (side, window, takeover) in
                    [("server", windows.0, takeovers.0), ("client", windows.1, takeovers.1)]
                {
                    words += &format!("; {side}_max_window_bits={window}");
                    words += &if takeover {
                        String::new()
                    } else {
                        format!("; {side}_no_context_takeover")
                    };
                }
                let most = Extensions::new(words.as_bytes()).next().unwrap().unwrap();
                let most = Agreement::read(&most).unwrap();
                // With somebody who would agree to anything, it comes to the same.
                let anything = compression(15, 15);
                let agreed = |client: Compression, server: Compression| {
                    let offer = format!("{NAME}{}", client.offer());
                    let agreed = check(client, &answer(server, &offer).unwrap()).unwrap();
                    (agreed.server, agreed.client)
                };
                let expected = (most.server, most.client);
                assert_eq!(agreed(Compression::client(most), anything), expected);
                assert_eq!(agreed(anything, Compression::server(most)), expected);
                assert_eq!(agreed(Compression::client(most), Compression::server(most)), expected);
            }
        }
    }

    #[test]
    fn words_that_are_no_agreement() {
        for words in
            ["x-own", "x-own; server_max_window_bits=12", "; server_max_window_bits", "; other"]
        {
            let words =
                if words.starts_with(';') { format!("{NAME}{words}") } else { words.to_owned() };
            let words = Extensions::new(words.as_bytes()).next().unwrap().unwrap();
            assert_eq!(Agreement::read(&words), None, "{words:?}");
            assert_eq!(compression(15, 15).check(&words), None, "{words:?}");
        }
    }

    #[test]
    fn a_client_is_held_to_the_words_it_was_given() {
        for (offer, answer, is_good) in [
            ("", "", true),
            ("", "; server_max_window_bits=9", true),
            ("", "; client_max_window_bits=10", false),
            ("; client_max_window_bits", "; client_max_window_bits=15", true),
            ("; client_max_window_bits=11", "; client_max_window_bits=11", true),
            ("; client_max_window_bits=11", "; client_max_window_bits=12", false),
            ("; client_max_window_bits=11", "; client_max_window_bits", false),
            ("; server_max_window_bits=15", "; server_max_window_bits=15", true),
            ("; server_max_window_bits=15", "", false),
            ("; server_max_window_bits=10", "; server_max_window_bits=11", false),
            ("; server_no_context_takeover", "", false),
        ] {
            let offered = format!("{NAME}{offer}");
            let words = Extensions::new(offered.as_bytes()).next().unwrap().unwrap();
            let client = Compression::client(Agreement::read(&words).unwrap());
            assert_eq!(client.offer().to_string(), offer);
            assert_eq!(check(client, answer).is_some(), is_good, "{offer:?} answered {answer:?}");
        }
        // Whoever wishes something else then, says it in words of its own.
        let words = Extensions::new(NAME.as_bytes()).next().unwrap().unwrap();
        let client = Compression::client(Agreement::read(&words).unwrap());
        for (client, offer) in [
            (client.send_window(bits(9)), "; client_max_window_bits=9"),
            (client.send_takeover(false), "; client_no_context_takeover; client_max_window_bits"),
            (client.receive_window(bits(9)), "; server_max_window_bits=9; client_max_window_bits"),
            (
                client.receive_takeover(false),
                "; server_no_context_takeover; client_max_window_bits",
            ),
        ] {
            assert_eq!(client.offer().to_string(), offer);
        }
    }

    #[test]
    fn offers_that_are_accepted() {
        const BOTH: &str = "; server_no_context_takeover; client_no_context_takeover";
        for (send, receive, offer, expected) in [
            (15, 15, "", ""),
            (12, 15, "", "; server_max_window_bits=12"),
            (15, 12, "; client_max_window_bits", "; client_max_window_bits=12"),
            (15, 15, "; client_max_window_bits", ""),
            (15, 12, "; client_max_window_bits=10", "; client_max_window_bits=10"),
            (15, 12, "; client_max_window_bits=15", "; client_max_window_bits=12"),
            // No limit can be set, so no window is held.
            (15, 12, "", "; client_no_context_takeover"),
            (15, 15, "; server_max_window_bits=10", "; server_max_window_bits=10"),
            (15, 15, "; server_max_window_bits=8", "; server_max_window_bits=8"),
            (9, 15, "; server_max_window_bits=10", "; server_max_window_bits=9"),
            (15, 15, "; server_max_window_bits=15", "; server_max_window_bits=15"),
            (15, 15, "; server_max_window_bits=\"10\"", "; server_max_window_bits=10"),
            (15, 15, "; server_no_context_takeover", "; server_no_context_takeover"),
            (15, 15, BOTH, BOTH),
        ] {
            let offer = format!("{NAME}{offer}");
            let answered = answer(compression(send, receive), &offer);
            assert_eq!(answered.as_deref(), Some(expected), "{offer}");
        }
    }

    #[test]
    fn offers_that_are_declined_and_the_next_that_is_not() {
        for offer in [
            "; server_max_window_bits",
            "; server_max_window_bits=7",
            "; server_max_window_bits=16",
            "; server_max_window_bits=010",
            "; server_max_window_bits=+9",
            "; server_max_window_bits=9a",
            "; client_max_window_bits=7",
            "; client_max_window_bits=100",
            "; client_no_context_takeover=1",
            "; server_no_context_takeover=1",
            "; server_no_context_takeover; server_no_context_takeover",
            "; client_max_window_bits; client_max_window_bits=10",
            "; server_max_window_bits=10; server_max_window_bits=10",
            "; foo",
            "; SERVER_NO_CONTEXT_TAKEOVER",
        ] {
            let offer = format!("{NAME}{offer}");
            assert_eq!(answer(compression(15, 15), &offer), None, "{offer}");
            let list = format!("x-unknown; a=1, {offer}, {NAME}; server_max_window_bits=9");
            let expected = "; server_max_window_bits=9".to_owned();
            assert_eq!(answer(compression(15, 15), &list), Some(expected), "{list}");
        }
        assert_eq!(answer(compression(15, 15), "x-unknown"), None);
    }

    #[test]
    fn answers_that_fail_the_client() {
        let plain = compression(15, 15);
        let small = compression(11, 10).receive_takeover(false);
        for (compression, bad) in [
            (plain, "; server_max_window_bits"),
            (plain, "; client_max_window_bits"),
            (plain, "; client_max_window_bits=16"),
            (plain, "; unknown"),
            (plain, "; server_no_context_takeover; server_no_context_takeover"),
            (small, "; server_no_context_takeover"),
            (small, "; server_no_context_takeover; server_max_window_bits=11"),
            (small, "; server_max_window_bits=10"),
            (
                small,
                "; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=12",
            ),
        ] {
            assert_eq!(check(compression, bad), None, "{bad}");
        }
        let agreed =
            check(plain, "; server_max_window_bits=9; client_no_context_takeover").unwrap();
        assert_eq!(agreed.server, Direction { window: bits(9), takeover: true });
        assert_eq!(agreed.client, Direction { window: bits(15), takeover: false });
    }

    #[test]
    fn what_a_server_answers_the_client_agrees_to() {
        let sizes = [8, 9, 12, 15];
        let all = sizes.iter().flat_map(|&send| {
            sizes.iter().flat_map(move |&receive| {
                [(true, true), (true, false), (false, true), (false, false)]
                    .map(|(s, r)| compression(send, receive).send_takeover(s).receive_takeover(r))
            })
        });
        let all: Vec<_> = all.collect();
        for client in &all {
            for server in &all {
                let offer = format!("{NAME}{}", client.offer());
                let offers = Extensions::new(offer.as_bytes()).map(Result::unwrap);
                let agreed = server.accept(offers).unwrap();
                assert_eq!(check(*client, &agreed.parameters.to_string()), Some(agreed), "{offer}");
            }
        }
    }
}
