//! Finds the records in a JSON value, whatever carried them.
//!
//! Known carriers: CloudTrail's own `{"Records": […]}`, arrays, single records, EventBridge (`detail`), `LookupEvents`
//! (`Events[].CloudTrailEvent`, a string), CloudWatch Logs subscriptions (`logEvents[].message`), SNS, SQS and other wrappers
//! whose message is a record. Strings inside a *record* are never looked into: what callers write there must not become
//! events.

use std::collections::BTreeMap;

use simd_json::{Buffers, Tape};

use super::Collect;
use super::key::LogKind;
use crate::record::{Category, Event, Json, RawRecord, RawSpans, RecordError};
use crate::usage::{Again, KnownCaller};

/// How deep carriers may lie in one another (SQS around SNS around a subscription …).
const DEEPEST_CARRIER: u8 = 6;

/// Members that hold a list of records or of carriers.
const LISTS: [&str; 4] = ["Records", "Events", "logEvents", "Messages"];
/// Members that hold one record or carrier, as JSON or as text.
const SINGLES: [&str; 9] =
    ["CloudTrailEvent", "detail", "message", "event", "_raw", "@message", "body", "eventjson", "Sns"];

/// What was found in one object.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Records given to the collector: events, malformed and skipped ones.
    pub(super) records: u64,
    /// Of these, events.
    pub(super) events: u64,
    /// Of these, records that are no events, by reason.
    pub(super) malformed: BTreeMap<RecordError, u64>,
    /// Of these, records passed over, by kind.
    pub(super) skipped: BTreeMap<&'static str, u64>,
    /// An empty list of records: a log in which nothing happened.
    pub(super) empty_logs: u64,
    /// Digest files.
    pub(super) digests: u64,
    /// Values in which there is no record.
    pub(super) others: u64,
}

/// Reads values and hands their records on.
pub(super) struct Reader<'r, C> {
    pub(super) collector: &'r mut C,
    pub(super) found: &'r mut Found,
    /// Buffers for JSON inside of strings.
    pub(super) spare: &'r mut Vec<Parser>,
    /// The cap on nesting.
    pub(super) depth: usize,
    /// Elements of a list read piece by piece that were read before.
    pub(super) n_done: usize,
}

/// Buffers for one text that is parsed apart.
pub(super) struct Parser {
    text: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
}

impl Parser {
    pub(super) fn new(depth: usize) -> Self {
        Self { text: Vec::new(), buffers: Buffers::with_max_depth(0, depth), tape: Tape(Vec::new()) }
    }

    /// Parses a copy of `text` and shows the value.
    pub(super) fn parse<T>(
        &mut self,
        text: &[u8],
        see: impl FnOnce(Json<'_>) -> T,
    ) -> Result<T, simd_json::Error> {
        self.parse_written(|into| into.extend_from_slice(text), see)
    }

    /// Parses what `write` writes and shows the value.
    fn parse_written<T>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>),
        see: impl FnOnce(Json<'_>) -> T,
    ) -> Result<T, simd_json::Error> {
        self.text.clear();
        write(&mut self.text);
        let length = self.text.len();
        self.text.resize(length + simd_json::INPUT_PADDING, b' ');
        parse_in_place(&mut self.text, length, &mut self.buffers, &mut self.tape, see)
    }
}

