//! Text and masks, against their plain twins.

use sansocket::mask::{advance, apply, copy};
use sansocket::utf8::Decoder;

use super::script::{Script, pieces};

/// Any bytes in any pieces: the verdict and the text of
/// `core::str::from_utf8`, and no byte later than it can be known.
pub fn utf8(data: &[u8]) {
    let mut script = Script::new(data);
    let cuts = script.cuts();
    let bytes = script.rest();
    let whole = decode(&[bytes]);
    assert_eq!(decode(&pieces(bytes, cuts)), whole);
    assert_eq!(decode(&bytes.chunks(1).collect::<Vec<_>>()), whole);
    match (whole, core::str::from_utf8(bytes)) {
        (Ok((text, complete)), Ok(expected)) => assert!(complete && text == expected),
        // A character is cut at the end.
        (Ok((text, complete)), Err(error)) => {
            assert!(!complete && error.error_len().is_none());
            assert_eq!(text.len(), error.valid_up_to());
        }
        (Err(offset), Err(error)) => {
            let cannot_go_on = |end: usize| {
                core::str::from_utf8(&bytes[..end]).is_err_and(|e| e.error_len().is_some())
            };
            assert!((error.valid_up_to()..error.valid_up_to() + 4).contains(&offset));
            assert!(cannot_go_on(offset + 1) && !cannot_go_on(offset));
        }
        (Err(offset), Ok(_)) => panic!("good text refused at byte {offset}"),
    }
}

/// The text and whether it ends with a whole character, or where it is wrong.
fn decode(pieces: &[&[u8]]) -> Result<(String, bool), usize> {
    let mut decoder = Decoder::new();
    let mut text = String::new();
    let mut before = 0;
    for piece in pieces {
        let decoded = decoder.decode(piece).map_err(|error| before + error.offset)?;
        text.extend(decoded.completed);
        text.push_str(decoded.text);
        before += piece.len();
    }
    Ok((text, decoder.is_complete()))
}

/// Any key, bytes, alignment and cuts: the same as byte by byte.
pub fn mask(data: &[u8]) {
    let mut script = Script::new(data);
    let key = [script.byte(), script.byte(), script.byte(), script.byte()];
    let start = usize::from(script.byte() % 64);
    // A short input many times over, for lengths that fast paths are made for.
    let times = usize::from(script.byte()) + 1;
    let cuts = script.cuts();
    let bytes = script.rest();
    let plain = bytes.repeat(times.min(1 + (1 << 16) / (bytes.len() + 1)));
    let masked: Vec<u8> = plain.iter().zip(key.iter().cycle()).map(|(byte, k)| byte ^ k).collect();

    // In place, with something before and behind that must not be touched.
    let mut place = vec![0xA5; start + plain.len() + 64];
    place[start..][..plain.len()].copy_from_slice(&plain);
    apply(&mut place[start..][..plain.len()], key);
    assert_eq!(place[start..][..plain.len()], masked);
    assert!(place[..start].iter().chain(&place[start + plain.len()..]).all(|byte| *byte == 0xA5));

    place.fill(0xA5);
    copy(&plain, &mut place[start..][..plain.len()], key);
    assert_eq!(place[start..][..plain.len()], masked);
    assert!(place[..start].iter().chain(&place[start + plain.len()..]).all(|byte| *byte == 0xA5));

    let mut turned = key;
    let mut joined = Vec::new();
    for piece in pieces(&plain, cuts) {
        let mut piece = piece.to_vec();
        apply(&mut piece, turned);
        turned = advance(turned, piece.len());
        joined.extend(piece);
    }
    assert_eq!(joined, masked);
}
