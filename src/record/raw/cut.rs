//! Cuts a text at its brackets and quotes.

use super::RawKey;
use super::members::{Class, Member, N_NAMED, Span};
use super::runs::{NONE, Runs, Told};

/// Where one record is, and what it is known by.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawSpans {
    pub(super) whole: Span,
    pub(super) id: Span,
    pub(super) time: Span,
    pub(super) shared: Span,
    /// The last of these members, with their names; there is one, as a rule.
    pub(super) agent: Span,
    pub(super) additional: Span,
    /// The values of `requestParameters` and `resources`, where they were cut and not met before.
    pub(super) request: Span,
    pub(super) resources: Span,
    /// One of the two stands there twice, or in a run that was met before.
    pub(super) is_odd: bool,
    /// `tlsDetails` with its name, where it was cut.
    pub(super) tls: Span,
    /// The runs that say what was called, in their order, as far as there is room; as a rule there are three or four.
    pub(super) calls: [CallRun; MOST_CALL_RUNS],
    /// There was no more room for one.
    pub(super) is_long: bool,
    pub(super) has_addendum: bool,
    pub(super) is_about_its_caller: bool,
    pub(super) caller_key: RawKey,
    pub(super) agent_key: RawKey,
    pub(super) call_key: RawKey,
    /// What [`Self::call_key`] is made of, without the runs that hold `requestParameters` or `resources`.
    pub(super) rest_key: RawKey,
}

/// Runs of one record that are told apart.
const MOST_CALL_RUNS: usize = 5;

/// A run that says what was called.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CallRun {
    pub(super) span: Span,
    /// It holds `requestParameters` or `resources`.
    pub(super) is_holder: bool,
}

/// Cuts one object after another into its records; what repeats from object to object is compared instead.
#[derive(Clone, Debug)]
pub struct Cutter {
    depth: usize,
    runs: Runs,
    /// By member: the one that followed it last time.
    after: [Member; N_NAMED + 1],
}

impl Cutter {
    /// `depth` caps the nesting.
    pub fn new(depth: usize) -> Self {
        Self { depth, runs: Runs::default(), after: std::array::from_fn(Member::usual_after) }
    }

    /// Cuts `{"Records":[{…},…]}` into its records; `None` when the text is anything else, or when a bracket or quote is
    /// missing.
    ///
    /// What lies between brackets and quotes is not looked at.
    pub fn cut(&mut self, text: &[u8], into: &mut Vec<RawSpans>) -> Option<()> {
        into.clear();
        let mut syntax = Syntax { text, at: 0, depth: self.depth };
        syntax.expect(b'{')?;
        syntax.expect(b'"')?;
        if syntax.key()? != b"Records" {
            return None;
        }
        syntax.expect(b':')?;
        syntax.expect(b'[')?;
        loop {
            into.push(RawSpans::default());
            self.record(&mut syntax, into.last_mut()?)?;
            match syntax.token()? {
                b',' => {}
                b']' => break,
                _ => return None,
            }
            // Records of nothing would make a small text a large list.
            if into.len() > 1_000 + text.len() / 64 {
                return None;
            }
        }
        syntax.expect(b'}')?;
        syntax.blank();
        (syntax.at == text.len()).then_some(())
    }

