//! One object: bytes in, records out, and what is to be said about it.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::{AtomicU32, Ordering};

use simd_json::{Buffers, Tape};

use super::container::{Found, Parser, Reader, parse_in_place};
use super::decode::{Decoder, GZIP, LARGE};
use super::feed::{Arrival, ObjectRef, why_skip};
use super::pipeline::{DigestFile, Fate, Issue, Outcome, Run, Trouble};
use super::source::Object;
use super::stream;
use super::{Collect, LogKey, LogKind};
use crate::integrity::{FileHours, sha256};
use crate::record::{Cutter, RawSpans, RecordError};

/// A worker: its collector, its buffers, and its part of the result.
pub(super) struct Worker<'r, C> {
    pub(super) collector: C,
    run: &'r Run<'r>,
    /// The next object's number.
    numbers: &'r AtomicU32,
    number: Option<u32>,
    raw: Vec<u8>,
    decoder: Decoder,
    buffers: Buffers,
    tape: Tape<'static>,
    spare: Vec<Parser>,
    cutter: Cutter,
    records: Vec<RawSpans>,
    /// Hash and metadata of the object at hand.
    sha256: Option<[u8; 32]>,
    metadata: Vec<(String, String)>,
    pub(super) n_read: u64,
    pub(super) n_failed: u64,
    pub(super) skipped: BTreeMap<&'static str, u64>,
    pub(super) skipped_records: BTreeMap<&'static str, u64>,
    pub(super) malformed: BTreeMap<RecordError, u64>,
    pub(super) issues: Vec<Issue>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) files: FileHours,
}

impl<'r, C: Collect> Worker<'r, C> {
    /// Gives back what reading takes, when nothing more is to be read.
    pub(super) fn let_go(&mut self) {
        let depth = self.run.limits.depth;
        self.raw = Vec::new();
        self.decoder = Decoder::new();
        self.buffers = Buffers::with_max_depth(0, depth);
        self.tape = Tape(Vec::new());
        self.spare = Vec::new();
        self.cutter = Cutter::new(depth);
        self.records = Vec::new();
        self.collector.done();
    }

    pub(super) fn new(collector: C, run: &'r Run<'r>, numbers: &'r AtomicU32) -> Self {
        Self {
            collector,
            run,
            numbers,
            number: None,
            raw: Vec::new(),
            decoder: Decoder::new(),
            buffers: Buffers::with_max_depth(0, run.limits.depth),
            tape: Tape(Vec::new()),
            spare: Vec::new(),
            cutter: Cutter::new(run.limits.depth),
            records: Vec::new(),
            sha256: None,
            metadata: Vec::new(),
            n_read: 0,
            n_failed: 0,
            skipped: BTreeMap::new(),
            skipped_records: BTreeMap::new(),
            malformed: BTreeMap::new(),
            issues: Vec::new(),
            outcomes: Vec::new(),
            files: FileHours::default(),
        }
    }

    /// Reads one local object; gives its size and the number of its records.
    pub(super) fn object(&mut self, object: &Object) -> (u64, u64) {
        self.raw.clear();
        if let Some(kind) = object.skip.or_else(|| why_skip(&object.about, self.run)) {
            return self.done(&object.about, Fate::Skipped(kind), Found::default(), Vec::new());
        }
        let most = self.run.limits.object_bytes as u64;
        // One byte more than allowed tells that there is more.
        let fetched = object.open().and_then(|file| file.take(most + 1).read_to_end(&mut self.raw));
        if let Err(error) = fetched {
            let trouble = Trouble { kind: "fetch-failed", detail: error.to_string() };
            return self.done(&object.about, Fate::Failed, Found::default(), vec![trouble]);
        }
        self.whole(&object.about, object.is_expected)
    }

