//! What the lines are also held against, though it is no WebSocket crate.

use std::hint::black_box;

use super::{Contender, Standing};
use crate::wire::REQUEST;
use crate::work::{Task, Work, calling, masking, validating};

/// The parser that most peers' handshakes are made of.
pub struct Httparse;

impl Contender for Httparse {
    fn name(&self) -> &'static str {
        "httparse"
    }

    fn standing(&self) -> Standing {
        Standing::Reference
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        (*work == Work::ParseRequest).then(|| {
            calling(*work, || {
                let mut headers = [httparse::EMPTY_HEADER; 32];
                let mut request = httparse::Request::new(&mut headers);
                let parsed = request.parse(black_box(REQUEST)).expect("good");
                assert_eq!(request.method, Some("GET"));
                (parsed.unwrap() as u32).to_be_bytes()
            })
        })
    }
}

/// The validator that some peers use.
pub struct Simdutf8;

impl Contender for Simdutf8 {
    fn name(&self) -> &'static str {
        "simdutf8"
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        match *work {
            Work::Utf8 { len } => {
                Some(validating(len, |bytes| simdutf8::basic::from_utf8(bytes).is_ok()))
            }
            _ => None,
        }
    }
}

/// The standard library's validator.
pub struct Std;

impl Contender for Std {
    fn name(&self) -> &'static str {
        "core::str"
    }

    fn standing(&self) -> Standing {
        Standing::Reference
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        match *work {
            Work::Utf8 { len } => Some(validating(len, |bytes| std::str::from_utf8(bytes).is_ok())),
            _ => None,
        }
    }
}

/// Masking as RFC 6455 §5.3 writes it.
pub struct Naive;

impl Contender for Naive {
    fn name(&self) -> &'static str {
        "naive loop"
    }

    fn standing(&self) -> Standing {
        Standing::Reference
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        match *work {
            Work::Mask { len, alignment } => Some(masking(len, alignment, |data, key| {
                for (i, byte) in data.iter_mut().enumerate() {
                    *byte ^= key[i % 4];
                }
            })),
            _ => None,
        }
    }
}

/// A copy of as many bytes.
pub struct Memcpy;

impl Contender for Memcpy {
    fn name(&self) -> &'static str {
        "memcpy"
    }

    fn standing(&self) -> Standing {
        Standing::Reference
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        match *work {
            Work::Mask { len, alignment } => {
                // What a masker leaves, so that it is seen to have been written.
                let source: Vec<u8> = vec![0; len];
                Some(masking(len, alignment, move |data, _| {
                    data.copy_from_slice(black_box(&source));
                }))
            }
            _ => None,
        }
    }
}