    /// One record, from its opening bracket.
    fn record(&mut self, syntax: &mut Syntax<'_>, spans: &mut RawSpans) -> Option<()> {
        syntax.blank();
        let start = syntax.at;
        syntax.expect(b'{')?;
        let mut record = Open { spans, run: None, before: NONE };
        let mut last = Member::Other;
        loop {
            let guess = self.after(last);
            let may_be_known =
                record.run.is_none() && (guess == Member::Other || guess.class() != Class::Free);
            let known = may_be_known.then(|| self.runs.find(syntax.rest(), record.before)).flatten();
            let (first, end) = match known {
                Some((slot, length)) => {
                    let span = Span::new(syntax.at, syntax.at + length)?;
                    syntax.at += length;
                    self.known(&mut record, slot, span)
                }
                None => {
                    let member = self.member(&mut record, syntax, guess)?;
                    (member, member)
                }
            };
            self.follow(last, first);
            last = end;
            match syntax.token()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        self.close(&mut record, syntax.text);
        record.spans.whole = Span::new(start, syntax.at)?;
        Some(())
    }

    fn after(&self, member: Member) -> Member {
        self.after.get(member as usize).copied().unwrap_or_default()
    }

    fn follow(&mut self, member: Member, next: Member) {
        if let Some(place) = self.after.get_mut(member as usize) {
            *place = next;
        }
    }

    /// Takes in a run that is remembered; gives its first and its last member.
    fn known(&mut self, record: &mut Open<'_>, slot: u32, span: Span) -> (Member, Member) {
        let Some(run) = self.runs.get(slot) else { return (Member::Other, Member::Other) };
        let told = run.told;
        record.add(&told, span);
        record.spans.is_odd |= told.is_holder;
        self.runs.follows(record.before, slot);
        record.before = slot;
        told.members
    }

    /// One member, cut.
    fn member(&mut self, record: &mut Open<'_>, syntax: &mut Syntax<'_>, guess: Member) -> Option<Member> {
        syntax.blank();
        let start = syntax.at;
        let (member, value) = syntax.member(guess)?;
        let class = member.class();
        if record.run.as_ref().is_some_and(|run| run.class != class) {
            self.close(record, syntax.text);
        }
        let spans = &mut *record.spans;
        match member {
            Member::Id => spans.id = value,
            Member::Time => spans.time = value,
            Member::SharedId => spans.shared = value,
            Member::Additional => spans.additional = Span::new(start, syntax.at)?,
            Member::Tls => spans.tls = Span::new(start, syntax.at)?,
            Member::Request => spans.is_odd |= std::mem::replace(&mut spans.request, value).end > 0,
            Member::Resources => spans.is_odd |= std::mem::replace(&mut spans.resources, value).end > 0,
            Member::Addendum => spans.has_addendum = value.of(syntax.text) != b"null",
            _ => {}
        }
        if class != Class::Free {
            let whole = Span::new(start, syntax.at)?;
            let run = record.run.get_or_insert(OpenRun {
                class,
                span: whole,
                members: (member, member),
                is_about_its_caller: None,
                is_holder: false,
            });
            run.span.end = whole.end;
            run.members.1 = member;
            run.is_holder |= matches!(member, Member::Request | Member::Resources);
            if member == Member::Source {
                run.is_about_its_caller = Some(is_about_its_caller(value.of(syntax.text)));
            }
        }
        Some(member)
    }

    /// Ends the run that is being cut.
    fn close(&mut self, record: &mut Open<'_>, text: &[u8]) {
        let Some(OpenRun { class, span, members, is_about_its_caller, is_holder }) = record.run.take() else {
            return;
        };
        let run = span.of(text);
        let told = Told { class, key: self.runs.key(run), is_about_its_caller, is_holder, members };
        record.add(&told, span);
        let slot = self.runs.put(run, told);
        self.runs.follows(record.before, slot);
        record.before = slot;
    }
}

/// A record that is being cut.
struct Open<'s> {
    spans: &'s mut RawSpans,
    run: Option<OpenRun>,
    /// Place of the last run.
    before: u32,
}

/// Members of one class that are being cut.
struct OpenRun {
    class: Class,
    span: Span,
    members: (Member, Member),
    is_about_its_caller: Option<bool>,
    /// It holds `requestParameters` or `resources`.
    is_holder: bool,
}

impl Open<'_> {
    fn add(&mut self, told: &Told, span: Span) {
        let Told { class, key, is_about_its_caller, is_holder, .. } = *told;
        let spans = &mut *self.spans;
        spans.is_about_its_caller = is_about_its_caller.unwrap_or(spans.is_about_its_caller);
        match class {
            Class::Caller => spans.caller_key = spans.caller_key.then(key),
            Class::Agent => {
                spans.agent_key = spans.agent_key.then(key);
                spans.agent = span;
            }
            Class::Call => {
                spans.call_key = spans.call_key.then(key);
                match spans.calls.iter_mut().find(|run| run.span.end == 0) {
                    Some(run) => *run = CallRun { span, is_holder },
                    None => spans.is_long = true,
                }
                // A holder's place among the others.
                let key = if is_holder { RawKey::of(1) } else { key };
                spans.rest_key = spans.rest_key.then(key);
            }
            Class::Free => {}
        }
    }
}

/// Of the value of `eventSource`; see [`super::RawRecord::is_about_its_caller`].
fn is_about_its_caller(source: &[u8]) -> bool {
    const SOURCES: [&[u8]; 4] = [b"\"iam.", b"\"sts.", b"\"rolesanywhere.", b"\"eks-auth."];
    SOURCES.iter().any(|own| source.starts_with(own)) || source.contains(&b'\\')
}

