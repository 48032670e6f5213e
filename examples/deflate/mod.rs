//! permessage-deflate on the command line: `--deflate 'permessage-deflate;
//! server_max_window_bits=10'`, in the words of the header.

use sansocket::deflate::{Agreement, NAME};
use sansocket::extensions::Extensions;

/// What these words agree to.
pub(crate) fn parse(words: &str) -> Option<Agreement> {
    let mut extensions = Extensions::new(words.as_bytes());
    match (extensions.next(), extensions.next()) {
        (Some(Ok(extension)), None) if extension.name() == NAME => Agreement::read(&extension),
        _ => None,
    }
}
