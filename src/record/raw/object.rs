//! Records of calls on an object in a bucket, and what they say besides the object's name.
//!
//! In a busy bucket nearly every call names an object that was never met before, and says nothing else that is new: the name
//! stands in `requestParameters.key` and at the end of one ARN of `resources`, and around both lies what other calls said.

use super::cut::Syntax;
use super::members::Span;
use super::{RawKey, RawRecord, Seeds};

/// A record about one object.
#[derive(Clone, Copy, Debug)]
pub struct RawObject<'t> {
    /// `requestParameters.key`: letters, digits and marks that mean nothing in ARNs, patterns, paths of parameters and JSON.
    pub key: &'t str,
    /// The first ARN of `resources` that ends in a slash and the key.
    pub arn: &'t str,
    /// Stands for everything else, as written, that [`RawRecord::call_key`] stands for: without the key, and without it at the end of
    /// the ARN.
    pub rest: RawKey,
}

/// Bytes of a key; longer ones are left to those who parse.
const LONGEST: usize = 512;
/// Elements of `resources` that are looked at: the object stands first, as a rule.
const MOST_RESOURCES: usize = 8;

impl<'t> RawRecord<'t> {
    /// What the record says besides the name of an object, if it names one and that name is plain.
    pub fn object(&self, seeds: &Seeds) -> Option<RawObject<'t>> {
        let (text, spans) = (self.text, self.spans);
        if spans.is_odd || spans.is_long || spans.resources.start == spans.resources.end {
            return None;
        }
        let place = member(text, spans.request, b"key")?;
        let key = plain_key(place.of(text))?;
        let place_of_arn = arn_ending_in(text, spans.resources, key.as_bytes())?;
        let arn = std::str::from_utf8(place_of_arn.of(text)).ok().filter(|arn| !arn.contains('\\'))?;
        let end_of_arn = Span { start: place_of_arn.end - (place.end - place.start), ..place_of_arn };
        let mut holes = [place, end_of_arn];
        holes.sort_unstable_by_key(|hole| hole.start);
        let is_key_first = holes.first().is_some_and(|first| first.start == place.start);
        let mut rest = spans.rest_key.then(RawKey::of(u64::from(is_key_first)));
        let mut n_found = 0;
        for run in spans.calls.iter().filter(|run| run.is_holder).map(|run| run.span) {
            let mut start = run.start;
            for hole in holes.iter().filter(|hole| run.start <= hole.start && hole.end <= run.end) {
                rest = rest.then(seeds.key(Span { start, end: hole.start }.of(text)));
                start = hole.end;
                n_found += 1;
            }
            rest = rest.then(seeds.key(Span { start, end: run.end }.of(text)));
        }
        (n_found == holes.len()).then_some(RawObject { key, arn, rest })
    }
}

/// Where the text that is a member's value stands, without its quotes, in an object that was cut before.
fn member(text: &[u8], object: Span, wanted: &[u8]) -> Option<Span> {
    let mut syntax = Syntax::within(text, object)?;
    syntax.expect(b'{')?;
    loop {
        syntax.expect(b'"')?;
        let name = syntax.key()?;
        syntax.expect(b':')?;
        let value = syntax.value()?;
        if name == wanted {
            let is_text = value.of(text).first() == Some(&b'"');
            return is_text.then_some(Span { start: value.start + 1, end: value.end - 1 });
        }
        if syntax.token()? != b',' {
            return None;
        }
    }
}

/// Where the first ARN stands that ends in a slash and this, in a list that was cut before.
fn arn_ending_in(text: &[u8], list: Span, end: &[u8]) -> Option<Span> {
    let mut syntax = Syntax::within(text, list)?;
    syntax.expect(b'[')?;
    for _ in 0..MOST_RESOURCES {
        let element = syntax.value()?;
        let found = member(text, element, b"ARN").filter(|place| {
            let head = place.of(text).strip_suffix(end);
            head.is_some_and(|head| head.starts_with(b"arn:") && head.ends_with(b"/"))
        });
        if found.is_some() {
            return found;
        }
        if syntax.token()? != b',' {
            return None;
        }
    }
    None
}

/// By byte: whether it means nothing in ARNs, patterns and JSON.
#[expect(clippy::indexing_slicing, reason = "looked at when this is compiled")]
const IS_PLAIN: [bool; 256] = {
    let mut is_plain = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        is_plain[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'/' | b'_' | b'.' | b'=' | b'-' | b'+' | b',' | b'@');
        byte += 1;
    }
    is_plain
};

/// The name of an object that says nothing but itself, wherever it is put.
fn plain_key(key: &[u8]) -> Option<&str> {
    // What begins like this may be taken for an ARN, for a path, or for a value that CloudTrail left out.
    let is_told = [&b"/"[..], b"arn", b"HIDDEN_"].iter().any(|start| key.starts_with(start));
    let is_plain = |all, byte: &u8| all & IS_PLAIN.get(*byte as usize).copied().unwrap_or_default();
    let is_plain = !key.is_empty() && key.len() <= LONGEST && !is_told && key.iter().fold(true, is_plain);
    if is_plain { std::str::from_utf8(key).ok() } else { None }
}