/// Bytes of a text that are looked at eight at a time before many at once are.
const NEAR: usize = 64;

/// Where the first quote or backslash is, if there is one in the first bytes.
fn near_end(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    // The lowest byte that is marked is nothing; what is above it may be marked wrongly.
    let nothing = |word: u64| word.wrapping_sub(ONES) & !word;
    let (words, _) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate().take(NEAR / 8) {
        let word = u64::from_le_bytes(*word);
        let marks =
            nothing(word ^ u64::from_le_bytes([b'"'; 8])) | nothing(word ^ u64::from_le_bytes([b'\\'; 8]));
        let marks = marks & TOPS;
        if marks != 0 {
            return Some(number * 8 + marks.trailing_zeros() as usize / 8);
        }
    }
    None
}

/// A place in a text that is taken for JSON.
pub(super) struct Syntax<'t> {
    text: &'t [u8],
    at: usize,
    depth: usize,
}

impl<'t> Syntax<'t> {
    /// The values of some members of a record that was cut before; empty where there is none.
    pub(super) fn find<const N: usize>(record: &[u8], wanted: [Member; N]) -> Option<[Span; N]> {
        let mut syntax = Syntax { text: record, at: 0, depth: usize::MAX };
        let mut found = [Span::default(); N];
        syntax.expect(b'{')?;
        let mut last = Member::Other;
        loop {
            let (member, value) = syntax.member(last.usual_next())?;
            last = member;
            for (span, _) in found.iter_mut().zip(wanted).filter(|(_, wanted)| *wanted == member) {
                *span = value;
            }
            match syntax.token()? {
                b',' => {}
                b'}' => return Some(found),
                _ => return None,
            }
        }
    }

    /// A part of a text that was cut before. Places are those of the whole text.
    pub(super) fn within(text: &'t [u8], part: Span) -> Option<Self> {
        let text = text.get(..part.end as usize)?;
        Some(Syntax { text, at: part.start as usize, depth: usize::MAX })
    }

    fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    /// The next byte that is no blank.
    pub(super) fn token(&mut self) -> Option<u8> {
        self.blank();
        let byte = self.text.get(self.at).copied();
        self.at += 1;
        byte
    }

    pub(super) fn expect(&mut self, byte: u8) -> Option<()> {
        (self.token()? == byte).then_some(())
    }

    /// Behind an opening quote: the text up to the closing one.
    pub(super) fn key(&mut self) -> Option<&'t [u8]> {
        let start = self.at;
        self.string()?;
        self.text.get(start..self.at - 1)
    }

    /// From behind an opening quote to behind the closing one.
    fn string(&mut self) -> Option<()> {
        loop {
            let rest = self.text.get(self.at..)?;
            // Most texts are short: what would look at many bytes at once has hardly begun when they end.
            let found = match near_end(rest) {
                Some(found) => found,
                None => memchr::memchr2(b'"', b'\\', rest)?,
            };
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
    pub(super) fn value(&mut self) -> Option<Span> {
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

    /// A member, of which there is a guess, and its value.
    fn member(&mut self, guess: Member) -> Option<(Member, Span)> {
        // A text as value, and no blanks, is how nearly all are written.
        if let Some(opening) = guess.opening()
            && self.rest().starts_with(opening)
        {
            self.at += opening.len();
            let start = self.at - 1;
            self.string()?;
            return Some((guess, Span::new(start, self.at)?));
        }
        self.expect(b'"')?;
        let member = self.name(guess)?;
        self.expect(b':')?;
        Some((member, self.value()?))
    }

    /// Behind an opening quote: the member's name.
    fn name(&mut self, guess: Member) -> Option<Member> {
        if let Some(name) = guess.name() {
            let rest = self.rest();
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
    use super::{NEAR, near_end};

    #[test]
    fn the_first_quote_or_backslash_is_found() {
        let others = [b'a', 0, b'!', b'#', b'[', b']', 0xff, 0x80, 0xa2, 0xdc];
        for place in 0..NEAR {
            for other in others {
                for mark in [b'"', b'\\'] {
                    let mut bytes = [other; NEAR];
                    assert_eq!(near_end(&bytes), None, "{other}");
                    bytes[place..].fill(mark);
                    assert_eq!(near_end(&bytes), Some(place), "{other} {mark}");
                    bytes[place + 1..].fill(other);
                    assert_eq!(near_end(&bytes), Some(place), "{other} {mark}");
                }
            }
        }
    }
}