/// Parses `text[..length]`, which the parser may overwrite, with the padding after it.
pub(super) fn parse_in_place<T>(
    text: &mut [u8],
    length: usize,
    buffers: &mut Buffers,
    tape: &mut Tape<'static>,
    see: impl FnOnce(Json<'_>) -> T,
) -> Result<T, simd_json::Error> {
    let mut nodes = std::mem::replace(tape, Tape(Vec::new())).reset();
    let result = simd_json::fill_tape_padded(text, length, buffers, &mut nodes);
    let result = result.map(|()| see(Json::from_nodes(&nodes.0)));
    *tape = nodes.reset();
    result
}

impl<C: Collect> Reader<'_, C> {
    /// A value at the top of an object, or of a line.
    pub(super) fn top(&mut self, json: Json<'_>) {
        if !self.value(json, 0) {
            self.found.others += 1;
        }
    }

    /// One element of a list of records, when the list is read piece by piece.
    pub(super) fn element(&mut self, json: Json<'_>) {
        if let Some(left) = self.n_done.checked_sub(1) {
            self.n_done = left;
            return;
        }
        if !self.value(json, 1) {
            self.malformed(RecordError::NotAnObject);
        }
    }

    /// The records of a text that is one list of them; what is left when one is no JSON.
    pub(super) fn raw(&mut self, text: &[u8], records: &[RawSpans]) -> Result<(), usize> {
        let (mut odd, mut any) = (0, false);
        let mut parser = self.spare.pop().unwrap_or_else(|| Parser::new(self.depth));
        let mut result = Ok(());
        for (number, spans) in records.iter().enumerate() {
            let raw = RawRecord::new(text, spans);
            match self.raw_record(&raw, &mut parser) {
                Ok(true) => any = true,
                Ok(false) => odd += 1,
                Err(_) => {
                    result = Err(number);
                    break;
                }
            }
        }
        self.spare.push(parser);
        if any {
            (0..odd).for_each(|_| self.malformed(RecordError::NotAnObject));
        } else if result.is_ok() {
            self.found.others += 1;
        }
        result
    }

    /// Whether a record of a list is one, or carries one.
    fn raw_record(&mut self, raw: &RawRecord<'_>, parser: &mut Parser) -> Result<bool, simd_json::Error> {
        let caller = match self.collector.again(raw) {
            Again::All => {
                self.found.records += 1;
                self.found.events += 1;
                return Ok(true);
            }
            Again::Caller(caller) => Some(caller),
            Again::Nothing => None,
        };
        let as_event =
            |json: Json<'_>| Event::parse(json).ok().map(|event| self.event(&event, Some((raw, caller))));
        let write = |into: &mut Vec<u8>| match caller {
            Some(_) => raw.write_call(into),
            None => raw.write_kept(into),
        };
        match parser.parse_written(write, as_event)? {
            Some(is_event) => Ok(is_event),
            // Looked at as a whole, it may be something else.
            None => parser.parse(raw.whole(), |json| self.value(json, 2)),
        }
    }

    /// Whether `json` is a record or carries at least one (an empty log counts).
    fn value(&mut self, json: Json<'_>, depth: u8) -> bool {
        if depth > DEEPEST_CARRIER {
            return false;
        }
        if json.is_array() {
            return self.list(json, depth);
        }
        if !json.is_object() {
            return false;
        }
        if self.record(json) {
            return true;
        }
        if json.get("digestS3Object").text().is_some() && json.get("logFiles").is_array() {
            self.found.digests += 1;
            return true;
        }
        if json.get("messageType").as_str() == Some("CONTROL_MESSAGE") && json.get("logEvents").is_array() {
            self.found.records += 1;
            self.skipped("control-message");
            return true;
        }
        for name in LISTS {
            let list = json.get_ignore_case(name);
            if list.is_array() {
                let is_empty_log = name == "Records" && list.elements().next().is_none();
                self.found.empty_logs += u64::from(is_empty_log);
                return is_empty_log || self.list(list, depth + 1);
            }
        }
        // EventBridge carries all kinds of events; only those that came through CloudTrail hold records.
        let through = json.get("detail-type").text();
        if through.is_some_and(|kind| !kind.ends_with("via CloudTrail")) {
            return false;
        }
        SINGLES.iter().any(|name| {
            let inner = json.get_ignore_case(name);
            match inner.text() {
                Some(text) => self.text(text, depth + 1),
                None => inner.is_object() && self.value(inner, depth + 1),
            }
        })
    }

    /// A list in which at least one element is a record or carries one; then all others are malformed records.
    fn list(&mut self, list: Json<'_>, depth: u8) -> bool {
        let mut odd = 0;
        let mut any = false;
        for element in list.elements() {
            if self.value(element, depth + 1) {
                any = true;
            } else {
                odd += 1;
            }
        }
        if any {
            (0..odd).for_each(|_| self.malformed(RecordError::NotAnObject));
        }
        any
    }

    /// JSON inside a string.
    fn text(&mut self, text: &str, depth: u8) -> bool {
        if !text.trim_start().starts_with(['{', '[']) {
            return false;
        }
        let mut parser = self.spare.pop().unwrap_or_else(|| Parser::new(self.depth));
        let found = parser.parse(text.as_bytes(), |json| self.value(json, depth)).unwrap_or(false);
        self.spare.push(parser);
        found
    }

    /// Hands a record on; false when `json` is none.
    fn record(&mut self, json: Json<'_>) -> bool {
        let error = match Event::parse(json) {
            Ok(event) => return self.event(&event, None),
            Err(error) => error,
        };
        if !is_record(json) {
            return false;
        }
        if let Some(kind) = Self::passed_over(Event::category_of(json)) {
            self.found.records += 1;
            self.skipped(kind);
            return true;
        }
        if error == RecordError::NoId {
            // Event version 1.0 had no ids. The content is one, so that two deliveries are one event.
            let id = content_id(json);
            if let Ok(event) = Event::parse_or_name(json, &id) {
                return self.event(&event, None);
            }
        }
        self.malformed(error);
        true
    }

    fn event(&mut self, event: &Event<'_>, raw: Option<(&RawRecord<'_>, Option<KnownCaller>)>) -> bool {
        // Notifications of S3, DynamoDB and others look like records, but their sources are `aws:s3` and the like.
        if event.source.starts_with("aws:") {
            return false;
        }
        self.found.records += 1;
        match Self::passed_over(event.category) {
            Some(kind) => self.skipped(kind),
            None => {
                self.found.events += 1;
                match raw {
                    Some((raw, caller)) => self.collector.event_raw(event, raw, caller),
                    None => self.collector.event(event),
                }
            }
        }
        true
    }

    /// The kind of a record that repeats what others say.
    fn passed_over(category: Category) -> Option<&'static str> {
        match category {
            Category::Management | Category::Data => None,
            Category::NetworkActivity if C::NETWORK_ACTIVITY => None,
            Category::NetworkActivity => LogKind::NetworkActivity.skipped(),
            Category::Insight => LogKind::Insight.skipped(),
            Category::Aggregated => LogKind::Aggregated.skipped(),
        }
    }

    pub(super) fn malformed(&mut self, error: RecordError) {
        self.found.records += 1;
        *self.found.malformed.entry(error).or_default() += 1;
        self.collector.malformed(error);
    }

    fn skipped(&mut self, kind: &'static str) {
        *self.found.skipped.entry(kind).or_default() += 1;
        self.collector.skipped(kind);
    }
}

/// Whether an object is meant as a CloudTrail record, though it may lack what an event needs.
fn is_record(json: Json<'_>) -> bool {
    let source = json.get("eventSource");
    if source.as_str().is_some_and(|source| source.starts_with("aws:")) {
        return false;
    }
    let has = |key: &str| !json.get(key).is_null();
    let names =
        [has("eventName"), has("eventSource"), has("eventType"), has("eventCategory"), has("userIdentity")];
    (has("eventVersion") || has("eventTime") || has("eventID")) && names.contains(&true)
}

/// An id made of a record's keys and texts: the same for every delivery of the record, in every process.
fn content_id(json: Json<'_>) -> String {
    // FNV-1a with 128 bits; nobody gains by a collision of records of 2013.
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    for (key, text) in json.strings() {
        for byte in key.bytes().chain([0xff]).chain(text.bytes()).chain([0xff]) {
            hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
    format!("no-id-{hash:032x}")
}
