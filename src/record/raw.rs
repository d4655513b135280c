//! Records as they lie in the text: cut out and compared, without parsing what is in them.
//!
//! Most records of an account repeat a call made before by a session seen before; their id and time are all that is new. So
//! what a record says is known by keys of its bytes, and what has not been met before is parsed in full; nothing is ever
//! worked out from the raw text alone.

mod cut;
mod members;
mod object;
mod runs;
mod seeds;

use std::hash::{Hash, Hasher};

use cut::Syntax;
pub use cut::{Cutter, RawSpans};
use members::{Member, Span};
pub use object::RawObject;
pub use seeds::Seeds;

use crate::ident::Time;

/// Stands for bytes: made under a random seed of one [`Cutter`], so that nobody can write records which are taken for others,
/// and no accident does. Equal keys of one cutter stand for equal bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RawKey(u64, u64);

impl RawKey {
    /// The key of two things in this order.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        const ODD: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03];
        let mix = |own: u64, next: u64, odd: u64| (own.rotate_left(23) ^ next).wrapping_mul(odd);
        Self(mix(self.0, next.0, ODD[0]), mix(self.1, next.1, ODD[1]))
    }

    /// A number as a key, for [`RawKey::then`].
    pub fn of(number: u64) -> Self {
        Self(number, number.rotate_left(32))
    }

    /// A hash of it, which is as good as the key itself.
    pub fn short(self) -> u64 {
        self.0 ^ self.1.rotate_left(32)
    }
}

impl Hash for RawKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.short());
    }
}

/// A string without escapes.
fn plain(text: &[u8]) -> Option<&str> {
    let inner = text.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inner.contains(&b'\\') {
        return None;
    }
    std::str::from_utf8(inner).ok()
}

/// One record in its text.
#[derive(Clone, Copy, Debug)]
pub struct RawRecord<'t> {
    text: &'t [u8],
    spans: &'t RawSpans,
}

impl<'t> RawRecord<'t> {
    /// A record cut out by [`Cutter::cut`] from this text.
    pub fn new(text: &'t [u8], spans: &'t RawSpans) -> Self {
        Self { text, spans }
    }

    /// The record as it is written.
    pub fn whole(&self) -> &'t [u8] {
        self.spans.whole.of(self.text)
    }

    /// `eventID`.
    pub fn id(&self) -> Option<&'t str> {
        plain(self.spans.id.of(self.text)).filter(|id| !id.is_empty())
    }

    /// `eventID` as written, without its quotes; empty when it is no string.
    pub fn id_text(&self) -> &'t [u8] {
        let id = self.spans.id.of(self.text).strip_prefix(b"\"");
        id.and_then(|id| id.strip_suffix(b"\"")).unwrap_or_default()
    }

    /// `eventTime`, as written.
    pub fn time_text(&self) -> &'t [u8] {
        self.spans.time.of(self.text)
    }

    /// `eventTime`.
    pub fn time(&self) -> Option<Time> {
        plain(self.time_text())?.parse().ok()
    }

    /// `sharedEventID`, or that there is none; `None` when it is not plain text.
    pub fn shared_id(&self) -> Option<Option<&'t str>> {
        match self.spans.shared.of(self.text) {
            b"" | b"null" | b"\"\"" => Some(None),
            text => plain(text).map(Some),
        }
    }

    /// `eventSource` and `eventName`.
    pub fn api(&self) -> Option<(&'t str, &'t str)> {
        let [source, name] = Syntax::find(self.whole(), [Member::Source, Member::Name])?;
        Some((plain(source.of(self.whole()))?, plain(name.of(self.whole()))?))
    }

    /// Whether it corrects or completes another delivery.
    pub fn has_addendum(&self) -> bool {
        self.spans.has_addendum
    }

    /// Whether the source is one of those whose calls are about the caller: IAM, and whoever issues credentials.
    pub fn is_about_its_caller(&self) -> bool {
        self.spans.is_about_its_caller
    }

    /// `userAgent` with its name, as written.
    pub fn user_agent(&self) -> &'t [u8] {
        self.spans.agent.of(self.text)
    }

    /// Stands for `userAgent` as written.
    pub fn agent_key(&self) -> RawKey {
        self.spans.agent_key
    }

    /// Stands for `userIdentity` as written.
    pub fn caller_key(&self) -> RawKey {
        self.spans.caller_key
    }

    /// Stands for everything, as written, that an event's call and its outcome are made from besides the caller. Equal keys say
    /// the same; the same may be said under unequal ones.
    pub fn call_key(&self) -> RawKey {
        self.spans.call_key
    }

    /// Writes the record without what is never looked at and long.
    pub fn write_kept(&self, into: &mut Vec<u8>) {
        let RawSpans { whole, additional, .. } = *self.spans;
        let mut start = whole.start;
        // With the comma behind it, if there is one.
        let is_inner = additional.start < additional.end && additional.end < whole.end;
        if is_inner && self.text.get(additional.end as usize) == Some(&b',') {
            into.extend_from_slice(Span { start, end: additional.start }.of(self.text));
            start = additional.end + 1;
        }
        into.extend_from_slice(Span { start, end: whole.end }.of(self.text));
    }

    /// Writes of the record what tells the event and its call, and nothing else: neither the caller nor the program.
    pub fn write_call(&self, into: &mut Vec<u8>) {
        let spans = self.spans;
        if spans.is_long || spans.has_addendum {
            return self.write_kept(into);
        }
        let mut before: &[u8] = b"{";
        let mut add = |parts: [&[u8]; 2], into: &mut Vec<u8>| {
            if parts.iter().any(|part| !part.is_empty()) {
                into.extend_from_slice(std::mem::replace(&mut before, b","));
                parts.iter().for_each(|part| into.extend_from_slice(part));
            }
        };
        let members: [(&[u8], Span); 3] = [
            (b"\"eventID\":", spans.id),
            (b"\"eventTime\":", spans.time),
            (b"\"sharedEventID\":", spans.shared),
        ];
        for (name, value) in members.into_iter().filter(|(_, value)| value.end > 0) {
            add([name, value.of(self.text)], into);
        }
        for run in spans.calls.iter().map(|run| run.span) {
            // What is told of the connection comes last, as a rule.
            let has_tls = spans.tls.start >= run.start && spans.tls.end == run.end;
            let end = if has_tls { spans.tls.start } else { run.end };
            let run = Span { start: run.start, end }.of(self.text).trim_ascii_end();
            add([run.strip_suffix(b",").unwrap_or(run), b""], into);
        }
        into.push(b'}');
    }
}