    /// Reads one object that a source fetched, or failed to; gives the same.
    pub(super) fn arrival(&mut self, arrival: Arrival) -> (u64, u64) {
        let Arrival { mut object, fetched } = arrival;
        self.raw.clear();
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(error) => {
                let trouble = Trouble { kind: error.kind, detail: error.detail };
                return self.done(&object, Fate::Failed, Found::default(), vec![trouble]);
            }
        };
        self.raw = fetched.bytes;
        self.metadata = fetched.metadata;
        if fetched.etag.is_some() {
            object.etag = fetched.etag;
        }
        object.size = Some(self.raw.len() as u64);
        let is_expected = LogKey::parse(&object.name).is_some();
        let done = self.whole(&object, is_expected);
        self.raw = Vec::new();
        self.metadata = Vec::new();
        drop(fetched.guard);
        done
    }

    /// Reads the object whose bytes are in `self.raw`.
    fn whole(&mut self, about: &ObjectRef, is_expected: bool) -> (u64, u64) {
        let mut found = Found::default();
        let mut troubles = Vec::new();
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.number = Some(number);
        self.collector.begin_object(number);
        let is_digest = LogKey::parse(&about.name).is_some_and(|key| key.kind == LogKind::Digest);
        let fate = if is_digest {
            self.digest(about);
            Fate::Skipped("digest")
        } else {
            self.read(about, is_expected, &mut found, &mut troubles)
        };
        self.done(about, fate, found, troubles)
    }

    /// Hands a digest file on.
    fn digest(&mut self, about: &ObjectRef) {
        let Some(take) = self.run.digests else { return };
        let (text, length, trouble) = self.decoder.decode(&self.raw, self.run.limits.object_bytes);
        let text = match trouble {
            Some(trouble) => Err(format!("{}: {}", trouble.kind, trouble.detail)),
            None => Ok(text.get(..length).unwrap_or_default().to_vec()),
        };
        take(DigestFile { object: about.clone(), text, metadata: std::mem::take(&mut self.metadata) });
    }

    /// Writes down what became of an object.
    fn done(&mut self, about: &ObjectRef, fate: Fate, found: Found, troubles: Vec<Trouble>) -> (u64, u64) {
        match fate {
            Fate::Read => {
                self.n_read += 1;
                self.files.see(&about.name);
            }
            Fate::Failed => self.n_failed += 1,
            Fate::Skipped(kind) => *self.skipped.entry(kind).or_default() += 1,
        }
        let sha256 = self.sha256.take();
        let number = self.number.take();
        let is_skipped = matches!(fate, Fate::Skipped(_));
        if self.run.outcomes && fate != Fate::Skipped(super::feed::ALREADY_READ) {
            let issue = troubles.first().filter(|_| !is_skipped).map(|trouble| trouble.kind);
            self.outcomes.push(Outcome {
                object: about.clone(),
                fate,
                records: found.records,
                events: found.events,
                issue,
                sha256,
                malformed: found.malformed.values().sum(),
                skipped: found.skipped.clone(),
                number,
            });
        }
        if !is_skipped {
            self.issues.extend(troubles.into_iter().map(|trouble| Issue {
                object: about.name.clone(),
                kind: trouble.kind,
                detail: trouble.detail,
                events_read: found.events,
            }));
        }
        let bytes = self.raw.len() as u64;
        if self.raw.capacity() > LARGE || self.tape.0.capacity() > LARGE / size_of::<simd_json::Node<'_>>() {
            self.raw = Vec::new();
            self.tape = Tape(Vec::new());
            self.buffers = Buffers::with_max_depth(0, self.run.limits.depth);
            self.spare = Vec::new();
            self.records = Vec::new();
        }
        add(&mut self.skipped_records, found.skipped);
        add(&mut self.malformed, found.malformed);
        (bytes, found.records)
    }

    fn read(
        &mut self,
        about: &ObjectRef,
        is_expected: bool,
        found: &mut Found,
        troubles: &mut Vec<Trouble>,
    ) -> Fate {
        let most = self.run.limits.object_bytes;
        if self.run.only_hashes {
            let (text, length, trouble) = self.decoder.decode(&self.raw, most);
            if let Some(trouble) = trouble {
                troubles.push(trouble);
                return Fate::Failed;
            }
            self.sha256 = Some(sha256(text.get(..length).unwrap_or_default()));
            return Fate::Read;
        }
        let is_gzip = self.raw.starts_with(&GZIP);
        let is_json = self.parse(most, found, troubles);
        if found.records > 0 || (troubles.is_empty() && found.empty_logs > 0) {
            return Fate::Read;
        }
        if found.digests > 0 {
            self.digest(about);
            return Fate::Skipped("digest");
        }
        // Whatever is beside the logs in a folder is no failure; what should be a log and is none, is.
        // A name that promises compressed or JSON text is a promise; sound JSON without records is something else, though.
        let promises = [".gz", ".json"].iter().any(|suffix| about.name.ends_with(suffix)) && !is_json;
        let is_log = is_expected || promises || (is_gzip && !troubles.is_empty()) || self.raw.is_empty();
        if !is_log && !is_json {
            return Fate::Skipped("not-a-log");
        }
        if troubles.is_empty() {
            if !is_log {
                return Fate::Skipped("not-a-log");
            }
            troubles.push(Trouble { kind: "no-records", detail: "no CloudTrail record inside".to_owned() });
        }
        if !is_gzip && !self.raw.is_empty() && about.name.ends_with(".gz") && !is_json {
            troubles.clear();
            let detail = "the name ends in `.gz`, the content is neither gzip nor JSON".to_owned();
            troubles.push(Trouble { kind: "not-gzip", detail });
        }
        Fate::Failed
    }

    /// Decodes and reads `self.raw`; whether the text at least begins like JSON.
    fn parse(&mut self, most: usize, found: &mut Found, troubles: &mut Vec<Trouble>) -> bool {
        let Self {
            collector, run, raw, decoder, buffers, tape, spare, cutter, records, sha256: hash, ..
        } = self;
        let limits = run.limits;
        let mut reader = Reader { collector, found, spare, depth: limits.depth, n_done: 0 };
        let (text, length, trouble) = decoder.decode(raw, most);
        let is_whole = trouble.is_none();
        troubles.extend(trouble);
        if run.hashes && is_whole {
            *hash = Some(sha256(text.get(..length).unwrap_or_default()));
        }
        let mark = usize::from(text.starts_with(b"\xef\xbb\xbf")) * 3;
        let (text, length) = (text.get_mut(mark..).unwrap_or_default(), length.saturating_sub(mark));
        let content = text.get(..length).unwrap_or_default().trim_ascii();
        if content.is_empty() {
            if is_whole {
                troubles.push(Trouble { kind: "empty", detail: "the object holds nothing".to_owned() });
            }
            return false;
        }
        let is_json = matches!(content.first(), Some(b'{' | b'['));
        if is_json && is_whole && limits.repeats && C::REPEATS {
            let is_list = cutter.cut(content, records).is_some();
            if is_list && simdutf8::basic::from_utf8(content).is_ok() {
                match reader.raw(content, records) {
                    Ok(()) => return true,
                    Err(n_done) => reader.n_done = n_done,
                }
            }
        }
        if is_json && is_whole && reader.n_done == 0 && !stream::is_lines(content) {
            let whole = parse_in_place(text, length, buffers, tape, |json| reader.top(json));
            if whole.is_ok() {
                return true;
            }
        }
        // The parser may have overwritten texts, so the broken or many-valued text is decoded once more.
        let (text, length, _) = decoder.decode(raw, most);
        let text = text.get(mark..length).unwrap_or_default();
        let mut parser = reader.spare.pop().unwrap_or_else(|| Parser::new(limits.depth));
        let broken = stream::read(text, &mut reader, &mut parser);
        reader.spare.push(parser);
        // A text that was cut off by us or by a broken stream breaks off, of course.
        troubles.extend(broken.filter(|_| is_whole));
        is_json || reader.found.records > 0
    }
}

/// Adds counters up.
pub(super) fn add<K: Ord>(into: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(key).or_default() += count;
    }
}
