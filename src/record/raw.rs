//! Records as they lie in the text: where each member is, found without parsing what is in it.
//!
//! Most records of an account repeat a call made before by a session seen before; their id and time are all that is new. So
//! the text is cut at its brackets and quotes only, and what a member holds is compared and hashed as bytes. What has not
//! been met before is parsed in full; nothing is ever worked out from the raw text alone.

use crate::ident::Time;

/// Members of a record that are told apart; all others are passed over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
enum Member {
    Identity,
    Time,
    Source,
    Name,
    Region,
    ErrorCode,
    ErrorMessage,
    Request,
    Response,
    Id,
    ReadOnly,
    Resources,
    Type,
    Management,
    Account,
    Category,
    SharedId,
    VpcEndpoint,
    Addendum,
    UserAgent,
    Other,
}

/// Number of members that are kept.
const N_KEPT: usize = Member::UserAgent as usize + 1;

/// The kept members and their names, in the order of their numbers.
const KEPT: [(Member, &str); N_KEPT] = [
    (Member::Identity, "userIdentity"),
    (Member::Time, "eventTime"),
    (Member::Source, "eventSource"),
    (Member::Name, "eventName"),
    (Member::Region, "awsRegion"),
    (Member::ErrorCode, "errorCode"),
    (Member::ErrorMessage, "errorMessage"),
    (Member::Request, "requestParameters"),
    (Member::Response, "responseElements"),
    (Member::Id, "eventID"),
    (Member::ReadOnly, "readOnly"),
    (Member::Resources, "resources"),
    (Member::Type, "eventType"),
    (Member::Management, "managementEvent"),
    (Member::Account, "recipientAccountId"),
    (Member::Category, "eventCategory"),
    (Member::SharedId, "sharedEventID"),
    (Member::VpcEndpoint, "vpcEndpointId"),
    (Member::Addendum, "addendum"),
    (Member::UserAgent, "userAgent"),
];

impl Member {
    fn of(key: &[u8]) -> Self {
        KEPT.iter().find(|(_, name)| name.as_bytes() == key).map_or(Self::Other, |(member, _)| *member)
    }
}

/// A part of a text that is shorter than 4 GB.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn new(start: usize, end: usize) -> Option<Self> {
        Some(Self { start: u32::try_from(start).ok()?, end: u32::try_from(end).ok()? })
    }

    fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// Where the members of one record are.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawSpans {
    whole: Span,
    members: [Span; N_KEPT],
}

/// One record in its text.
#[derive(Clone, Copy, Debug)]
pub struct RawRecord<'t> {
    text: &'t [u8],
    spans: &'t RawSpans,
}

impl<'t> RawRecord<'t> {
    /// A record cut out by [`cut`] from this text.
    pub fn new(text: &'t [u8], spans: &'t RawSpans) -> Self {
        Self { text, spans }
    }

    /// The record as it is written.
    pub fn whole(&self) -> &'t [u8] {
        self.spans.whole.of(self.text)
    }

    fn member(&self, member: Member) -> &'t [u8] {
        self.spans.members.get(member as usize).map_or(&[], |span| span.of(self.text))
    }

    /// A string member without escapes.
    fn string(&self, member: Member) -> Option<&'t str> {
        let inner = self.member(member).strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        if memchr::memchr(b'\\', inner).is_some() {
            return None;
        }
        std::str::from_utf8(inner).ok()
    }

    /// `eventID`.
    pub fn id(&self) -> Option<&'t str> {
        self.string(Member::Id).filter(|id| !id.is_empty())
    }

    /// `eventTime`.
    pub fn time(&self) -> Option<Time> {
        self.string(Member::Time)?.parse().ok()
    }

    /// `sharedEventID`, or that there is none; `None` when it is not plain text.
    pub fn shared_id(&self) -> Option<Option<&'t str>> {
        match self.member(Member::SharedId) {
            b"" | b"null" | b"\"\"" => Some(None),
            _ => self.string(Member::SharedId).map(Some),
        }
    }

    /// `eventSource` and `eventName`.
    pub fn api(&self) -> Option<(&'t str, &'t str)> {
        Some((self.string(Member::Source)?, self.string(Member::Name)?))
    }

    /// Whether it corrects or completes another delivery.
    pub fn has_addendum(&self) -> bool {
        !matches!(self.member(Member::Addendum), b"" | b"null")
    }

    /// Whether the source is one of those whose calls are about the caller: IAM, and whoever issues credentials.
    pub fn is_about_its_caller(&self) -> bool {
        const SOURCES: [&[u8]; 4] = [b"\"iam.", b"\"sts.", b"\"rolesanywhere.", b"\"eks-auth."];
        let source = self.member(Member::Source);
        SOURCES.iter().any(|own| source.starts_with(own)) || memchr::memchr(b'\\', source).is_some()
    }

    /// `userAgent`, as written.
    pub fn user_agent(&self) -> &'t [u8] {
        self.member(Member::UserAgent)
    }

    /// `userIdentity`, as written.
    pub fn identity(&self) -> &'t [u8] {
        self.member(Member::Identity)
    }

    /// Everything an event's call and its outcome are made from besides the caller, as written: pieces of the text, each with
    /// the number of the member it begins with. Equal pieces say the same; the same may be said by unequal ones.
    pub fn call(&self) -> impl Iterator<Item = (u8, &'t [u8])> {
        const MEMBERS: [Member; 14] = [
            Member::Source,
            Member::Name,
            Member::Region,
            Member::ErrorCode,
            Member::ErrorMessage,
            Member::Request,
            Member::Response,
            Member::ReadOnly,
            Member::Resources,
            Member::Type,
            Member::Management,
            Member::Account,
            Member::Category,
            Member::VpcEndpoint,
        ];
        // Nothing but the next member's name lies between two that are so close.
        const NEAR: u32 = 32;
        let spans = &self.spans.members;
        let mut left = MEMBERS.iter().filter_map(|member| {
            let span = *spans.get(*member as usize)?;
            (span.end > span.start).then_some((*member as u8, span))
        });
        let mut open = left.next();
        std::iter::from_fn(move || {
            let (first, mut piece) = open?;
            open = left.next();
            while let Some((_, next)) = open
                && next.start >= piece.end
                && next.start - piece.end < NEAR
            {
                piece.end = next.end;
                open = left.next();
            }
            Some((first, piece.of(self.text)))
        })
    }

    /// Writes the record with what is kept of it only: all that is ever looked at, in half the text; on demand without its
    /// caller.
    pub fn write_kept(&self, with_identity: bool, into: &mut Vec<u8>) {
        let mut separator = b'{';
        let first = if with_identity { Member::Identity } else { Member::Time } as usize;
        for ((_, name), span) in KEPT.iter().zip(&self.spans.members).skip(first) {
            let value = span.of(self.text);
            if value.is_empty() {
                continue;
            }
            into.push(separator);
            separator = b',';
            into.push(b'"');
            into.extend_from_slice(name.as_bytes());
            into.extend_from_slice(b"\":");
            into.extend_from_slice(value);
        }
        if separator == b'{' {
            into.push(separator);
        }
        into.push(b'}');
    }
}

/// Cuts `{"Records":[{…},…]}` into its records; `None` when the text is anything else, or when a bracket or quote is missing.
///
/// `depth` caps the nesting. What lies between brackets and quotes is not looked at.
pub fn cut(text: &[u8], depth: usize, into: &mut Vec<RawSpans>) -> Option<()> {
    into.clear();
    let mut cutter =
        Cutter { text, at: 0, depth, order: [(Member::Other, Span::default(), Span::default()); N_ORDER] };
    cutter.expect(b'{')?;
    cutter.expect(b'"')?;
    if cutter.key()? != b"Records" {
        return None;
    }
    cutter.expect(b':')?;
    cutter.expect(b'[')?;
    loop {
        into.push(cutter.record()?);
        match cutter.token()? {
            b',' => {}
            b']' => break,
            _ => return None,
        }
        // Records of nothing would make a small text a large list.
        if into.len() > 1_000 + text.len() / 64 {
            return None;
        }
    }
    cutter.expect(b'}')?;
    cutter.blank();
    (cutter.at == text.len()).then_some(())
}

/// Members a record may have before their order is no longer remembered.
const N_ORDER: usize = 40;

struct Cutter<'t> {
    text: &'t [u8],
    at: usize,
    depth: usize,
    /// The members of the last record in their order, for a guess at the next: what it was, and the place of the whole of it
    /// and of its value.
    order: [(Member, Span, Span); N_ORDER],
}

impl<'t> Cutter<'t> {
    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    /// The next byte that is no blank.
    fn token(&mut self) -> Option<u8> {
        self.blank();
        let byte = self.text.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.token()? == byte).then_some(())
    }

    /// Behind an opening quote: the text up to the closing one.
    fn key(&mut self) -> Option<&'t [u8]> {
        let start = self.at;
        self.string()?;
        self.text.get(start..self.at - 1)
    }

    /// From behind an opening quote to behind the closing one.
    fn string(&mut self) -> Option<()> {
        loop {
            let rest = self.text.get(self.at..)?;
            let found = memchr::memchr2(b'"', b'\\', rest)?;
            self.at += found + 1;
            if rest.get(found) == Some(&b'"') {
                return Some(());
            }
            self.at += 1;
        }
    }

    /// From behind an opening bracket to behind its closing one.
    fn container(&mut self) -> Option<()> {
        let mut depth = 1_usize;
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => self.string()?,
                b'{' | b'[' => {
                    depth += 1;
                    if depth + 3 > self.depth {
                        return None;
                    }
                }
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(());
                    }
                }
                _ => {}
            }
        }
    }

    /// A value.
    fn value(&mut self) -> Option<Span> {
        self.blank();
        let start = self.at;
        match self.text.get(start)? {
            b'"' => {
                self.at += 1;
                self.string()?;
            }
            b'{' | b'[' => {
                self.at += 1;
                self.container()?;
            }
            _ => {
                while !matches!(self.text.get(self.at)?, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r') {
                    self.at += 1;
                }
                if self.at == start {
                    return None;
                }
            }
        }
        Span::new(start, self.at)
    }

    /// One record, from its opening bracket.
    fn record(&mut self) -> Option<RawSpans> {
        self.blank();
        let start = self.at;
        self.expect(b'{')?;
        let mut spans = RawSpans::default();
        for place in 0.. {
            let (member, value) = match self.same(place) {
                Some(known) => known,
                None => self.new_member(place)?,
            };
            if let Some(slot) = spans.members.get_mut(member as usize) {
                *slot = value;
            }
            match self.token()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        spans.whole = Span::new(start, self.at)?;
        Some(spans)
    }

    /// A member that is the same, to the byte, as the one that was here in the record before.
    fn same(&mut self, place: usize) -> Option<(Member, Span)> {
        let (member, whole, value) = *self.order.get(place)?;
        let last = whole.of(self.text);
        let rest = self.text.get(self.at..)?;
        // A number could go on; everything else ends in its last byte.
        if last.is_empty() || !rest.starts_with(last) || !matches!(rest.get(last.len()), Some(b',' | b'}')) {
            return None;
        }
        let start = self.at + (value.start - whole.start) as usize;
        self.at += last.len();
        Some((member, Span::new(start, self.at)?))
    }

    fn new_member(&mut self, place: usize) -> Option<(Member, Span)> {
        self.expect(b'"')?;
        let start = self.at - 1;
        let member = self.member(place)?;
        self.expect(b':')?;
        let value = self.value()?;
        if let Some(slot) = self.order.get_mut(place) {
            *slot = (member, Span::new(start, self.at)?, value);
        }
        Some((member, value))
    }

    /// Behind an opening quote: the member's name, which is most often the one that was here in the record before.
    fn member(&mut self, place: usize) -> Option<Member> {
        let guess = self.order.get(place).map_or(Member::Other, |(member, ..)| *member);
        if let Some((_, name)) = KEPT.get(guess as usize) {
            let rest = self.text.get(self.at..)?;
            if rest.starts_with(name.as_bytes()) && rest.get(name.len()) == Some(&b'"') {
                self.at += name.len() + 1;
                return Some(guess);
            }
        }
        let key = self.key()?;
        // A name with escapes in it may be any.
        if key.contains(&b'\\') {
            return None;
        }
        Some(Member::of(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_where_their_numbers_say() {
        for (at, (member, name)) in KEPT.iter().enumerate() {
            assert_eq!(*member as usize, at, "{name}");
        }
    }
}
